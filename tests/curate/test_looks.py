"""What a clip looks like: borders, text, blocks, pages, windows, hashes; in made pictures whose answer is known."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from curate.observers.borders import BorderObserver, bars_of
from curate.observers.changes import ChangeObserver, packed, page_share, unpacked, window_score
from curate.observers.hashes import HashObserver, phash
from curate.observers.quality import QualityObserver, blockiness
from curate.observers.text import TextObserver, text_boxes
from curate.passes import OBSERVERS
from media.frame import Frame
from media.geometry import Geometry
from media.pixels import Scaler
from media.stream import stream
from media.synthetic import Camera, Encoding, Overlay, Scene, Texture, World
from media.synthetic.layouts import Draw, barred, before_itself, windowed, write_drawn
from media.synthetic.worlds import long_take_world, moving_shapes_world, slides_world
from schemas.spans import Span

SIZE = (640, 360)
MOVING = World((Scene(Texture(seed=4), 3.0, Camera(pan_diag_per_s=0.05)),))
STILL = World((Scene(Texture("city", seed=2), 3.0),))
CROP = ("crop_x", "crop_y", "crop_width", "crop_height")

Measure = Callable[..., dict[str, Any]]


@pytest.fixture
def measure(tmp_path: Path) -> Measure:
    """measure(observer, draw or world): the observer's columns of a video of it."""

    def measured(observer: Any, what: Draw | World, seconds: float = 3.0, **encoding: Any) -> dict[str, Any]:
        settings = Encoding(**{"size": SIZE, "fps": 10} | encoding)
        path = tmp_path / f"video{settings.file_suffix}"
        write_drawn(what.frame if isinstance(what, World) else what, seconds, settings, path)
        for frame in stream(str(path), max_side=256):
            observer.push(frame)
        return observer.measure(Span(0, int(seconds * 1e6)))

    return measured


def near(box: tuple[int, int, int, int]) -> Any:
    """To a pixel of the working picture: 2.5 of the file's."""
    return pytest.approx(box, abs=6)


@pytest.mark.parametrize("box", [(0, 45, 640, 270), (140, 0, 360, 360), (80, 40, 480, 280)])
def test_black_bars_are_cropped(measure: Measure, box: tuple[int, int, int, int]):
    columns = measure(BorderObserver(), barred(MOVING, box))
    assert tuple(columns[name] for name in CROP) == near(box)
    assert columns["letterbox_share"] == pytest.approx(1 - box[2] * box[3] / (640 * 360), abs=0.03)


def test_white_bars_are_cropped(measure: Measure):
    columns = measure(BorderObserver(), barred(MOVING, (140, 0, 360, 360), "white"))
    assert tuple(columns[name] for name in CROP) == near((140, 0, 360, 360))


def test_a_blurred_copy_at_the_sides_is_cropped(measure: Measure):
    columns = measure(BorderObserver(), before_itself(MOVING, (219, 0, 202, 360)))
    assert tuple(columns[name] for name in CROP) == near((219, 0, 202, 360))


@pytest.mark.parametrize("world", [MOVING, long_take_world(3.0), World((Scene(Texture("page"), 3.0),))])
def test_a_picture_without_borders_is_left_whole(measure: Measure, world: World):
    columns = measure(BorderObserver(), world)
    assert tuple(columns[name] for name in CROP) == (0, 0, 640, 360)
    assert columns["letterbox_share"] == 0


def test_subtitles_in_a_bar_leave_it_a_bar():
    picture = np.zeros((144, 256), np.uint8)
    picture[24:120] = 120
    picture[128:134, 60:190:3] = 255  # letters over half of the bar's width
    assert bars_of(picture) == (0, 24, 0, 24)


def test_a_picture_that_is_dark_all_over_has_no_bars():
    assert bars_of(np.full((144, 256), 8, np.uint8)) == (0, 0, 0, 0)


def test_a_turned_video_is_cropped_as_it_is_shown(measure: Measure):
    box = (0, 140, 360, 360)  # of a picture of 360x640
    columns = measure(BorderObserver(), barred(MOVING, box), rotation=90)
    assert tuple(columns[name] for name in CROP) == near(box)


def test_lines_of_text_cover_their_boxes(measure: Measure):
    line = Overlay("AND THEN WE TURNED THE CORNER", size_diag=0.03)
    true_share = float((line.alpha(*SIZE).max(0) > 0).mean() * (line.alpha(*SIZE).max(1) > 0).mean())
    world = World((Scene(Texture(seed=3), 3.0, overlays=(line,)),))
    # a stroke's dark edge counts to it: two pixels above and below a line that is ten high
    assert true_share < measure(TextObserver(), world)["text_share"] < 1.6 * true_share
    assert measure(TextObserver(), MOVING)["text_share"] < 0.01


def test_stripes_are_no_text():
    stripes = np.tile(np.repeat(np.array([20, 220], np.uint8), 20), (144, 7))[:, :256]
    assert text_boxes(np.ascontiguousarray(stripes)) == []


