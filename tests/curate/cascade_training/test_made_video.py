"""Made videos show what their truth says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from curate.detectors.cascade.detector import LOOK_US
from curate.detectors.cascade.network import KINDS
from curate.detectors.cascade.training.coding import Coding
from curate.detectors.cascade.training.events import (
    Burst,
    Event,
    ExposureStep,
    HeldUp,
    Occlusion,
    Overlaid,
    Relit,
    WhipPan,
    drawn_events,
)
from curate.detectors.cascade.training.examples import Example, example_of, frames_of
from curate.detectors.cascade.training.footage import MADE_SHARE, PHOTO_SHARE, Footage
from curate.detectors.cascade.training.made_video import MadeVideo, Part, drawn_times, drawn_video
from curate.detectors.cascade.training.motion import Path, from_nothing
from curate.detectors.cascade.training.overlays import Patch
from curate.detectors.cascade.training.photo_take import PhotoTake
from curate.detectors.cascade.training.photographs import Photographs
from curate.detectors.cascade.training.pieces import Piece
from curate.detectors.cascade.training.slides import Slides, drawn_slides
from curate.detectors.cascade.training.solids import drawn_solid
from curate.detectors.cascade.training.takes import Take
from curate.detectors.cascade.training.transitions import WIPES, Join, Kind
from media.synthetic import Flash
from media.synthetic.texture import Image

TIMES_US = np.arange(0, 4_000_000, 100_000)


def joined(first: Piece, second: Piece, join: Join) -> MadeVideo:
    """Two parts of 2 s each."""
    parts = (Part(0.0, 2.0, first), Part(2.0, 2.0, second, join.seconds))
    return MadeVideo(parts, (join,), TIMES_US)


def take_of(piece: Piece) -> Take:
    assert isinstance(piece.take, Take)
    return piece.take


def kinds_of(example: Example) -> dict[int, str]:
    return {int(at): KINDS[example.kinds[at]] for at in np.flatnonzero(example.kinds)}


def looks_like(one: Image, other: Image) -> bool:
    return bool(np.abs(one.astype(int) - other).mean() < 1)


def test_a_hard_cut_at_two_seconds_is_the_look_at_two_seconds(pieces: list[Piece]):
    video = joined(pieces[0], pieces[1], Join())
    example, looks = example_of(video)
    assert kinds_of(example) == {20: "hard"}
    assert [look.time_us for look in looks] == TIMES_US.tolist()
    assert looks_like(video.picture(1.9), pieces[0].picture(1.9))
    assert looks_like(video.picture(2.0), pieces[1].picture(0.0))


def test_a_dissolve_is_labelled_while_two_shots_are_mixed(pieces: list[Piece]):
    video = joined(pieces[0], pieces[1], Join("dissolve", 1.0))
    example, _ = example_of(video)
    # from 1.5 to 2.5 s; at both ends only one shot is seen
    assert kinds_of(example) == dict.fromkeys(range(16, 25), "dissolve")
    # the new shot's clock starts where the dissolve does
    half = (pieces[0].picture(2.0).astype(float) + pieces[1].picture(0.5)) / 2
    assert looks_like(video.picture(2.0), half)


def test_a_flash_is_no_transition(pieces: list[Piece]):
    flash = Burst(1.0, 0.05, Flash(1.0, 0.05))
    example, _ = example_of(joined(replace(pieces[0], events=(flash,)), pieces[0], Join("dissolve", 0.5)))
    assert {at: kind for at, kind in kinds_of(example).items() if at < 16} == {10: "flash", 11: "flash"}


def test_what_a_take_holds_itself_is_a_transition_of_the_video(pieces: list[Piece]):
    take = replace(take_of(pieces[0]), inner=((1.5, 1.5), (2.0, 2.6)))
    fast = replace(pieces[0], take=take, start_s=0.5, speed=2.0)
    edges = joined(fast, pieces[1], Join()).edges()
    # (1.5 - 0.5) / 2 and so on
    assert [(edge.start_s, edge.end_s, edge.kind) for edge in edges] == [
        (2.0, 2.0, "hard"),
        (0.5, 0.5, "hard"),
        (0.75, 1.05, "fade"),
    ]


def test_a_fade_of_which_only_the_start_is_shown_is_doubtful(pieces: list[Piece]):
    take = replace(take_of(pieces[0]), inner=((1.9, 3.0),))
    edges = joined(replace(pieces[0], take=take), pieces[1], Join()).edges()
    assert [(edge.start_s, edge.end_s, edge.kind) for edge in edges][1:] == [(1.9, 2.0, None)]


def test_the_cuts_of_a_still_are_not_seen(pieces: list[Piece]):
    take = replace(take_of(pieces[0]), inner=((1.5, 1.5),))
    assert replace(pieces[0], take=take, speed=0.0).inner() == []


@pytest.mark.parametrize("kind", ["dissolve", "fade", "wipe", "push"])
@pytest.mark.parametrize("shape", WIPES)
def test_a_transition_begins_with_one_shot_and_ends_with_the_other(kind: Kind, shape: str):
    before, after = np.full((72, 128, 3), 10, np.uint8), np.full((72, 128, 3), 200, np.uint8)
    join = Join(kind, 1.0, shape=shape if kind == "wipe" else "up")
    assert np.abs(join.mixed(before, after, 0.0).astype(int) - 10).max() <= 1
    assert np.abs(join.mixed(before, after, 1.0).astype(int) - 200).max() <= 1


@pytest.mark.parametrize(("shape", "axis"), [("left", 1), ("right", 1), ("up", 0), ("down", 0)])
@pytest.mark.parametrize("kind", ["wipe", "push"])
def test_a_wipe_and_a_push_come_from_the_side_away_from_which_they_go(kind: Kind, shape: str, axis: int):
    before, after = np.zeros((72, 128, 3), np.uint8), np.full((72, 128, 3), 200, np.uint8)
    seen = Join(kind, 1.0, shape=shape).mixed(before, after, 0.25).mean(axis=(1 - axis, 2))
    new = np.flatnonzero(seen > 100)
    assert len(new) == pytest.approx(len(seen) / 4, abs=1)
    assert (new[-1] == len(seen) - 1) if shape in ("left", "up") else (new[0] == 0)


def test_a_whip_pan_ends_at_another_place_and_stays(pieces: list[Piece]):
    piece = replace(pieces[0], events=(WhipPan(1.0, 0.5, 40.0, 0.0),))
    assert looks_like(piece.picture(0.9), pieces[0].picture(0.9))
    assert looks_like(piece.picture(2.0)[:, 40:], pieces[0].picture(2.0)[:, :-40])


def test_an_exposure_step_stays(pieces: list[Piece]):
    piece = replace(pieces[0], events=(ExposureStep(1.0, 0.1, 0.5),))
    assert piece.picture(2.0).mean() == pytest.approx(pieces[0].picture(2.0).mean() / 2, abs=1)


@pytest.mark.parametrize(
    "event",
    [
        Burst(1.0, 0.5, Flash(0, 0.5)),
        Occlusion(1.0, 0.5, True, 0.3, (10, 20, 30)),
        Overlaid(1.0, 0.5, Patch(np.zeros((20, 20, 3), np.uint8)), 0.2),
    ],
)
def test_an_event_in_front_is_seen_only_while_it_lasts(pieces: list[Piece], event: Event):
    piece = replace(pieces[0], events=(event,))
    changed = [not np.array_equal(piece.picture(at), pieces[0].picture(at)) for at in (0.9, 1.25, 1.6)]
    assert changed == [False, True, False]


def test_every_kind_of_event_can_be_painted(takes: list[Take]):
    events = [e for seed in range(20) for e in drawn_events(np.random.default_rng(seed), 0.8, takes, (128, 72), 4.0)]
    picture = takes[0].pictures[0]
    assert len({type(event) for event in events}) == 9
    for event in events:
        seen = event.over(picture, event.start_s + event.seconds / 2)
        assert (seen.shape, seen.dtype) == (picture.shape, np.uint8)
    assert np.array_equal(picture, takes[0].pictures[0]), "an event painted on the take itself"


def test_after_a_jump_cut_the_same_take_goes_on_elsewhere(pieces: list[Piece]):
    short = replace(pieces[0], seconds=0.5, events=(ExposureStep(0.1, 0.1, 0.5),))
    after = short.after_jump(np.random.default_rng(1), 0.5)
    assert after.take is short.take
    assert after.start_s >= 0.5 + 0.7  # behind the end, and a jump
    assert after.events == ()


def test_pages_change_where_slides_say_so():
    pages = tuple(np.full((36, 64, 3), level, np.uint8) for level in (10, 90, 200))
    slides = Slides(pages, (1.0, 2.0))
    assert [int(slides.picture(at)[0, 0, 0]) for at in (0.99, 1.0, 1.99, 2.5)] == [10, 90, 90, 200]
    assert slides.inner() == [(1.0, 1.0), (2.0, 2.0)]


def test_on_a_screen_the_page_stays_and_the_film_in_the_window_cuts(takes: list[Take]):
    screen = drawn_slides(np.random.default_rng(2), takes, (256, 144), 8.0, is_screen=True)
    assert all(page is screen.pages[0] for page in screen.pages)
    assert len({id(film) for film in screen.windows}) == len(screen.cuts_s) + 1 > 1


def test_a_solid_is_one_picture_and_holds_no_transition():
    solid = drawn_solid(np.random.default_rng(0), 64, 36)
    assert np.array_equal(solid.picture(0.0), solid.picture(3.0))
    assert solid.picture(0.0).shape == (36, 64, 3)
    assert solid.inner() == []


def test_takes_for_a_video_are_drawn_from_all_kinds_of_footage(takes: list[Take]):
    picture = np.random.default_rng(0).integers(0, 255, (360, 640, 3), dtype=np.uint8)
    everything = Footage([takes[0]], [takes[1]], Photographs((picture,)))
    drawn = [take for seed in range(20) for take in everything.drawn(np.random.default_rng(seed))]
    photographs = sum(isinstance(take, PhotoTake) for take in drawn) / len(drawn)
    assert photographs == pytest.approx(PHOTO_SHARE, abs=0.05)
    real, made = (sum(take is one for take in drawn) / len(drawn) for one in takes)
    assert made == pytest.approx(MADE_SHARE, abs=0.04)
    assert real == pytest.approx(1 - MADE_SHARE - PHOTO_SHARE, abs=0.05)
    assert {id(take) for take in Footage([takes[0]]).drawn(np.random.default_rng(0))} == {id(takes[0])}


def test_the_same_seed_gives_the_same_video_and_another_seed_another(takes: list[Take]):
    first, again, other = (drawn_video(np.random.default_rng(seed), takes, 6.0) for seed in (3, 3, 4))
    assert np.array_equal(first.times_us, again.times_us)
    assert first.edges() == again.edges() != other.edges()
    for time_us in first.times_us[::10].tolist():
        assert np.array_equal(first.picture(time_us / 1e6), again.picture(time_us / 1e6))


def test_a_drawn_video_can_be_seen_at_all_of_its_times(takes: list[Take]):
    for seed in range(4):
        video = drawn_video(np.random.default_rng(seed), takes, 3.0)
        shapes = {(frame.height, frame.width) for frame in frames_of(video)}
        assert len(shapes) == 1
        assert video.parts[-1].end_s >= 3.0


def test_looks_lie_as_far_apart_as_the_detector_s():
    for seed in range(20):
        times = drawn_times(np.random.default_rng(seed), 20.0)
        assert np.diff(times).min() >= LOOK_US


def test_bars_are_black_all_along(pieces: list[Piece]):
    video = replace(joined(pieces[0], pieces[1], Join()), bar=9)
    seen = video.picture(1.0)
    assert not seen[:9].any()
    assert not seen[-9:].any()
    assert seen[9:-9].any()


def test_the_picture_that_a_detector_gets_is_the_one_that_was_made(pieces: list[Piece]):
    video = joined(pieces[0], pieces[1], Join())
    frame = next(frames_of(video))
    assert np.array_equal(frame.rgb, video.picture(0.0))


@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
def test_what_was_encoded_comes_back_picture_by_picture(pieces: list[Piece], codec: str):
    plain = joined(pieces[0], pieces[1], Join())
    coded = replace(plain, coding=Coding(codec, (("g", "30"),)))
    for frame, original in zip(frames_of(coded), frames_of(plain), strict=True):
        assert np.abs(frame.rgb.astype(int) - original.rgb).mean() < 12


def test_a_camera_that_sets_its_exposure_anew_comes_from_no_change(pieces: list[Piece]):
    event = Relit(1.0, 2.0, from_nothing(Path(np.array([0.5, 0.6]), np.array([[9.0], [0.5]])), 1.0))
    piece = replace(pieces[0], events=(event,))
    assert looks_like(piece.picture(0.9), pieces[0].picture(0.9))
    assert piece.picture(2.5).mean() == pytest.approx(pieces[0].picture(2.5).mean() / 2, abs=1)


def test_what_is_held_up_covers_and_leaves(pieces: list[Piece]):
    sheet = np.full((40, 60, 3), 250, np.uint8)
    path = Path(np.array([0.0, 0.5, 1.0]), np.array([[2, 0], [0, 0], [2, 0.0]]))
    piece = replace(pieces[0], events=(HeldUp(1.0, 1.0, sheet, path, 1.0),))
    assert looks_like(piece.picture(0.9), pieces[0].picture(0.9))
    assert (piece.picture(1.5)[20:50, 40:90] == 250).all()
    assert looks_like(piece.picture(2.5), pieces[0].picture(2.5))
