"""Stories: the grammar's text and back, an exact judge's labels, films that show just what the caption says."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.probe import probe
from media.sample import sample
from media.synthetic.stories import (
    CAMERA_ACTIONS,
    COLOURS,
    SHAPES,
    THING_ACTIONS,
    Caption,
    Event,
    GrammarError,
    Order,
    Story,
    StoryFilm,
    Thing,
    entailment,
    is_held_out,
    make_story,
    order_events,
    parse_caption,
    parse_event,
    story_frames,
    write_story,
)
from media.synthetic.stories.film import GROWTH, event_spans_us
from media.synthetic.stories.shelf import read_stories, write_stories
from media.synthetic.texture import COLOURS as RGB

RED = Thing("red", "circle")
BLUE = Thing("blue", "square")
MOVES, GONE, ZOOM = Event(RED, "moves left"), Event(BLUE, "disappears"), Event(None, "zooms in")
CAPTION = "There are a red circle and a blue square. The red circle moves left. Then the camera zooms in."

things = st.builds(Thing, st.sampled_from(COLOURS), st.sampled_from(SHAPES))
events = st.one_of(
    st.builds(Event, things, st.sampled_from(THING_ACTIONS)),
    st.builds(Event, st.none(), st.sampled_from(CAMERA_ACTIONS)),
)


def test_a_caption_is_one_sentence_about_the_start_and_one_an_event() -> None:
    assert Caption((RED, BLUE), (MOVES, ZOOM)).text == CAPTION


@settings(max_examples=200, deadline=None)
@given(st.lists(things, max_size=3, unique=True), st.lists(events, max_size=4))
def test_a_text_is_read_back_as_what_it_says(seen: list[Thing], told: list[Event]) -> None:
    caption = Caption(tuple(seen), tuple(told))
    assert parse_caption(caption.text) == caption
    assert parse_caption(caption.text.lower()) == caption


def test_frame_markers_are_read_back() -> None:
    caption = Caption((RED,), (MOVES, ZOOM), ((1, 3), (4, 4)))
    assert caption.text == (
        "There is a red circle. <frame: 1-3> The red circle moves left. <frame: 4> Then the camera zooms in."
    )
    assert parse_caption(caption.text) == caption


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "word 1 of '': expected 'there', got the end"),
        ("There is a pink circle.", "expected 'red' or 'green'.*got 'pink'"),
        ("There is a red circle. The red circle pans left.", "expected 'moves' or 'appears'.*got 'pans'"),
        ("There is nothing. Then the camera zooms in.", "expected 'the', got 'then'"),
        ("There is nothing. The camera zooms in", "got the end"),
        ("There is nothing. The camera zooms in. The camera zooms out.", "expected 'then'"),
        ("There are a red circle and a red circle.", "each thing once"),
        ("There is a orange bar.", "a colour that 'a' goes with"),
        ("There is nothing. <frame: 3-2> The camera zooms in.", "frames from 1"),
        ("There is nothing. <frame: 1> The camera zooms in. Then the camera zooms out.", "a frame marker before each"),
        ("There is nothing. The camera zooms in. <frame: 5> Then the camera zooms out.", "a frame marker before each"),
        ("There is nothing. The camera zooms in. 💥", "got '💥'"),
    ],
)
def test_a_text_outside_the_grammar_is_refused_with_the_place(text: str, says: str) -> None:
    with pytest.raises(GrammarError, match=says):
        parse_caption(text)


def test_an_event_is_read_alone_and_with_what_comes_after_it() -> None:
    assert parse_event("The red circle moves left.") == MOVES
    assert parse_event("the camera zooms in before the blue square disappears") == Order(ZOOM, GONE)
    with pytest.raises(GrammarError, match="the end of the event"):
        parse_event("the camera zooms in quickly")


@pytest.mark.parametrize(
    ("event", "label"),
    [
        (MOVES, "entailment"),
        (Event(RED, "moves right"), "contradiction"),
        (Event(RED, "moves up"), "neutral"),
        (Event(BLUE, "moves left"), "neutral"),
        (Event(None, "zooms out"), "contradiction"),
        (Order(MOVES, ZOOM), "entailment"),
        (Order(ZOOM, MOVES), "contradiction"),
        (Order(MOVES, GONE), "neutral"),
    ],
)
def test_what_is_told_is_entailed_and_its_opposite_contradicted(event: Event | Order, label: str) -> None:
    assert entailment(parse_caption(CAPTION).events, event) == label


def test_order_is_told_by_neighbours() -> None:
    assert order_events((MOVES, ZOOM, GONE)) == (Order(MOVES, ZOOM), Order(ZOOM, GONE))


def test_a_word_outside_the_grammar_is_no_thing_and_no_event() -> None:
    with pytest.raises(ValueError, match="shape must be one of circle"):
        Thing("red", "cube")
    with pytest.raises(ValueError, match="the camera can do one of"):
        Event(None, "moves left")


def test_a_seed_is_a_story_and_splits_tell_different_combinations() -> None:
    for seed in range(100):
        train, held_out = make_story(seed), make_story(seed, "held_out")
        assert train == make_story(seed)
        assert not any(map(is_held_out, train.events))
        assert any(map(is_held_out, held_out.events))
        assert len(set(train.events)) == len(train.events)


def test_every_colour_shape_and_action_is_told_in_both_splits() -> None:
    for split in ("train", "held_out"):
        told = [event for seed in range(400) for event in make_story(seed, split).events]
        assert {event.thing.colour for event in told if event.thing} == set(COLOURS)
        assert {event.thing.shape for event in told if event.thing} == set(SHAPES)
        assert {event.action for event in told} == {*THING_ACTIONS, *CAMERA_ACTIONS}


def told(action: str, thing: Thing | None = RED, place: tuple[int, int] = (1, 1), *, near: bool = True) -> Story:
    event = Event(thing, action)
    hidden = frozenset([RED]) if action == "appears" else frozenset[Thing]()
    large = frozenset([RED]) if action == "shrinks" else frozenset[Thing]()
    return Story(((RED, place),), hidden, large, near, (event,), 0)


def red_pixels(frame: np.ndarray) -> np.ndarray:
    """(y, x) of pixels that have the red circle's colour."""
    return np.argwhere(np.abs(frame.astype(int) - RGB["red"]).max(axis=2) < 12)


