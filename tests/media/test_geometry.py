"""Sizes as shown, and as worked with."""

from fractions import Fraction

import pytest

from media.geometry import Geometry, Sizing, clockwise, display_size


def test_the_sample_aspect_ratio_stretches_the_width():
    assert display_size(720, 576, Fraction(16, 15), 0) == (768, 576)


def test_a_quarter_turn_swaps_the_sides_after_stretching():
    assert display_size(720, 576, Fraction(16, 15), 90) == (576, 768)


def test_max_side_bounds_the_longer_side_and_gives_even_numbers():
    assert Sizing(max_side=320).of((1920, 1080)) == (320, 180)
    assert Sizing(max_side=320).of((854, 480)) == (320, 180)  # 179.86
    assert Sizing(max_side=320).of((362, 640)) == (182, 320)  # 181


def test_pictures_are_never_enlarged():
    assert Sizing(max_side=320).of((176, 144)) == (176, 144)


def test_without_a_wish_odd_sizes_stay():
    assert Sizing().of((427, 241)) == (427, 241)


def test_an_exact_size_ignores_the_shape():
    assert Sizing(size=(224, 224)).of((1920, 1080)) == (224, 224)


def test_a_very_flat_picture_keeps_two_rows():
    assert Sizing(max_side=320).of((10_000, 1)) == (320, 2)


@pytest.mark.parametrize("wish", [{"max_side": 1}, {"size": (0, 5)}, {"max_side": 320, "size": (32, 32)}])
def test_impossible_wishes_are_refused(wish):
    with pytest.raises(ValueError, match=r"max_side|size"):
        Sizing(**wish)


def test_ffmpeg_counts_rotation_against_the_clock():
    assert [clockwise(angle) for angle in (0, -90, 180, -180, 90, -89.6)] == [0, 90, 180, 180, 270, 90]


def test_the_stored_working_picture_lies_on_its_side_when_it_is_to_be_turned():
    geometry = Geometry(rotation=90, width=180, height=320)
    assert (geometry.stored_width, geometry.stored_height) == (320, 180)
