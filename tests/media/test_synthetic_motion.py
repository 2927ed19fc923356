"""The motion truth against integrals worked by hand, and its independence of clock and size."""

from __future__ import annotations

import math
from dataclasses import astuple, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from media.synthetic import Camera, Encoding, Motion, Overlay, Scene, Shape, Texture, World, scene_motion, write
from media.synthetic.worlds import long_take_world

WIDE = 16 / 9


def motion(camera: Camera, seconds: float = 2, aspect: float = WIDE, **fields: object) -> Motion:
    scene = Scene(Texture(), seconds, camera, **fields)  # pyright: ignore[reportArgumentType]
    return scene_motion(scene, (Fraction(0), Fraction(seconds)), aspect)


def mean_radius(aspect: float) -> float:
    """Mean distance of a frame's points from its centre, in diagonals.

    For a rectangle of half sides a and b with half diagonal d = hypot(a, b):
    (d + b^2/(2a) ln((a+d)/b) + a^2/(2b) ln((b+d)/a)) / 3. For a square of side 1 it is 0.3826.
    """
    diag = math.hypot(aspect, 1)
    a, b, d = aspect / diag / 2, 1 / diag / 2, 0.5
    return (d + b * b / (2 * a) * math.log((a + d) / b) + a * a / (2 * b) * math.log((b + d) / a)) / 3


def test_mean_radius_of_a_square_is_known() -> None:
    assert mean_radius(1) * math.sqrt(2) == pytest.approx(0.3826, abs=1e-4)


def test_a_pure_pan_flows_at_its_speed() -> None:
    found = motion(Camera(pan_diag_per_s=0.08, tilt_diag_per_s=-0.06))
    assert found.flow_diag_per_s == pytest.approx(0.1, rel=1e-9)  # 3-4-5
    assert found.flow_half_second_diag_per_s == pytest.approx(0.1, rel=1e-9)
    assert (found.camera_pan_diag_per_s, found.camera_tilt_diag_per_s) == pytest.approx((0.08, -0.06))
    assert (found.camera_zoom_per_s, found.camera_roll_deg_per_s) == pytest.approx((0, 0), abs=1e-9)
    assert (found.camera_share, found.object_flow_diag_per_s, found.object_area_share) == (1, 0, 0)


@pytest.mark.parametrize("aspect", [WIDE, 4 / 3, 9 / 16])
def test_a_pure_zoom_flows_at_its_rate_times_the_mean_radius(aspect: float) -> None:
    found = motion(Camera(zoom_per_s=-0.2), aspect=aspect)
    assert found.flow_diag_per_s == pytest.approx(0.2 * mean_radius(aspect), rel=2e-4)
    assert found.camera_zoom_per_s == pytest.approx(-0.2)
    # over half a second a zoom by -0.2 moves each point by 1 - e^-0.1 of its radius
    half = mean_radius(aspect) * (1 - math.exp(-0.1)) / 0.5
    assert found.flow_half_second_diag_per_s == pytest.approx(half, rel=2e-4)


def test_a_pure_roll_flows_at_its_angular_speed_times_the_mean_radius() -> None:
    found = motion(Camera(roll_deg_per_s=6))
    assert found.flow_diag_per_s == pytest.approx(math.radians(6) * mean_radius(WIDE), rel=2e-4)
    assert found.camera_roll_deg_per_s == pytest.approx(6)


def test_rates_are_those_of_the_camera_when_it_does_everything_at_once() -> None:
    found = motion(Camera(0.05, 0.02, 0.1, -4), seconds=5)
    rates = (
        found.camera_pan_diag_per_s,
        found.camera_tilt_diag_per_s,
        found.camera_zoom_per_s,
        found.camera_roll_deg_per_s,
    )
    assert rates == pytest.approx((0.05, 0.02, 0.1, -4), rel=1e-5)


def test_a_still_scene_has_no_motion_and_no_camera_share() -> None:
    assert astuple(motion(Camera())) == (0, 0, 0, 0, None, 0, 0, 0, 0, 0)


