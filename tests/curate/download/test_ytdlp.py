"""yt-dlp's real downloader, with a page of our own that serves several formats from a local server."""

from __future__ import annotations

import threading
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

yt_dlp = pytest.importorskip("yt_dlp", reason="yt-dlp is not installed: pip install 'longtake[youtube]'")

from yt_dlp.extractor.common import InfoExtractor  # noqa: E402
from yt_dlp.utils import ExtractorError, GeoRestrictedError  # noqa: E402

from curate.download.backend import Settings, Target  # noqa: E402
from curate.download.choose import Chooser  # noqa: E402
from curate.download.ytdlp import YtDlp, format_chooser, params_of, runtimes, section_of  # noqa: E402
from tests.curate.download.conftest import OPEN  # noqa: E402
from tests.misbehaving_server import Server  # noqa: E402

FORMATS = (  # id, width, height, video codec, audio codec, how the server serves it
    ("low", 426, 240, "avc1.4d4015", "none", "ok"),
    ("sound", 1280, 720, "avc1.4d401f", "mp4a.40.2", "ok"),
    ("av1", 1280, 720, "av01.0.05M.08", "none", "ok"),
    ("avc", 1280, 720, "avc1.4d401f", "none", "ok"),
    ("high", 1920, 1080, "avc1.640028", "none", "ok"),
    ("audio", None, None, "none", "mp4a.40.2", "ok"),
)


class LocalIE(InfoExtractor):
    """`https://local.test/<what>/<port>`: a video in six formats, or a page that says what pages say."""

    _VALID_URL = r"https://local\.test/(?P<id>\w+)/(?P<port>\d+)"

    def _real_extract(self, url: str) -> Any:
        what, port = self._match_valid_url(url).group("id", "port")  # pyright: ignore[reportOptionalMemberAccess]
        if what == "private":
            raise ExtractorError("Private video. Sign in if you've been granted access to this video", expected=True)
        if what == "bot":
            raise ExtractorError("Sign in to confirm you’re not a bot.", expected=True)
        if what == "geo":
            raise GeoRestrictedError("not available from your location", countries=["DE"])  # pyright: ignore[reportArgumentType]
        serves = what if what in ("403", "429", "reset", "html", "reset_once") else "ok"
        formats = [
            {"format_id": name, "url": f"http://127.0.0.1:{port}/{serves}/a.mp4", "ext": "mp4", "width": width,
             "height": height, "vcodec": video, "acodec": audio}
            for name, width, height, video, audio, _ in FORMATS
        ]  # fmt: skip
        return {"id": what, "title": "a title", "uploader": "somebody", "license": "CC-BY", "formats": formats,
                "live_status": "is_live" if what == "live" else "not_live"}  # fmt: skip


def fetch(what: str, server: Server, folder: Path, settings: Settings = OPEN):
    backend = YtDlp(settings, extractors=[LocalIE])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # of connections that the server broke
        return backend.fetch(Target("key", f"https://local.test/{what}/{server.server_port}", folder / "x.part"))


def test_the_whole_video_only_stream_at_the_wanted_height_comes(server: Server, tmp_path: Path):
    told = fetch("good", server, tmp_path)
    assert (told.outcome, told.format) == ("ok", "avc")
    assert (told.title, told.uploader, told.licence) == ("a title", "somebody", "CC-BY")
    assert told.path is not None
    assert told.path.read_bytes() == (server.folder / "a.mp4").read_bytes()


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (Settings(max_height=480), "low"),
        (Settings(max_height=1080), "high"),
        (Settings(max_height=None), "high"),
        (Settings(max_height=480, min_height=480), None),
    ],
)
def test_the_height_is_the_nearest_below_what_is_wanted(settings: Settings, name: str | None):
    formats = [
        {"format_id": i, "width": w, "height": h, "vcodec": v, "acodec": a, "ext": "mp4"}
        for i, w, h, v, a, _ in FORMATS
    ]
    assert [f["format_id"] for f in format_chooser(settings)({"formats": formats})] == ([name] if name else [])


def test_of_an_upright_video_the_width_counts():
    upright = {"format_id": "u", "width": 720, "height": 1280, "vcodec": "avc1", "acodec": "none", "ext": "mp4"}
    assert list(format_chooser(Settings(max_height=720))({"formats": [upright]})) == [upright]