@pytest.mark.parametrize(
    ("action", "shift"),  # a place is half of 84 pixels; x to the right, y down
    [
        ("moves left", (-42, 0)), ("moves right", (42, 0)), ("moves up", (0, -42)), ("moves down", (0, 42)),
        ("pans left", (42, 0)), ("pans right", (-42, 0)), ("tilts up", (0, 42)), ("tilts down", (0, -42)),
    ],
)  # fmt: skip
def test_things_and_camera_move_one_place(action: str, shift: tuple[int, int]) -> None:
    story = told(action, None if action in CAMERA_ACTIONS else RED, (0, 0) if max(shift) > 0 else (1, 1))
    first, *_, last = story_frames(story, film=StoryFilm(size=84, fps=8))
    moved = red_pixels(last).mean(axis=0) - red_pixels(first).mean(axis=0)
    assert moved[::-1] == pytest.approx(shift, abs=0.6)
    background_moved = bool((first[:4] != last[:4]).any())  # the circle is never in the upper four rows
    assert background_moved == (action in CAMERA_ACTIONS)


@pytest.mark.parametrize(
    ("action", "growth"),
    [("grows", GROWTH**2), ("shrinks", 1 / GROWTH**2), ("zooms in", 1 / 0.75**2), ("zooms out", 0.75**2)],
)
def test_sizes_change_by_what_happens(action: str, growth: float) -> None:
    thing = None if action in CAMERA_ACTIONS else RED
    first, *_, last = story_frames(told(action, thing, near=action != "zooms in"), film=StoryFilm(size=168, fps=8))
    assert len(red_pixels(last)) / len(red_pixels(first)) == pytest.approx(growth, rel=0.06)


def test_a_thing_appears_and_disappears_in_the_middle_of_its_second() -> None:
    shown = [len(red_pixels(frame)) > 0 for frame in story_frames(told("appears"))]
    assert shown == [False] * 2 + [True] * 2  # four frames a second
    assert [len(red_pixels(frame)) > 0 for frame in story_frames(told("disappears"))] == [True] * 2 + [False] * 2


def test_a_film_is_a_file_that_is_the_same_each_time(tmp_path: Path) -> None:
    story = make_story(5)
    times = write_story(story, tmp_path / "a.mp4")
    write_story(story, tmp_path / "b.mp4")
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert probe(tmp_path / "a.mp4").num_frames == len(times) == 4 * len(story.events)
    shown = next(iter(sample(tmp_path / "a.mp4", [0]))).rgb.astype(int)
    assert np.abs(shown - next(story_frames(story))).mean() < 8


def test_a_shelf_adds_stories_and_makes_none_twice(tmp_path: Path) -> None:
    write_stories(tmp_path, range(3))
    stamp = (tmp_path / "train_56_000000.mp4").stat().st_mtime_ns
    write_stories(tmp_path, range(2, 4), "held_out")
    write_stories(tmp_path, range(3))
    assert (tmp_path / "train_56_000000.mp4").stat().st_mtime_ns == stamp
    rows = read_stories(tmp_path)
    assert [row.video for row in rows] == [
        "held_out_56_000002.mp4", "held_out_56_000003.mp4", "train_56_000000.mp4", "train_56_000001.mp4",
        "train_56_000002.mp4",
    ]  # fmt: skip
    for row in rows:
        assert tuple(e.text for e in parse_caption(row.text).events) == row.events


def test_a_pan_moves_the_floor_and_a_move_does_not():
    def corner(event: Event) -> np.ndarray:
        story = Story(((RED, (1, 1)),), frozenset(), frozenset(), zoomed_in=True, events=(event,), background=0)
        first, *_, last = story_frames(story)
        return np.abs(first[:12, :12].astype(int) - last[:12, :12])  # a corner where nothing stands

    assert corner(Event(RED, "moves left")).max() <= 2
    for action in ("pans right", "tilts down", "zooms in"):
        assert corner(Event(None, action)).mean() > 4, action


def test_rests_put_events_where_neither_length_nor_order_tells() -> None:
    """Frames of a rest are still; frames of an event are where its span says."""
    told = [make_story(seed, max_things=2, max_events=2, max_rest_s=2.0) for seed in range(40)]
    assert len({event_spans_us(story)[0] for story in told}) > 4
    story = next(story for story in told if len(story.events) == 2 and min(story.rests_s) >= 0.25)
    assert make_story(told.index(story), max_things=2, max_events=2).events == story.events  # the same story
    frames = list(story_frames(story))
    assert len(frames) == round(4 * (2 + sum(story.rests_s)))
    changes = [n / 4 for n, (one, next_) in enumerate(pairwise(frames)) if (one != next_).any()]
    assert changes
    spans = [(start / 1e6, end / 1e6) for start, end in event_spans_us(story)]
    assert all(any(start <= change < end for start, end in spans) for change in changes)


def test_rests_and_events_must_go_together() -> None:
    with pytest.raises(ValueError, match="1 events need one rest more, got 1"):
        Story(((RED, (0, 0)),), frozenset(), frozenset(), True, (Event(RED, "grows"),), 0, rests_s=(1.0,))
