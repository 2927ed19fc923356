"""Observers on a thread of their own see what they would see anyway."""

from __future__ import annotations

from pathlib import Path

import pytest

from curate.observers.beside import Beside
from curate.observers.observer import Measured
from media.frame import Frame
from media.stream import stream
from schemas.spans import Span
from tests.conftest import MadeVideos


class Recorder:
    """Notes what it is shown, and breaks at a frame where it is told to."""

    def __init__(self, breaks_at: int | None = None) -> None:
        self.seen: list[int] = []
        self._breaks_at = breaks_at

    def push(self, frame: Frame) -> None:
        if frame.index == self._breaks_at:
            raise ValueError("this observer is broken")
        assert frame.luma.size
        self.seen.append(frame.index)

    def measure(self, clip: Span) -> dict[str, Measured]:
        return {}


@pytest.fixture
def video(make_video: MadeVideos) -> Path:
    return make_video(scenes=[("natural:1", 40)], fps=30)


@pytest.mark.parametrize("threads", [1, 2])
def test_all_frames_are_seen_in_order(video: Path, threads: int):
    recorder = Recorder()
    with stream(str(video), max_side=64) as frames, Beside([recorder], threads) as beside:
        for frame in frames:
            beside.push(frame)
    assert recorder.seen == list(range(40))


@pytest.mark.parametrize("threads", [1, 2])
def test_what_an_observer_raises_arrives(video: Path, threads: int):
    broken = Recorder(breaks_at=5)
    with (
        pytest.raises(ValueError, match="broken"),
        stream(str(video), max_side=64) as frames,
        Beside([broken], threads) as beside,
    ):
        for frame in frames:
            beside.push(frame)
    assert broken.seen == [0, 1, 2, 3, 4]


def test_an_error_of_the_caller_does_not_wait_for_ever(video: Path):
    with pytest.raises(KeyError), stream(str(video), max_side=64) as frames, Beside([Recorder()], 2) as beside:
        for frame in frames:
            beside.push(frame)
            if frame.index == 3:
                raise KeyError
