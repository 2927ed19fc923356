"""Sampled frames are those of the stream, and cost little."""

import random
from itertools import pairwise

import numpy as np
import pytest

from media.probe import frame_times_us
from media.sample import sample
from media.stream import stream

MEDIUM = {"preset": "medium"}
FILES = {
    "h264": ("a.mp4", {"codec": "libx264", "gop": 10, "bframes": 3, "options": MEDIUM}),
    "h264 open gop": (
        "a.mkv",
        {"codec": "libx264", "gop": 10, "bframes": 3, "options": MEDIUM | {"x264-params": "open-gop=1"}},
    ),
    "h264 in ts": ("a.ts", {"codec": "libx264", "gop": 10, "bframes": 3, "options": MEDIUM}),
    "h264 fragmented": (
        "b.mp4",
        {
            "codec": "libx264",
            "gop": 10,
            "bframes": 3,
            "options": MEDIUM,
            "container_options": {"movflags": "frag_keyframe+empty_moov"},
        },
    ),
    "h264 raw": ("a.h264", {"codec": "libx264", "gop": 10, "bframes": 3, "options": MEDIUM}),
    "h264 in avi": ("a.avi", {"codec": "libx264", "gop": 10, "bframes": 3, "options": MEDIUM}),
    "hevc": (
        "a.mp4",
        {"codec": "libx265", "gop": 10, "options": {"x265-params": "log-level=none:bframes=3:keyint=10"}},
    ),
    "hevc open gop": (
        "a.mkv",
        {"codec": "libx265", "options": {"x265-params": "log-level=none:bframes=4:keyint=12:min-keyint=12:open-gop=1"}},
    ),
    "vp9": ("a.webm", {"codec": "libvpx-vp9", "gop": 10}),
    "vp9 live, no index": ("b.webm", {"codec": "libvpx-vp9", "gop": 10, "container_options": {"live": "1"}}),
    "av1": ("a.mp4", {"codec": "libsvtav1", "gop": 16}),
    "mpeg4": ("a.avi", {"codec": "mpeg4", "gop": 10, "bframes": 2}),
    "mpeg1": ("a.mpg", {"codec": "mpeg1video", "gop": 10, "bframes": 2}),
    "mpeg2 in ts": ("b.ts", {"codec": "mpeg2video", "gop": 10, "bframes": 2}),
    "variable": (
        "v.mp4",
        {"codec": "libx264", "gop": 10, "bframes": 2, "options": MEDIUM, "pts": [n + n // 3 for n in range(40)]},
    ),
    "offset": ("o.mkv", {"codec": "libx264", "gop": 10, "bframes": 2, "options": MEDIUM, "pts": list(range(70, 110))}),
}


@pytest.mark.parametrize("kind", FILES)
def test_samples_are_the_frames_of_the_stream(numbered, kind):
    name, settings = FILES[kind]
    path = numbered(name, 40, **settings)
    whole = [(frame.time_us, frame.luma) for frame in stream(path)]
    assert len(whole) == 40
    times = random.Random(7).choices(range(whole[-1][0] + 40_000), k=12)
    for time, frame in zip(times, sample(path, times), strict=True):
        expected = next(pair for pair in reversed(whole) if pair[0] <= time)
        assert frame.time_us == expected[0]
        assert np.array_equal(frame.luma, expected[1])


def test_the_displayed_frame_is_the_last_that_started(numbered):
    path = numbered("a.mp4", 10, rate=25)  # frame n is shown in [n * 40 ms, n * 40 ms + 40 ms)
    frames = sample(path, [0, 39_999, 40_000, 79_999, 80_000])
    assert [numbered.number_of(frame) for frame in frames] == [0, 0, 1, 1, 2]


def test_order_and_duplicates_are_kept(numbered):
    frames = sample(numbered("a.mp4", 10, rate=25), [200_000, 0, 200_000])
    assert [numbered.number_of(frame) for frame in frames] == [5, 0, 5]
    assert frames.frames[0] is frames.frames[2]


def test_after_the_end_the_last_frame_stays(numbered):
    assert [numbered.number_of(frame) for frame in sample(numbered("a.mp4", 10), [9_000_000])] == [9]


def test_a_seek_spares_decoding(numbered):
    path = numbered("a.mp4", 50, gop=10, rate=25)
    # frame 42 needs keyframe 40, 41, 42; decoding from the start would be 43
    assert sample(path, [42 * 40_000]).num_decoded == 3


def test_near_frames_are_decoded_on(numbered):
    path = numbered("a.mp4", 50, gop=50, rate=25)
    assert sample(path, [40 * 40_000, 44 * 40_000]).num_decoded == 45


def test_pictures_that_nothing_needs_are_not_decoded(numbered):
    # I b b P b b P ...: for frame 30 only keyframe 0 and the P frames 3, 6 ... 30 are decoded
    plain = {"preset": "medium", "x264-params": "b-pyramid=none:b-adapt=0:scenecut=0"}
    path = numbered("a.mp4", 40, gop=40, bframes=2, options=plain)
    result = sample(path, [30 * 40_000])
    assert numbered.number_of(result.frames[0]) == 30
    assert result.num_decoded <= 12


def test_inexact_gives_the_keyframe_before_and_says_so(numbered):
    frames = sample(numbered("a.mp4", 50, gop=10, rate=25), [17 * 40_000], exact=False)
    assert [(frame.time_us, numbered.number_of(frame)) for frame in frames] == [(400_000, 10)]
    assert frames.num_decoded == 1


def test_an_exact_size_can_be_asked(numbered):
    assert sample(numbered("a.mp4", 4), [0], size=(56, 28)).frames[0].luma.shape == (28, 56)


def test_no_times_give_no_frames(numbered):
    assert len(sample(numbered("a.mp4", 4), [])) == 0


def test_a_negative_time_is_refused(numbered):
    with pytest.raises(ValueError, match="must be >= 0, got -5"):
        sample(numbered("a.mp4", 4), [-5])


def test_times_are_found_in_a_growing_video(numbered):
    path = numbered("a.mp4", 20, rate=25)
    frames = sample(path, range(0, 800_000, 40_000))
    assert all(a.time_us < b.time_us for a, b in pairwise(frames))


def test_a_file_that_changes_is_indexed_anew(make_video, tmp_path):
    path = tmp_path / "video.mp4"
    path.write_bytes(make_video(scenes=[("red", 10)], fps=10).read_bytes())
    assert len(frame_times_us(path)) == 10
    path.write_bytes(make_video(scenes=[("red", 15)], fps=10).read_bytes())
    assert len(frame_times_us(path)) == 15
