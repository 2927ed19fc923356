"""Takes made of photographs show what their numbers say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path as File

import cv2
import numpy as np
import pytest

from curate.detectors.cascade.training.motion import Path, drawn_shake, held_up_path, still_path
from curate.detectors.cascade.training.photo_take import AIM, Light, PhotoTake, Thing, drawn_exposure, drawn_photo_take
from curate.detectors.cascade.training.photographs import SIDE, Photographs, read_photographs
from media.synthetic.texture import Image

STEADY = drawn_shake(np.random.default_rng(0), (0.0,) * 4)
STILL = drawn_shake(np.random.default_rng(0), (0.0, 0.0))


@pytest.fixture
def photograph() -> Image:
    """320 x 180: a ramp of light from left to right."""
    ramp = np.linspace(20, 220, 320, dtype=np.float32)
    return np.broadcast_to(ramp[None, :, None], (180, 320, 3)).astype(np.uint8)


@pytest.fixture
def take(photograph: Image) -> PhotoTake:
    """4 s of its middle half, 160 x 90, by a camera that does not move."""
    return PhotoTake(photograph, 4.0, (160, 90), (still_path(0, 0, 2.0, 0), STEADY))


def test_a_path_is_half_way_at_half_time_and_rests_outside():
    path = Path(np.array([1.0, 3.0]), np.array([[0.0], [10.0]]))
    assert [float(path.at(at)[0]) for at in (0.0, 2.0, 5.0)] == [0.0, 5.0, 10.0]
    # a quarter of the way: 3/16 - 2/64 = 0.15625
    assert float(path.at(1.5)[0]) == pytest.approx(1.5625)


def test_a_still_camera_shows_the_middle_of_the_photograph(take: PhotoTake, photograph: Image):
    seen = take.at(1.0)
    assert seen.shape == (90, 160, 3)
    assert np.abs(seen.astype(int) - photograph[45:135, 80:240]).max() <= 2
    assert np.array_equal(seen, take.at(3.0))


def test_a_pan_to_the_right_edge_shows_the_right_half(take: PhotoTake, photograph: Image):
    # from the middle at 160 to 160 + (320 - 160 / 2) / 3 = 240
    turned = replace(take, camera=(still_path(1 / 3, 0, 2.0, 0), STEADY))
    assert np.abs(turned.at(0.0).astype(int) - photograph[45:135, 160:]).max() <= 2


def test_a_fast_pan_smears_along_its_way(take: PhotoTake):
    lines = np.zeros((180, 320, 3), np.uint8)
    lines[:, ::16] = 255
    fast = Path(np.array([0.0, 0.2]), np.array([[-0.5, 0, 2.0, 0], [0.5, 0, 2.0, 0]]))
    rests, whips = (replace(take, photograph=lines, camera=(path, STEADY)) for path in (still_path(0, 0, 2, 0), fast))
    assert whips.at(0.1).std() < rests.at(0.1).std() / 2
    assert whips.at(1.0).std() == pytest.approx(rests.at(1.0).std(), rel=0.1)


def test_what_is_held_up_comes_and_goes(take: PhotoTake):
    sheet = np.full((50, 50, 4), 255, np.uint8)
    path = Path(np.array([1.0, 1.2, 2.0, 2.2]), np.array([[2, 0], [0, 0], [0, 0], [2, 0.0]]))
    thing = Thing(sheet, 1.0, path, STILL, 0)
    with_sheet = replace(take, things=(thing,))
    assert np.array_equal(with_sheet.at(0.5), take.at(0.5))
    assert (with_sheet.at(1.6)[10:80, 50:110] == 255).all()
    assert np.array_equal(with_sheet.at(3.0), take.at(3.0))


def test_a_held_up_path_ends_where_it_began():
    path = held_up_path(np.random.default_rng(1), 5.0)
    assert np.array_equal(path.at(0.0), path.at(99.0))
    assert np.abs(path.at(0.0)).max() > 1.5
    assert np.abs(path.at(float(path.times_s[1]))).max() < 0.5


def test_an_automatic_exposure_brings_dark_pictures_nearer_to_its_aim(take: PhotoTake):
    dark = replace(take, light=Light(steps=still_path(0.4)))
    metered = replace(dark, light=replace(dark.light, exposure=drawn_exposure(np.random.default_rng(2), is_dark=False)))
    assert dark.at(2.0).mean() < metered.at(2.0).mean() <= AIM + 5


def test_light_can_be_coloured_stepped_and_out_of_focus(take: PhotoTake):
    red = replace(take, light=Light(colour=still_path(1.0, 0.5, 0.5)))
    assert red.at(0.0)[..., 1].mean() == pytest.approx(take.at(0.0)[..., 1].mean() / 2, abs=1)
    stepped = replace(take, light=Light(steps=Path(np.array([1.0, 1.01]), np.array([[1.0], [0.5]]))))
    assert stepped.at(2.0).mean() == pytest.approx(take.at(2.0).mean() / 2, abs=1)


@pytest.mark.parametrize("seed", range(6))
def test_a_drawn_take_is_the_same_for_the_same_seed(seed: int, photograph: Image):
    cutout = np.full((60, 40, 4), 128, np.uint8)
    photographs = Photographs((np.ascontiguousarray(cv2.resize(photograph, (640, 360))),), (cutout,))
    one, again = (drawn_photo_take(np.random.default_rng(seed), photographs) for _ in range(2))
    for at_s in (0.0, one.seconds / 2, one.seconds):
        assert np.array_equal(one.at(at_s), again.at(at_s))
        assert one.at(at_s).shape[:2] in ((144, 256), (256, 144))


def test_photographs_and_cutouts_are_told_apart_and_drawings_left_out(tmp_path: File):
    random = np.random.default_rng(0)
    natural = random.integers(0, 255, (300, 400, 3), dtype=np.uint8)
    cut = np.concatenate([natural[:200, :200], np.zeros((200, 200, 1), np.uint8)], axis=2)
    cut[50:150, 50:150, 3] = 255
    for name, picture in {
        "b.png": natural,
        "deep/a.png": cut,
        "flat.png": np.full((300, 400, 3), 90, np.uint8),
        "small.png": natural[:50, :50],
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / name), picture)
    (tmp_path / "text.jpg").write_bytes(b"no picture")
    found = read_photographs([tmp_path])
    assert [picture.shape for picture in found.pictures] == [(480, SIDE, 3)]
    assert [cutout.shape for cutout in found.cutouts] == [(200, 200, 4)]
    assert not found.cutouts[0][0, 0].any(), "what is transparent has no colour"
