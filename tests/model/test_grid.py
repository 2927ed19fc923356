"""Frames of a video in one picture, and how many frames a request asks for."""

from __future__ import annotations

import numpy as np
import pytest

from model.errors import ModelError
from model.frames import grid_frame
from model.messages import parse_messages
from tests.conftest import MadeVideos


def message(kind: str, **media: object) -> list[dict[str, object]]:
    return [{"role": "user", "content": [{"type": kind, kind: media}]}]


def test_a_grid_shows_the_middles_of_equal_parts_in_reading_order(make_video: MadeVideos) -> None:
    # 6 s at 10 fps, a colour a second: parts of 10 frames, whose middles are frames 4, 14, ... of one colour each
    colours = ("red", "green", "blue", "white", "black", "yellow")
    video = make_video(scenes=[(colour, 10) for colour in colours], fps=10, size=(64, 48))
    shown = grid_frame({"video_file": str(video), "grid": [2, 3]}, ".")
    assert shown.indices == (4, 14, 24, 34, 44, 54)
    picture = np.asarray(shown.pictures[0])
    assert picture.shape == (2 * 48 + 3 * 2, 3 * 64 + 4 * 2, 3)  # borders of 2 pixels
    assert (picture[:2] == 255).all()
    assert (picture[:, :2] == 255).all()
    red, blue, black = picture[26, 34], picture[26, 166], picture[76, 100]
    assert red[0] > 200 > red[2]
    assert blue[2] > 200 > blue[0]
    assert black.max() < 40


def test_a_short_span_repeats_its_frames(make_video: MadeVideos) -> None:
    video = make_video(scenes=[("red", 10)], fps=10, size=(64, 48))
    item = {"video_file": str(video), "grid": [2, 3], "start_us": 200_000, "end_us": 500_000}
    assert grid_frame(item, ".").indices == (2, 2, 3, 3, 4, 4)


@pytest.mark.parametrize(
    "messages",
    [
        message("video", video_file="a.mp4", grid=[2, 3]),
        message("image", image_file="a.png", grid=[2, 3]),
        message("image", video_file="a.mp4", grid=[0, 3]),
        message("image", video_file="a.mp4", grid=6),
    ],
)
def test_a_grid_is_of_an_image_from_a_video(messages: list[dict[str, object]]) -> None:
    with pytest.raises(ModelError, match="grid is"):
        parse_messages(messages)
