"""The pictures: pure functions of time, with motion, transitions and light exactly where they should be."""

from __future__ import annotations

import math
from fractions import Fraction

import cv2
import numpy as np
import pytest

from media.synthetic import (
    Camera,
    CameraPath,
    Flash,
    Overlay,
    Scene,
    Shape,
    Texture,
    Transition,
    World,
    displacement,
    named_texture,
)

WIDTH, HEIGHT = 320, 180
DIAG = math.hypot(WIDTH, HEIGHT)  # 367.15 px


def grey(frame: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)


def shift_between(world: World, start: float, end: float) -> tuple[float, float]:
    """How far the picture's content moves, in pixels (x to the right, y down), by phase correlation."""
    window = cv2.createHanningWindow((WIDTH, HEIGHT), cv2.CV_32F)
    before, after = (grey(world.frame(at, WIDTH, HEIGHT)) for at in (start, end))
    (x, y), _ = cv2.phaseCorrelate(before, after, window)
    return x, y


def one_scene(camera: Camera | CameraPath, **fields: object) -> World:
    return World((Scene(Texture(seed=1), 4, camera, **fields),))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("camera", "way"),
    [
        (Camera(pan_diag_per_s=0.1), (-1, 0)),  # the camera goes right: the picture goes left
        (Camera(pan_diag_per_s=-0.1), (1, 0)),
        (Camera(tilt_diag_per_s=0.1), (0, 1)),  # the camera goes up: the picture goes down
        (Camera(tilt_diag_per_s=-0.1), (0, -1)),
    ],
)
def test_a_pan_of_a_tenth_of_the_diagonal_moves_the_picture_by_it(camera: Camera, way: tuple[int, int]) -> None:
    # 0.1 diagonals a second for 0.2 s are 0.02 * 367.15 = 7.34 pixels
    assert shift_between(one_scene(camera), 1.0, 1.2) == pytest.approx((way[0] * 7.34, way[1] * 7.34), abs=0.1)


def test_slow_pans_move_by_parts_of_a_pixel() -> None:
    # 0.002 diagonals a second for 0.25 s: 0.184 pixels
    assert shift_between(one_scene(Camera(pan_diag_per_s=0.002)), 0, 0.25)[0] == pytest.approx(-0.184, abs=0.02)


def test_zoom_and_roll_turn_the_picture_about_its_centre() -> None:
    world = one_scene(Camera(zoom_per_s=0.2, roll_deg_per_s=10))
    before, after = (world.frame(at, WIDTH, HEIGHT) for at in (0, 0.5))
    # in half a second: e^0.1 larger, 5 degrees counter-clockwise (as OpenCV counts positive angles)
    expected = cv2.warpAffine(
        before, cv2.getRotationMatrix2D((WIDTH / 2 - 0.5, HEIGHT / 2 - 0.5), 5, math.exp(0.1)), (WIDTH, HEIGHT)
    )
    centre = np.s_[40:140, 60:260]
    against = np.abs(grey(after)[centre] - grey(before)[centre]).mean()
    assert np.abs(grey(after)[centre] - grey(expected)[centre]).mean() < against / 4


def test_a_frame_is_the_same_picture_at_every_size() -> None:
    world = one_scene(Camera(pan_diag_per_s=0.05))
    small, large = world.frame(1.5, 160, 90), world.frame(1.5, 640, 360)
    shrunk = cv2.resize(large, (160, 90), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(float) - shrunk).mean() < 3


def test_a_path_goes_on_where_its_last_leg_ended() -> None:
    right, left = Camera(pan_diag_per_s=0.1), Camera(pan_diag_per_s=-0.1)
    path = CameraPath(((2, right), (2, left)))
    assert path.pose(1.5) == right.pose(1.5)
    assert path.pose(2.5).b == pytest.approx(-0.15)  # 2 s right, half a second back: 0.2 - 0.05
    world = World((Scene(Texture(), 4, path),))
    assert np.array_equal(world.frame(1, 64, 36), world.frame(3, 64, 36))