def test_blocks_of_eight_pixels_are_blocks():
    flat_blocks = np.kron(np.random.default_rng(1).integers(0, 255, (8, 8)), np.ones((8, 8))).astype(np.uint8)
    softened = cv2.GaussianBlur(flat_blocks, (0, 0), 4)
    mixed = cv2.addWeighted(flat_blocks, 0.2, softened, 0.8, 0)
    noise = np.random.default_rng(2).integers(0, 255, (64, 64)).astype(np.uint8)
    values = [blockiness(picture) for picture in (mixed, noise)]
    assert values[0] is not None and values[0] > 3
    assert values[1] == pytest.approx(1, abs=0.1)
    assert blockiness(np.full((64, 64), 7, np.uint8)) is None


def test_fewer_bits_make_more_blocks(measure: Measure):
    few = measure(QualityObserver(), long_take_world(3.0), codec="mpeg4", bits_per_second=150_000)
    many = measure(QualityObserver(), long_take_world(3.0), codec="mpeg4", bits_per_second=4_000_000)
    assert few["blockiness"] > many["blockiness"] + 0.1


def test_pages_are_slides_and_a_screen_and_a_filmed_scene_is_neither(measure: Measure):
    slides = measure(ChangeObserver(), slides_world(2.0, 3), seconds=6.0)
    assert slides["slide_score"] > 0.9 and slides["screen_score"] > 0.9
    for world in (long_take_world(3.0), moving_shapes_world(3.0), STILL):
        filmed = measure(ChangeObserver(), world)
        assert filmed["slide_score"] < 0.1 and filmed["screen_score"] < 0.1


def test_a_small_window_is_one(measure: Measure):
    inside = long_take_world(3.0)
    assert measure(ChangeObserver(), windowed(inside, STILL, (40, 40, 280, 160)))["pip_score"] > 0.9
    assert measure(ChangeObserver(), inside)["pip_score"] < 0.1


def test_a_picture_between_bars_is_no_window(measure: Measure):
    assert measure(ChangeObserver(), barred(long_take_world(3.0), (140, 0, 360, 360)))["pip_score"] < 0.1


def test_a_person_before_a_wall_is_no_window():
    y, x = np.mgrid[0:18, 0:32]
    person = ((x - 16) / 6) ** 2 + ((y - 10) / 8) ** 2 < 1  # an ellipse leaves the corners of its rectangle alone
    assert window_score(np.repeat(person[None], 10, 0), person | True) < 0.2
    window = (abs(x - 16) < 6) & (abs(y - 10) < 6)
    assert window_score(np.repeat(window[None], 10, 0), window | True) == 1
    assert window_score(np.repeat(window[None], 10, 0), window) == 0  # there is nothing behind it


def test_changes_are_kept_bit_by_bit():
    changed = np.random.default_rng(3).random((18, 32)) < 0.5
    assert (unpacked(np.array([packed(changed)]))[0] == changed).all()


def test_a_page_turns_between_two_that_stand_still():
    still, turned = np.zeros((18, 32), bool), np.ones((18, 32), bool)
    assert page_share(np.array([still, turned, still, still])) == 1
    assert page_share(np.array([still, turned, turned, turned])) == 0.25  # that is a film


def test_hashes_come_once_a_second(measure: Measure):
    assert len(measure(HashObserver(), MOVING, seconds=3.0)["phash"]) == 3


def test_a_hash_survives_what_copies_undergo():
    picture = cv2.cvtColor(long_take_world(3.0).frame(Fraction(1), *SIZE), cv2.COLOR_RGB2GRAY)
    other = cv2.cvtColor(STILL.frame(Fraction(1), *SIZE), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(picture, (192, 108), interpolation=cv2.INTER_AREA)
    brighter = np.clip(picture * 1.1 + 5, 0, 255).astype(np.uint8)
    coded = cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 20])[1], cv2.IMREAD_GRAYSCALE)
    assert coded is not None
    for copy in (small, brighter, coded):
        assert (phash(picture) ^ phash(copy)).bit_count() <= 6
    assert (phash(picture) ^ phash(other)).bit_count() > 16
    assert phash(np.full((90, 160), 77, np.uint8)) == 0


@pytest.mark.parametrize("size", [(16, 16), (256, 2), (2, 256), (256, 12), (24, 24)])
@pytest.mark.parametrize("make", OBSERVERS)
def test_pictures_of_any_size_can_be_observed(make: Callable[[], Any], size: tuple[int, int]):
    observer, random = make(), np.random.default_rng(1)
    for index in range(30):
        pixels = random.integers(0, 255, (size[1], size[0], 3)).astype(np.uint8)
        picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        scaler = Scaler(Geometry(0, *size), size)
        observer.push(Frame(index, index * 100_000, picture, scaler))
    columns = observer.measure(Span(0, 3_000_000))
    assert columns
    assert not any(isinstance(value, float) and np.isnan(value) for value in columns.values())
    assert not any(observer.measure(Span(10, 20)).values())  # between two frames nothing is measured