def test_no_stream_of_the_wanted_height_is_a_failure_of_format(server: Server, tmp_path: Path):
    told = fetch("good", server, tmp_path, replace(OPEN, max_height=700, min_height=300))
    assert told.outcome == "format"


@pytest.mark.parametrize(
    ("what", "outcome"),
    [("private", "private"), ("bot", "bot_check"), ("geo", "geo"), ("live", "live"), ("403", "forbidden"),
     ("429", "rate_limited"), ("reset", "network")],
)  # fmt: skip
def test_what_goes_wrong_has_a_class(what: str, outcome: str, server: Server, tmp_path: Path):
    assert fetch(what, server, tmp_path).outcome == outcome


def test_a_private_address_is_not_connected_to(server: Server, tmp_path: Path):
    told = fetch("good", server, tmp_path, replace(OPEN, allow_private=False))
    assert told.outcome == "forbidden_address"
    assert server.asked == []


def test_more_bytes_than_allowed_are_not_fetched(server: Server, tmp_path: Path):
    assert fetch("good", server, tmp_path, replace(OPEN, max_bytes=1000)).outcome == "too_large"


def test_what_yt_dlp_is_told_can_run_nothing_and_names_no_client(tmp_path: Path):
    settings = Settings(extractor_args={"youtubepot-bgutilhttp": {"base_url": ["http://127.0.0.1:4416"]}})
    target = Target("key", "https://youtu.be/aaaaaaaaaaa", tmp_path / "100%.part")
    params = params_of(settings, target, watch=Quiet())  # pyright: ignore[reportArgumentType]
    assert params["postprocessors"] == []
    assert not {"exec_cmd", "exec_before_dl_cmd", "cookiesfrombrowser", "config_locations"} & set(params)
    assert params["extractor_args"] == {"youtubepot-bgutilhttp": {"base_url": ["http://127.0.0.1:4416"]}}
    assert params["outtmpl"]["default"].endswith("/100%%.ytdl.%(ext)s")


class Quiet:
    def __getattr__(self, name: str):
        return lambda *_, **__: None


def test_sections_are_one_span_that_holds_all_with_a_margin(tmp_path: Path):
    target = Target("key", "u", tmp_path / "x", spans=((30_000_000, 40_000_000), (1_000_000, 5_000_000)))
    assert section_of(target) == (0, 42_000_000)


def test_youtube_without_a_javascript_runtime_is_said_and_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("curate.download.ytdlp._runtimes", dict)
    told = YtDlp(OPEN).fetch(Target("key", "https://youtu.be/aaaaaaaaaaa", tmp_path / "x.part"))
    assert told.outcome == "challenge"
    assert told.message is not None
    assert "Deno 2.3 or Node 22" in told.message


def test_a_runtime_of_this_installation_is_found():
    assert set(runtimes()) & {"deno", "node"}


def test_youtube_is_fetched_up_to_the_network(tmp_path: Path):
    told = YtDlp(replace(OPEN, stall_s=2)).fetch(Target("key", "https://youtu.be/aaaaaaaaaaa", tmp_path / "x.part",
                                                        stop=threading.Event()))  # fmt: skip
    assert told.outcome in ("network", "gone", "bot_check", "rate_limited", "login")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://youtu.be/aaaaaaaaaaa", "yt-dlp"),
        ("https://x.org/a.MP4?x=1", "http"),
        ("https://vimeo.com/76979871", "yt-dlp"),
        ("https://x.org/watch/7", "http"),
    ],
)
def test_auto_picks_by_url(url: str, name: str):
    assert Chooser("auto", OPEN, 1)(url).name == name


def test_a_chosen_backend_runs_in_a_process_of_its_own(server: Server, tmp_path: Path):
    target = Target("key", server.url("ok", "a.mp4"), tmp_path / "x.part")
    told = Chooser("yt-dlp", OPEN, 1)(target.url).fetch(target)  # yt-dlp's guess at any page knows a plain video
    assert told.outcome == "ok", told
    assert told.path is not None
    assert told.path.read_bytes() == (server.folder / "a.mp4").read_bytes()
    before = len(server.asked)
    told = Chooser("yt-dlp", replace(OPEN, allow_private=False), 1)(target.url).fetch(target)
    assert told.outcome == "forbidden_address", told
    assert len(server.asked) == before