def test_a_zoom_keeps_the_pan_rate_at_the_centre_of_the_screen() -> None:
    camera = Camera(pan_diag_per_s=0.1, zoom_per_s=0.3)
    for at in (0.0, 2.0):
        centre_then = -camera.pose(at).b / camera.pose(at).a  # the point of the scene at the screen's centre
        later = camera.pose(at + 0.001)
        assert (later.a * centre_then + later.b).real / 0.001 == pytest.approx(-0.1, rel=1e-3)


def test_shake_has_the_asked_for_amplitude_and_no_jumps() -> None:
    camera = Camera(shake_diag=0.01, shake_seed=3)
    track = np.array([camera.pose(at).b for at in np.arange(0, 60, 0.01)])
    assert np.sqrt((np.abs(track - track.mean()) ** 2).mean()) == pytest.approx(0.01, rel=0.1)
    assert np.abs(np.diff(track)).max() < 0.005
    assert camera.pose(0).b == 0


def test_a_shape_moves_on_its_own() -> None:
    ball = Shape(named_texture("red"), "ellipse", (-0.2, 0), (0.1, 0), size_diag=0.1)
    world = World((Scene(named_texture("blue"), 4, shapes=(ball,)),))
    for at in (0, 2):
        red = world.frame(at, WIDTH, HEIGHT)[..., 0] > 125  # between blue's 30 and red's 220
        centre_x = np.flatnonzero(red.any(0)).mean() + 0.5
        assert centre_x == pytest.approx(WIDTH / 2 + (-0.2 + 0.1 * at) * DIAG, abs=0.6)
        assert red.sum() == pytest.approx(math.pi * (0.05 * DIAG) ** 2, rel=0.02)


@pytest.mark.parametrize("outline", ["ellipse", "rectangle", "polygon"])
def test_a_shape_of_every_outline_is_as_wide_as_its_size(outline: str) -> None:
    shape = Shape(named_texture("red"), outline, size_diag=0.2, flatness=0.5, sides=4)  # pyright: ignore
    red = World((Scene(named_texture("blue"), 1, shapes=(shape,)),)).frame(0, WIDTH, HEIGHT)[..., 0] > 125
    # 73.4 x 36.7 pixels; a polygon of 4 sides stands on its corner
    assert np.flatnonzero(red.any(0)).size == pytest.approx(0.2 * DIAG, abs=1.5)
    assert np.flatnonzero(red.any(1)).size == pytest.approx(0.1 * DIAG, abs=1.5)
    filled = {"ellipse": math.pi / 4, "rectangle": 1, "polygon": 0.5}[outline]
    assert red.sum() == pytest.approx(0.2 * DIAG * 0.1 * DIAG * filled, rel=0.03)


def test_a_bouncing_shape_turns_back_at_its_walls() -> None:
    shape = Shape(Texture(), velocity_diag_per_s=(0.2, 0), bounce_diag=(0.3, 0.2))
    # 0.2 diagonals a second: at the wall (0.3) after 1.5 s, in the middle after 3 s, at the other wall after 4.5 s
    at_times = [shape.pose(at, Camera().pose(at)).b.real for at in (0, 1, 1.5, 2, 3, 4.5, 6)]
    assert at_times == pytest.approx([0, 0.2, 0.3, 0.2, 0, -0.3, 0])


def test_a_dissolves_middle_frame_is_the_mean_of_both_scenes() -> None:
    scenes = Scene(Texture(seed=1), 2), Scene(Texture("city", seed=2), 2)
    world = World(scenes, (Transition("dissolve", 1),))  # from 1.5 s to 2.5 s, its middle at 2 s
    before, after = (scene.frame(Fraction(0), WIDTH, HEIGHT).astype(float) for scene in scenes)
    assert np.abs(world.frame(2, WIDTH, HEIGHT) - (before + after) / 2).max() <= 0.5
    assert np.array_equal(world.frame(1.5, WIDTH, HEIGHT), before)
    assert np.array_equal(world.frame(2.5, WIDTH, HEIGHT), after)


