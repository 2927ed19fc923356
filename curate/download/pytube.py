"""YouTube by pytube's API, as LVD-2M's own script used it: through pytubefix, or pytube itself where that is
installed."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from http.client import HTTPException
from types import ModuleType
from typing import Any
from urllib.error import HTTPError, URLError

from curate.download.backend import GB, Fetched, Settings, Target
from curate.download.outcomes import of_status, of_text
from curate.download.safety import ForbiddenAddress, host_of, only_public

_CLASSES = {
    "BotDetection": "bot_check", "PoTokenRequired": "bot_check", "VideoPrivate": "private", "MembersOnly": "private",
    "AgeRestrictedError": "age", "AgeCheckRequiredError": "age", "AgeCheckRequiredAccountError": "age",
    "LoginRequired": "login", "VideoRegionBlocked": "geo", "LiveStreamError": "live", "LiveStreamOffline": "live",
    "LiveStreamEnded": "live", "RecordingUnavailable": "gone", "VideoUnavailable": "gone", "AccountTerminated": "gone",
    "VideoRemovedByUploader": "gone", "VideoRemovedByYouTubeForViolatingTOS": "gone", "VideoBlockedByCopyright": "gone",
    "UnknownVideoError": "server", "InnerTubeResponseError": "server", "RegexMatchError": "challenge",
    "ExtractError": "challenge", "InterpretationError": "challenge", "SABRError": "network",
    "MaxRetriesExceeded": "network",
}  # fmt: skip
"""Names of pytubefix's exceptions (11.x); those of pytube are among them."""


def installed() -> ModuleType:
    """pytubefix, else pytube.

    Raises:
        ImportError: neither is there.
    """
    try:
        return importlib.import_module("pytubefix")
    except ImportError:
        return importlib.import_module("pytube")


class Pytube:
    """Fetches YouTube videos. `make_video(url, proxies=…)` gives what has `streams`: pytube's class `YouTube`."""

    name = "pytube"

    def __init__(self, settings: Settings, make_video: Callable[..., Any] | None = None) -> None:
        module = installed()
        self._settings, self._make_video = settings, make_video or module.YouTube
        self._errors = (
            importlib.import_module(f"{module.__name__}.exceptions").PytubeFixError
            if module.__name__ == "pytubefix"
            else importlib.import_module("pytube.exceptions").PytubeError
        )
        self._can_interrupt = module.__name__ == "pytubefix"

    def fetch(self, target: Target) -> Fetched:  # noqa: PLR0911  (a case each)
        try:
            host_of(target.url)
        except ValueError as error:
            return Fetched("bad_url", str(error))
        s = self._settings
        guard = nullcontext() if s.allow_private or s.proxy else only_public()
        try:
            with guard:
                return self._fetch(target)
        except ForbiddenAddress as error:
            return Fetched("forbidden_address", str(error))
        except HTTPError as error:
            after = error.headers.get("Retry-After") or ""
            seconds = float(after) if after.isdigit() else None
            outcome = of_status(error.code, target.url)
            return Fetched(outcome, f"HTTP {error.code} {error.reason}", http_status=error.code, retry_after=seconds)
        except URLError as error:
            if isinstance(error.reason, ForbiddenAddress):
                return Fetched("forbidden_address", str(error.reason))
            return Fetched("network", str(error.reason))
        except (OSError, HTTPException) as error:
            return Fetched(of_text(str(error)) or "network", str(error) or type(error).__name__)
        except (self._errors, KeyError) as error:  # KeyError: pytube finds no streamingData in the page
            return Fetched(_class_of(error), str(error) or type(error).__name__)

    def _fetch(self, target: Target) -> Fetched:
        proxies = {"http": self._settings.proxy, "https": self._settings.proxy} if self._settings.proxy else None
        video = self._make_video(target.url, proxies=proxies)
        stream = chosen(video.streams, self._settings)
        if stream is None:
            heights = sorted({f"{s.resolution}" for s in video.streams if s.includes_video_track})
            return Fetched("format", f"no stream of the wanted height; there are {', '.join(heights) or 'none'}")
        if stream.filesize > self._settings.max_bytes:
            return Fetched("too_large", f"{stream.filesize:,} bytes, more than {self._settings.max_bytes / GB:g} GB")
        left = shutil.disk_usage(target.partial.parent).free - stream.filesize
        if left < self._settings.min_free_bytes:
            return Fetched("disk", f"less than {self._settings.min_free_bytes / GB:g} GB would stay free")
        path = target.partial.with_suffix(f".pytube.{stream.subtype}")
        interrupt = {"interrupt_checker": partial(_must_stop, target)} if self._can_interrupt else {}
        target.beat()
        stream.download(
            output_path=str(path.parent), filename=path.name, skip_existing=False, timeout=int(self._settings.stall_s),
            max_retries=1, **interrupt,
        )  # fmt: skip
        size = path.stat().st_size if path.is_file() else 0
        if size != stream.filesize:
            path.unlink(missing_ok=True)
            return Fetched("network", f"{size} of {stream.filesize} bytes came", bytes=size)
        return Fetched("ok", path=path, bytes=size, format=str(stream.itag), title=_said(video, "title"),
                       uploader=_said(video, "author"))  # fmt: skip


def _must_stop(target: Target) -> bool:
    """pytubefix asks after every chunk."""
    target.beat()
    return target.stop.is_set()


def chosen(streams: Any, settings: Settings) -> Any | None:
    """The highest stream that is not higher than wanted: video alone before video with sound, mp4 before others."""

    def height(stream: Any) -> int:
        text = str(stream.resolution or "").rstrip("p")
        return int(text) if text.isdigit() else 0

    fits = [
        stream
        for stream in streams
        if stream.includes_video_track
        and height(stream)
        and (settings.max_height is None or height(stream) <= settings.max_height)
        and (settings.min_height is None or height(stream) >= settings.min_height)
    ]
    worth = [
        (height(s), s.is_adaptive, s.subtype == "mp4", "avc1" in str(s.video_codec), -i) for i, s in enumerate(fits)
    ]
    return fits[worth.index(max(worth))] if fits else None


def _class_of(error: BaseException) -> str:
    """By the nearest of its classes that is known, else by its text."""
    if isinstance(error, KeyError):
        return "challenge"
    named = next((_CLASSES[c.__name__] for c in type(error).__mro__ if c.__name__ in _CLASSES), None)
    told = of_text(f"{type(error).__name__} {error}")
    return (
        told
        if named in (None, "gone", "server") and told in ("bot_check", "rate_limited", "private")
        else named or told or "network"
    )


def _said(video: Any, name: str) -> str | None:
    """What a page says of a video; pytube raises what it likes where it cannot find it, and a title is worth no
    failure."""
    try:
        return str(getattr(video, name))
    except (AttributeError, KeyError, ValueError, TypeError, OSError):
        return None
