"""Which frames are looked at: enough of them, and as few as possible that would not be decoded anyway."""

from __future__ import annotations

import numpy as np
import pytest

from curate.look_plan import GAP_US, STEP_US, look_plan
from media.limits import DEFAULT_LIMITS
from media.opening import open_video
from media.packets import PacketIndex, index_packets
from tests.conftest import MadeVideos


def index_of(path: object) -> PacketIndex:
    with open_video(str(path)) as video:
        return index_packets(video, DEFAULT_LIMITS)


@pytest.mark.parametrize(("fps", "b_frames"), [(30, 0), (30, 3), (24, 3), (60, 3), (8, 0), (12, 2)])
def test_looks_lie_neither_nearer_nor_farther_apart_than_they_should(make_video: MadeVideos, fps: int, b_frames: int):
    index = index_of(make_video(scenes=[("natural", 60)], fps=fps, b_frames=b_frames, size=(160, 90)))
    plan = look_plan(index)
    gaps = np.diff(index.times_us[plan])
    assert plan[0] == 0
    assert plan[-1] == 59
    assert all(gaps[:-1] >= STEP_US)  # the last frame is looked at however near it is
    assert all(gaps <= max(GAP_US, 1_000_000 // fps + 1))


def test_frames_that_others_need_are_preferred(make_video: MadeVideos):
    # of every four frames three are B frames: 133 ms from one P frame to the next at 30 frames a second
    options = (("preset", "medium"), ("x264-params", "b-adapt=0:b-pyramid=none:scenecut=0"))
    index = index_of(make_video(scenes=[("natural", 60)], fps=30, b_frames=3, size=(160, 90), options=options))
    assert index.leads.sum() == 16
    assert look_plan(index) == [*np.flatnonzero(index.leads)]


def test_a_video_of_one_frame_is_looked_at_once(make_video: MadeVideos):
    assert look_plan(index_of(make_video(scenes=[("red", 1)], fps=30))) == [0]
