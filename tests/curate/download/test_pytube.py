"""pytube's own classes, fed with streams of a local server in place of YouTube's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytubefix = pytest.importorskip("pytubefix", reason="pytubefix is not installed: pip install 'longtake[youtube]'")

from pytubefix import Stream, StreamQuery  # noqa: E402
from pytubefix.exceptions import BotDetection, VideoPrivate, VideoUnavailable  # noqa: E402
from pytubefix.monostate import Monostate  # noqa: E402

from curate.download.backend import Fetched, Settings, Target  # noqa: E402
from curate.download.pytube import Pytube  # noqa: E402
from tests.curate.download.conftest import OPEN  # noqa: E402
from tests.misbehaving_server import Server  # noqa: E402


class LocalVideo:
    """What `pytubefix.YouTube` is to the backend, with two video streams and one of sound."""

    title, author = "a title", "somebody"

    def __init__(self, server: Server, how: str = "ok", error: Exception | None = None) -> None:
        self._server, self._how, self._error = server, how, error

    def __call__(self, url: str, proxies: dict[str, str] | None = None) -> LocalVideo:
        return self

    @property
    def streams(self) -> Any:
        if self._error:
            raise self._error
        shared = Monostate(on_progress=None, on_complete=None, title="a title", duration=2, youtube=None)
        kinds = (
            (135, "480p", 'video/mp4; codecs="avc1.4d401f"'),
            (136, "720p", 'video/mp4; codecs="avc1.4d401f"'),
            (140, None, 'audio/mp4; codecs="mp4a.40.2"'),
        )
        return StreamQuery([Stream(self._described(*kind), shared, "", "") for kind in kinds])

    def _described(self, itag: int, resolution: str | None, mime: str) -> dict[str, Any]:
        url = self._server.url(self._how, "a.mp4", "?itag=1")
        about = {
            "itag": itag,
            "mimeType": mime,
            "url": url,
            "bitrate": 1000,
            "approxDurationMs": "2000",
            "is_otf": False,
            "lastModified": "0",
        }
        return about | ({"qualityLabel": resolution, "fps": 30} if resolution else {})


def fetch(video: LocalVideo, folder: Path, settings: Settings = OPEN) -> Fetched:
    return Pytube(settings, make_video=video).fetch(Target("key", "https://youtu.be/aaaaaaaaaaa", folder / "x.part"))


def test_the_video_only_stream_of_the_wanted_height_comes(server: Server, tmp_path: Path):
    told = fetch(LocalVideo(server), tmp_path)
    assert (told.outcome, told.format, told.uploader) == ("ok", "136", "somebody")
    assert told.path is not None
    assert told.path.read_bytes() == (server.folder / "a.mp4").read_bytes()


def test_a_lower_height_takes_the_nearest_below(server: Server, tmp_path: Path):
    assert fetch(LocalVideo(server), tmp_path, replace(OPEN, max_height=500)).format == "135"
    assert fetch(LocalVideo(server), tmp_path, replace(OPEN, max_height=240)).outcome == "format"


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (VideoPrivate("x"), "private"),
        (VideoUnavailable("x"), "gone"),
        (BotDetection("x"), "bot_check"),
        (KeyError("streamingData"), "challenge"),
        (ConnectionResetError("reset by peer"), "network"),
    ],
)
def test_what_goes_wrong_has_a_class(error: Exception, outcome: str, server: Server, tmp_path: Path):
    assert fetch(LocalVideo(server, error=error), tmp_path).outcome == outcome


def test_a_refusal_of_the_server_has_the_class_of_its_status(server: Server, tmp_path: Path):
    told = fetch(LocalVideo(server, "403"), tmp_path)
    assert (told.outcome, told.http_status) == ("forbidden", 403)


def test_a_private_address_is_not_connected_to(server: Server, tmp_path: Path):
    assert fetch(LocalVideo(server), tmp_path, replace(OPEN, allow_private=False)).outcome == "forbidden_address"
    assert server.asked == []
