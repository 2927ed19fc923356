"""What clips measure, against worlds whose truth is known."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from curate.observers.series import Series
from curate.scan import FoundClip, ScanSettings, scan
from media.synthetic import Camera, Scene, Texture, World
from media.synthetic.worlds import bouncing_shapes, pans_world, still_world, zoom_world
from schemas.spans import Span
from tests.conftest import MadeVideos


def clips_of(path: Path, fps: int = 30) -> list[FoundClip]:
    return scan(str(path), ScanSettings(), fps=Fraction(fps)).clips


@pytest.mark.parametrize(
    ("codec", "fps", "size"),
    [
        ("libx264", 30, (640, 360)),
        ("libx264", 15, (320, 180)),
        ("libvpx-vp9", 24, (426, 240)),
        ("mpeg4", 60, (320, 180)),
    ],
)
def test_a_pan_moves_at_its_speed_whatever_codec_rate_and_size(
    make_video: MadeVideos, codec: str, fps: int, size: tuple[int, int]
):
    path = make_video(world=pans_world(1.5, 0.1), codec=codec, fps=fps, size=size)
    for clip in clips_of(path, fps):
        assert clip.measures["flow_diag_per_s"] == pytest.approx(0.1, rel=0.05)


def test_a_zoom_moves_as_its_field_says(make_video: MadeVideos):
    path = make_video(world=zoom_world(3.0), size=(640, 360))
    motion = make_video.truth(path).clips[0].motion
    assert motion is not None
    assert clips_of(path)[0].measures["flow_diag_per_s"] == pytest.approx(motion.flow_diag_per_s, rel=0.05)


def test_left_and_right_do_not_cancel(make_video: MadeVideos):
    there_and_back = pans_world(1.5, 0.1)  # its first two scenes pan right, then left
    path = make_video(world=there_and_back, size=(320, 180))
    first, second = clips_of(path)[:2]
    assert first.measures["flow_diag_per_s"] == pytest.approx(second.measures["flow_diag_per_s"], rel=0.05)


def test_a_turned_video_measures_the_same(make_video: MadeVideos):
    upright = clips_of(make_video(world=pans_world(1.5, 0.1), size=(320, 180)))
    turned = clips_of(make_video(world=pans_world(1.5, 0.1), size=(320, 180), rotation=90))
    for one, other in zip(upright, turned, strict=True):
        assert one.measures["flow_diag_per_s"] == pytest.approx(other.measures["flow_diag_per_s"], rel=0.05)


def test_a_still_picture_is_still(make_video: MadeVideos):
    clip = clips_of(make_video(world=still_world(2.0), size=(320, 180)))[0]
    assert clip.measures["still_share"] == 1.0
    assert clip.measures["flow_diag_per_s"] < 0.002  # type: ignore[operator]


def test_lvd2ms_score_is_pixels_in_half_a_second_at_520x960(make_video: MadeVideos):
    # 0.1 diagonals a second to the right in a 16:9 frame: the width is 0.8716 of the diagonal, so half a second is
    # 0.05 / 0.8716 of the width, and of 960 pixels that is 55.07
    world = World((Scene(Texture(seed=4), 3.0, Camera(pan_diag_per_s=0.1)),))
    clip = clips_of(make_video(world=world, size=(640, 360)))[0]
    assert clip.measures["flow_dis_lvd"] == pytest.approx(55.07, rel=0.08)


def test_luma_is_measured_full_range(make_video: MadeVideos):
    white = clips_of(make_video(scenes=[("white", 30)], fps=30))[0]
    assert white.measures["luma_mean"] == pytest.approx(255, abs=1)
    assert white.measures["luma_std"] == pytest.approx(0, abs=0.5)


def test_a_blurred_picture_is_less_sharp(make_video: MadeVideos):
    sharp = clips_of(make_video(scenes=[("city:1", 30)], size=(320, 180)))[0]
    soft = clips_of(make_video(scenes=[("gradient:1", 30)], size=(320, 180)))[0]
    assert sharp.measures["sharpness"] > 5 * soft.measures["sharpness"]  # type: ignore[operator]


def test_a_clip_too_short_for_a_measure_has_none(make_video: MadeVideos):
    clip = clips_of(make_video(scenes=[("natural:1", 2)], fps=30))[0]
    assert clip.measures["content_2s_max"] is None
    assert clip.measures["flow_dis_lvd"] is None


def test_only_samples_wholly_within_a_clip_count():
    series = Series(1)
    for start in (0, 10, 20, 30):
        series.add(start, start + 10, float(start))
    # [10, 30): the sample from 20 to 30 reaches the frame at 30, which is not in the clip any more
    assert series.within(Span(10, 30))[:, 0].tolist() == [10.0]
    assert series.within(Span(0, 31))[:, 0].tolist() == [0.0, 10.0, 20.0]


def test_a_flow_does_not_begin_where_an_earlier_one_ended(make_video: MadeVideos):
    # with one DIS object for flows with and without a guess, violent shaking measured hundreds of diagonals a second
    camera = Camera(shake_diag=0.05, shake_hz=4, shake_seed=1)
    world = World((Scene(Texture(seed=1), 4.0, camera, shapes=bouncing_shapes(3, 6, 0.6)),))
    path = make_video(world=world, size=(256, 144))
    for clip in clips_of(path):
        assert clip.measures["flow_p95_diag_per_s"] < 2.5  # type: ignore[operator]