def test_a_fades_middle_is_its_colour() -> None:
    world = World((Scene(Texture(), 2), Scene(Texture(seed=2), 2)), (Transition("fade", 1, "blue"),))
    assert (world.frame(2, WIDTH, HEIGHT) == (30, 50, 220)).all()


@pytest.mark.parametrize(
    ("direction", "is_new"),
    [("left", np.s_[:, 240:]), ("right", np.s_[:, :80]), ("up", np.s_[135:, :]), ("down", np.s_[:45, :])],
)
def test_a_wipe_uncovers_the_new_scene_against_its_direction(direction: str, is_new: tuple[slice, slice]) -> None:
    wipe = Transition("wipe", 1, direction=direction)  # pyright: ignore[reportArgumentType]
    world = World((Scene(named_texture("red"), 2), Scene(named_texture("blue"), 2)), (wipe,))
    new = world.frame(1.75, WIDTH, HEIGHT)[..., 2] == 220  # a quarter of the wipe is over
    assert new[is_new].all()
    assert new.mean() == 0.25


def test_a_flash_covers_its_frames_only() -> None:
    world = World((Scene(Texture(), 2, flashes=(Flash(1, 0.1),)),))
    assert (world.frame(1, 64, 36) == 255).all()
    assert (world.frame(1.099, 64, 36) == 255).all()
    assert np.array_equal(world.frame(0.999, 64, 36), world.frame(1.1, 64, 36))


def test_overlays_come_and_go_and_exposure_ramps() -> None:
    overlay = Overlay("hello", 1, 2)
    world = World((Scene(named_texture("grey"), 4, overlays=(overlay,), exposure=((2, 1), (3, 0.5))),))
    assert [int(world.frame(at, WIDTH, HEIGHT).max()) for at in (0.5, 1.5, 2, 2.5, 3.5)] == [128, 255, 128, 96, 64]


def test_displacement_says_where_every_pixel_goes() -> None:
    scene = Scene(Texture(seed=4), 4, Camera(pan_diag_per_s=0.05, zoom_per_s=0.2, roll_deg_per_s=5))
    start, end = (scene.frame(Fraction(at), WIDTH, HEIGHT) for at in (1, Fraction(3, 2)))
    flow = displacement(scene, 1, 0.5, WIDTH, HEIGHT).astype(np.float32)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    fetched = cv2.remap(end, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR)
    inner = np.s_[30:150, 40:280]
    assert np.abs(grey(fetched)[inner] - grey(start)[inner]).mean() < 2.5
    assert np.abs(grey(end)[inner] - grey(start)[inner]).mean() > 15


def test_textures_are_full_of_detail_and_differ_by_seed() -> None:
    frames = [World((Scene(Texture(seed=seed), 1),)).frame(0, WIDTH, HEIGHT) for seed in range(3)]
    for frame in frames:
        assert cv2.Laplacian(grey(frame), cv2.CV_32F).std() > 10
    assert np.abs(frames[0].astype(float) - frames[1]).mean() > 20


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Texture("clouds"), "kind must be one of natural"),  # pyright: ignore[reportArgumentType]
        (lambda: named_texture("purple"), "texture must be a colour"),
        (lambda: Scene(Texture(), 0), r"seconds must be > 0, got 0\."),
        (lambda: Scene(Texture(), 1, flashes=(Flash(2),)), "a flash must start within its scene"),
        (lambda: Transition("dissolve"), "every other transition > 0, got dissolve with 0"),
        (lambda: World(()), "at least one scene"),
        (lambda: World((Scene(Texture(), 1),) * 2, (Transition("fade", 2),)), "scene 0 lasts 1.0 s"),
        (lambda: World((Scene(Texture(), 1),)).frame(1, 64, 36), r"seconds must be in \[0, 1.0\), got 1.0"),
        (lambda: Camera(shake_diag=-1), "shake_diag must be >= 0"),
        (lambda: CameraPath(()), "legs must be one or more"),
        (lambda: Shape(Texture(), size_diag=0), "must be > 0, got size_diag=0"),
        (lambda: Overlay("a", 2, 1), "end_s must be > start_s"),
    ],
)
def test_wrong_settings_are_turned_away_with_what_is_allowed(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