def test_shake_is_much_slower_over_half_a_second() -> None:
    found = motion(Camera(shake_diag=0.005, shake_hz=8), seconds=10)
    assert found.flow_half_second_diag_per_s is not None
    assert found.flow_half_second_diag_per_s < found.flow_diag_per_s / 3
    assert abs(found.camera_pan_diag_per_s) < 0.003


def test_an_objects_flow_is_its_speed_times_its_share_of_the_picture() -> None:
    # a box of 0.2 x 0.1 diagonals; the 16:9 frame is 0.8716 x 0.4903 diagonals = 0.4273; it covers 4.68 %
    shape = Shape(Texture(), "rectangle", (-0.2, 0), (0.1, 0), 0.2, 0.5)
    found = motion(Camera(), shapes=(shape,))
    assert found.object_area_share == pytest.approx(0.0468, rel=0.01)
    assert found.flow_diag_per_s == pytest.approx(0.1 * found.object_area_share)
    assert found.camera_share == 0


def test_a_tracked_object_stands_still_and_counts_against_the_camera() -> None:
    shape = Shape(Texture(), "rectangle", size_diag=0.2, flatness=0.5, attached_to="screen")
    found = motion(Camera(pan_diag_per_s=0.1), shapes=(shape,))
    covered = found.object_area_share
    assert found.flow_diag_per_s == pytest.approx(0.1 * (1 - covered))
    assert found.object_flow_diag_per_s == pytest.approx(0.1 * covered)
    assert found.camera_share == pytest.approx(1 / (1 + covered))


def test_an_object_fixed_in_the_world_is_part_of_it() -> None:
    found = motion(Camera(pan_diag_per_s=0.1), shapes=(Shape(Texture()),))
    assert (found.object_flow_diag_per_s, found.camera_share) == pytest.approx((0, 1), abs=1e-9)


def test_an_overlay_stands_on_the_screen() -> None:
    found = motion(Camera(pan_diag_per_s=0.1), overlays=(Overlay("A LONG SUBTITLE", size_diag=0.06),))
    assert 0.005 < found.object_area_share < 0.2


def test_a_later_start_changes_what_moves_where_not_how_fast() -> None:
    scene = Scene(Texture(), 2, Camera(pan_diag_per_s=0.1, shake_diag=0.01))
    later = replace(scene, start_s=3)
    span = (Fraction(0), Fraction(2))
    assert scene_motion(scene, span, WIDE) != scene_motion(later, span, WIDE)
    assert scene_motion(later, span, WIDE) == scene_motion(replace(scene, seconds=5), (Fraction(3), Fraction(5)), WIDE)


def test_truth_is_the_same_at_every_rate_and_size(tmp_path: Path) -> None:
    world = long_take_world(1.6)
    low = write(world, Encoding("mpeg4", 15, (256, 144)), tmp_path / "low.mp4")
    high = write(world, Encoding("mpeg4", 60, (1024, 576)), tmp_path / "high.mp4")
    odd = write(world, Encoding("mpeg4", 15, (426, 240)), tmp_path / "odd.mp4")  # 1.775, not quite 16 / 9
    assert low.clips[0].motion == high.clips[0].motion
    assert low.clips[0].luma_mean == pytest.approx(high.clips[0].luma_mean, abs=0.5)
    assert low.clips[0].motion is not None and odd.clips[0].motion is not None
    assert odd.clips[0].motion.flow_diag_per_s == pytest.approx(low.clips[0].motion.flow_diag_per_s, rel=2e-3)
    assert np.ptp([truth.end_us for truth in (low, high, odd)]) == 0


def test_luma_is_the_pictures_mean(tmp_path: Path) -> None:
    world = World((Scene(Texture("flat", colour=(100, 100, 100)), 1),))
    truth = write(world, Encoding("ffv1", 10, (64, 36)), tmp_path / "grey.mkv")
    assert truth.clips[0].luma_mean == 100
