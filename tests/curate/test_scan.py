"""One decode pass: cuts, and the clips between them with exact bounds."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from curate.detectors.cut import Cut
from curate.scan import Scan, ScanSettings, clips_between, scan
from media.errors import MediaError
from media.synthetic.worlds import cuts_world
from schemas.spans import Span
from tests.conftest import MadeVideos

FRAMES = [i * 100_000 for i in range(30)]  # 10 frames a second, 3 s


def cut(start_s: float, end_s: float, kind: str = "hard") -> Cut:
    return Cut(int(start_s * 1e6), int(end_s * 1e6), kind, None, "test")


def test_a_cut_after_one_second_gives_two_clips(make_video: MadeVideos):
    video = make_video(scenes=[("red", 30), ("blue", 30)], fps=30)  # the cut is at frame 30 = 1 s
    found: Scan = scan(str(video), ScanSettings(), fps=Fraction(30))
    assert [(c.span.start_us, c.span.end_us, c.num_frames) for c in found.clips] == [
        (0, 1_000_000, 30),
        (1_000_000, 2_000_000, 30),
    ]


def test_the_frame_of_a_hard_cut_belongs_to_the_new_clip():
    assert clips_between([cut(1, 1)], 3_000_000, FRAMES) == [(Span(0, 1_000_000), 10), (Span(1_000_000, 3_000_000), 20)]


def test_frames_of_a_dissolve_belong_to_no_clip():
    clips = clips_between([cut(1, 1.5, "dissolve")], 3_000_000, FRAMES)
    assert clips == [(Span(0, 1_000_000), 10), (Span(1_500_000, 3_000_000), 15)]


def test_a_rejected_flash_divides_nothing():
    assert clips_between([cut(1, 1.1, "flash_rejected")], 3_000_000, FRAMES) == [(Span(0, 3_000_000), 30)]


def test_a_span_without_a_frame_is_no_clip():
    assert clips_between([cut(1, 1.01), cut(1.05, 1.1)], 3_000_000, [0, 1_100_000]) == [
        (Span(0, 1_000_000), 1),
        (Span(1_100_000, 3_000_000), 1),
    ]


def test_a_video_that_gives_no_picture_is_an_error(tmp_path: object):
    with pytest.raises(MediaError, match="missing_file"):
        scan("/nowhere/at/all.mp4", ScanSettings(), fps=Fraction(30))


def test_a_thorough_scan_decodes_every_frame_and_the_caller_hears_of_it(make_video: MadeVideos):
    beats: list[int] = []
    video = make_video(scenes=[("red", 30), ("blue", 30)], fps=30)
    found = scan(str(video), ScanSettings(thorough=True), fps=Fraction(30), beat=lambda: beats.append(1))
    assert len(beats) == found.report.num_frames == 60


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libvpx-vp9", "libsvtav1", "mpeg4"])
def test_a_scan_of_some_frames_finds_what_a_thorough_one_finds(make_video: MadeVideos, codec: str):
    video = make_video(world=cuts_world(1.5, 3), fps=30, codec=codec, size=(320, 180))
    some, every = (scan(str(video), ScanSettings(thorough=thorough), fps=Fraction(30)) for thorough in (False, True))
    assert [cut.start_us for cut in some.cuts] == [1_500_000, 3_000_000]
    assert [(cut.start_us, cut.end_us, cut.kind) for cut in some.cuts] == [
        (cut.start_us, cut.end_us, cut.kind) for cut in every.cuts
    ]
    spans_some, spans_every = ([(clip.span, clip.num_frames) for clip in found.clips] for found in (some, every))
    assert spans_some == spans_every


def test_frames_that_nothing_needs_are_not_decoded(make_video: MadeVideos):
    options = (("preset", "medium"), ("x264-params", "b-adapt=0:b-pyramid=none"))
    video = make_video(world=cuts_world(1.5, 2), fps=30, b_frames=3, size=(320, 180), options=options)
    found = scan(str(video), ScanSettings(), fps=Fraction(30))
    assert [cut.start_us for cut in found.cuts] == [1_500_000]
    assert found.report.num_frames < 60  # of 90


def test_a_damaged_video_is_decoded_from_its_beginning(make_video: MadeVideos, tmp_path: Path):
    video = bytearray(make_video(world=cuts_world(1.5, 3), fps=30, size=(320, 180)).read_bytes())
    middle = len(video) // 2
    video[middle : middle + 200] = bytes(200)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(video)
    some, every = (scan(str(damaged), ScanSettings(thorough=thorough), fps=Fraction(30)) for thorough in (False, True))
    assert some.cuts == every.cuts
    assert some.report == every.report


def test_a_guard_is_kept_around_what_takes_time():
    clips = clips_between([cut(1, 1.5, "dissolve"), cut(2, 2)], 3_000_000, FRAMES, guard_us=100_000)
    assert [span for span, _count in clips] == [
        Span(0, 900_000),
        Span(1_600_000, 2_000_000),
        Span(2_000_000, 3_000_000),
    ]
