"""The camera's motion and what moves against it, in made worlds whose truth is known."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from curate.observers.camera import CameraFit, Similarity
from curate.observers.motion import MotionObserver, ken_burns_of, shake_of
from curate.observers.objects import ObjectFlow
from media.stream import stream
from media.synthetic import Camera, Motion, Scene, Texture, World
from media.synthetic.worlds import bouncing_shapes
from schemas.spans import Span
from tests.conftest import MadeVideos

SIZE = (256, 144)
DIAGONAL = math.hypot(*SIZE)
ALL_AT_ONCE = Camera(0.07, 0.05, -0.1, -5)
RATES = ("camera_pan", "camera_tilt", "camera_zoom", "camera_roll")


def seen(world: World, seconds: float) -> np.ndarray:
    return cv2.cvtColor(world.frame(seconds, *SIZE), cv2.COLOR_RGB2GRAY)


def world_of(camera: Camera = Camera(), texture: Texture = Texture(seed=4), seconds: float = 2.0, **more) -> World:  # noqa: B008
    return World((Scene(texture, seconds, camera, **more),))


def measured(path: Path, keep_every: int = 1) -> dict[str, float]:
    """The motion columns of a whole video; of its frames only every `keep_every`-th is pushed."""
    observer, last_us = MotionObserver(), 0
    for frame in stream(str(path), max_side=256):
        if frame.index % keep_every == 0:
            observer.push(frame)
        last_us = frame.time_us
    columns = observer.measure(Span(0, last_us + 1))
    return {name: value for name, value in columns.items() if value is not None}


def true_motion(make_video: MadeVideos, path: Path) -> Motion:
    motion = make_video.truth(path).clips[0].motion
    assert motion is not None
    return motion


def test_the_rates_of_a_similarity_are_those_that_made_it():
    # a pan of 10 px/s to the right and a zoom of 0.2/s for half a second: the scene shifts left, q = e^0.1 p + b
    pose = Camera(pan_diag_per_s=10 / DIAGONAL, zoom_per_s=0.2, roll_deg_per_s=3).pose(0.5)
    k, u = Similarity(pose.a, pose.b * DIAGONAL).rates(0.5)
    assert (k.real, -math.degrees(k.imag)) == pytest.approx((0.2, 3))
    assert (u.real, u.imag) == pytest.approx((10, 0), abs=1e-9)


@pytest.mark.parametrize("camera", [Camera(0.1), Camera(0, -0.1), Camera(0, 0, 0.2), Camera(0, 0, 0, 10), ALL_AT_ONCE])
def test_the_camera_is_found_to_a_twentieth_of_a_pixel(camera: Camera):
    world, found = world_of(camera), CameraFit()
    similarity = found.between(seen(world, 0.5), seen(world, 0.7))
    before, after = camera.pose(0.5), camera.pose(0.7)
    # from the screen at 0.5 s to the screen at 0.7 s
    a = after.a / before.a
    b = (after.b - a * before.b) * DIAGONAL
    assert abs(similarity.b - b) < 0.05
    assert abs(similarity.a - a) * DIAGONAL / 2 < 0.05
    assert similarity.support > 0.9


def test_what_moves_by_itself_does_not_pull_the_camera():
    world = world_of(Camera(pan_diag_per_s=0.06), shapes=bouncing_shapes(6, 3, 0.3))
    similarity = CameraFit().between(seen(world, 0.5), seen(world, 0.6))
    assert similarity.b.real == pytest.approx(-0.006 * DIAGONAL, abs=0.05)


def test_where_nothing_can_be_seen_nothing_moves():
    assert CameraFit().between(np.full((144, 256), 90, np.uint8), np.full((144, 256), 120, np.uint8)) == Similarity()


def test_a_brighter_picture_has_not_moved():
    before = seen(world_of(), 0)
    after = np.clip(before * 1.2 + 6, 0, 255).astype(np.uint8)
    assert abs(CameraFit().between(before, after).b) < 0.05


def test_no_motion_is_found_that_explains_nothing():
    random, picture = np.random.default_rng(1), seen(world_of(), 0).astype(float)
    one, other = (np.clip(picture + random.normal(0, 3, picture.shape), 0, 255).astype(np.uint8) for _ in range(2))
    assert ObjectFlow().between(one, other, Similarity()).mean_pixels < 0.02


@pytest.mark.parametrize(
    ("codec", "fps", "size"),
    [
        ("libx264", 60, (320, 180)),
        ("libx265", 24, (640, 360)),
        ("libsvtav1", 25, (426, 240)),
        ("mpeg4", 15, (426, 240)),
    ],
)
def test_pan_tilt_zoom_and_roll_are_the_true_ones_whatever_codec_rate_and_size(
    make_video: MadeVideos, codec: str, fps: int, size: tuple[int, int]
):
    path = make_video(world=world_of(ALL_AT_ONCE, Texture(seed=7)), codec=codec, fps=fps, size=size)
    columns = measured(path)
    assert [columns[name] for name in RATES] == pytest.approx([0.07, 0.05, -0.1, -5], rel=0.05)
    assert columns["flow_diag_per_s"] == pytest.approx(true_motion(make_video, path).flow_diag_per_s, rel=0.05)


def test_a_panned_still_has_no_motion_of_its_own(make_video: MadeVideos):
    for texture in (Texture(seed=4), Texture("city", seed=5)):
        columns = measured(make_video(world=world_of(Camera(pan_diag_per_s=0.08), texture), size=(640, 360)))
        assert columns["object_flow_diag_per_s"] < 0.02 * columns["camera_diag_per_s"]
        assert columns["camera_share"] > 0.98
        assert columns["ken_burns_score"] > 0.9


def test_there_and_back_is_no_pan_but_a_camera_that_moves(make_video: MadeVideos):
    camera = Camera(shake_diag=0.01, shake_hz=1.0, shake_seed=2)
    path = make_video(world=world_of(camera, seconds=4.0), size=(320, 180))
    columns, truth = measured(path), true_motion(make_video, path)
    assert columns["camera_diag_per_s"] == pytest.approx(truth.camera_flow_diag_per_s, rel=0.07)
    assert abs(columns["camera_pan"]) < 0.3 * columns["camera_diag_per_s"]


def test_a_shaking_hand_is_measured_though_it_turns_round_between_frames(make_video: MadeVideos):
    camera = Camera(0.05, shake_diag=0.003, shake_hz=4, shake_seed=8)
    path = make_video(world=world_of(camera, seconds=4.0), size=(320, 180))
    columns, truth = measured(path), true_motion(make_video, path)
    assert columns["flow_diag_per_s"] == pytest.approx(truth.flow_diag_per_s, rel=0.07)
    assert columns["camera_shake_diag_per_s"] > 0.02
    assert columns["ken_burns_score"] < 0.1


def test_shapes_before_a_still_camera_are_objects(make_video: MadeVideos):
    world = World((Scene(Texture("city", seed=6), 3.0, shapes=bouncing_shapes(6, 4, 0.2)),))
    path = make_video(world=world, size=(640, 360))
    columns, truth = measured(path), true_motion(make_video, path)
    assert columns["object_flow_diag_per_s"] == pytest.approx(truth.object_flow_diag_per_s, rel=0.1)
    assert columns["static_camera_share"] > 0.9
    assert columns["camera_share"] < 0.1


def test_frames_may_come_seldom_and_unevenly(make_video: MadeVideos):
    path = make_video(world=world_of(ALL_AT_ONCE, Texture(seed=7)), size=(320, 180), fps=24, frame_gaps=(1, 3, 2))
    columns = measured(path, keep_every=2)
    assert [columns[name] for name in RATES] == pytest.approx([0.07, 0.05, -0.1, -5], rel=0.05)


def test_fast_small_shapes_count_in_lvd2ms_score(make_video: MadeVideos):
    # the true flow of half a second is a length in diagonals; of 520x960 a diagonal is 1092 pixels, and the frame's
    # shape is not quite that; what turns round within the half second is counted as if it went on: 15 % are allowed
    world = World((Scene(Texture("natural", seed=6), 4.0, shapes=bouncing_shapes(6, 4, 0.2)),))
    path = make_video(world=world, size=(640, 360))
    half = true_motion(make_video, path).flow_half_second_diag_per_s
    assert half is not None
    assert measured(path)["flow_dis_lvd"] == pytest.approx(half * 0.5 * math.hypot(960, 520), rel=0.15)


def test_a_speed_that_grows_steadily_is_no_shake():
    # columns: seconds, shift right, shift up, growth, turn; steps of a quarter of a second
    steady = [(0.25, 0.25 * speed, 0, 0, 0) for speed in (0.1, 0.2, 0.3, 0.4)]
    jumping = [(0.25, 0.25 * speed, 0, 0, 0) for speed in (0.1, 0.2, 0.1, 0.2)]
    assert shake_of(np.array(steady)) == pytest.approx(0, abs=1e-12)
    # off by +0.1 and -0.1 from the neighbours' mean: 0.1 * sqrt(2/3)
    assert shake_of(np.array(jumping)) == pytest.approx(0.1 * math.sqrt(2 / 3))
    assert shake_of(np.array(steady[:2])) is None


def test_a_photograph_that_does_not_move_is_no_move_over_it():
    # flow, camera, own motion, misfit
    assert ken_burns_of(np.zeros((8, 4)), 0.0) == 0.0
    assert ken_burns_of(np.tile([0.05, 0.05, 0.0, 0.1], (8, 1)), 0.0) == 1.0
    assert ken_burns_of(np.tile([0.05, 0.05, 0.02, 0.1], (8, 1)), 0.0) == 0.0  # something moves by itself
