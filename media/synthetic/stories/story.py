"""Stories by seed: things on a stage of 2 x 2 places, and what happens to them, one event a second.

A story never tells the same event twice, and nothing leaves the picture, so that its events are a set with an order.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random
from typing import Literal

from media.synthetic.stories.grammar import (
    CAMERA_ACTIONS,
    COLOURS,
    SHAPES,
    THING_ACTIONS,
    Caption,
    Event,
    Thing,
)

Split = Literal["train", "held_out"]
Place = tuple[int, int]
STEPS: dict[str, Place] = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
SIDE = 2
PLACES = tuple((column, row) for row in range(SIDE) for column in range(SIDE))
HELD_OUT_SHARE = 7  # one of so many (colour, shape, action) is never in a story of the split "train"
BACKGROUNDS = 6
MAX_THINGS, MAX_EVENTS = 3, 4
REST_FRAMES_PER_S = 4  # rests are whole frames at the films' own rate


def is_held_out(event: Event) -> bool:
    """Whether only stories of the split "held_out" may tell it; every colour, shape and action is in both."""
    if event.thing is None:
        return False
    number = (
        3 * COLOURS.index(event.thing.colour) + 5 * SHAPES.index(event.thing.shape) + THING_ACTIONS.index(event.action)
    )
    return number % HELD_OUT_SHARE == 0


@dataclass(frozen=True)
class Story:
    """What a film shows. places: of things on the screen at the start, or where they will appear.

    hidden: things that are not there at the start. large: things that are large at the start. zoomed_in: the camera
    starts near. background: which picture lies behind. rests_s: seconds of stillness before each event and behind
    the last; empty where there are none.
    """

    places: tuple[tuple[Thing, Place], ...]
    hidden: frozenset[Thing]
    large: frozenset[Thing]
    zoomed_in: bool
    events: tuple[Event, ...]
    background: int
    rests_s: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.rests_s and len(self.rests_s) != len(self.events) + 1:
            raise ValueError(f"{len(self.events)} events need one rest more, got {len(self.rests_s)}.")

    @property
    def starts_s(self) -> tuple[float, ...]:
        """When each event's second begins, and last when the story ends."""
        rests = self.rests_s or (0.0,) * (len(self.events) + 1)
        starts = [sum(rests[: number + 1]) + number for number in range(len(self.events) + 1)]
        return tuple(starts) if self.events else (max(1.0, rests[0]),)

    @property
    def caption(self) -> Caption:
        """Things from left to right, then from top to bottom."""
        seen = sorted((place, thing) for thing, place in self.places if thing not in self.hidden)
        return Caption(tuple(thing for _, thing in seen), self.events)


def make_story(
    seed: int,
    split: Split = "train",
    *,
    max_things: int = MAX_THINGS,
    max_events: int = MAX_EVENTS,
    max_rest_s: float = 0.0,
) -> Story:
    """The story of a seed; equal seeds give equal stories. A story of "held_out" tells at least one held-out event.

    max_rest_s: of all stillness between its events together; then neither the length of a film nor the order of its
    events says when they happen. Raises ValueError for an unknown split or for limits outside 1..3 things and 1..4
    events.
    """
    if split not in ("train", "held_out"):
        raise ValueError(f"split must be 'train' or 'held_out', got {split!r}.")
    if not 1 <= max_things <= MAX_THINGS or not 1 <= max_events <= MAX_EVENTS:
        raise ValueError(f"a story has 1..3 things and 1..4 events, got {max_things} and {max_events}.")
    random = Random(f"story {split} {seed}")
    while True:
        story = _draft(random, max_things, max_events)
        if any(map(is_held_out, story.events)) == (split == "held_out"):
            return _rested(random, story, max_rest_s) if max_rest_s else story


def _rested(random: Random, story: Story, max_rest_s: float) -> Story:
    """The story with a random amount of stillness, each frame of it in a random place."""
    frames = random.randint(0, round(max_rest_s * REST_FRAMES_PER_S))
    places = [random.randrange(len(story.events) + 1) for _ in range(frames)]
    return replace(story, rests_s=tuple(places.count(n) / REST_FRAMES_PER_S for n in range(len(story.events) + 1)))


def _draft(random: Random, max_things: int, max_events: int) -> Story:
    things = [Thing(colour, random.choice(SHAPES)) for colour in random.sample(COLOURS, random.randint(1, max_things))]
    places = dict(zip(things, random.sample(PLACES, len(things)), strict=True))
    hidden = frozenset(thing for thing in things if random.random() < 0.25)
    large = frozenset(thing for thing in things if random.random() < 0.4)
    stage = Stage(dict(places), set(things) - hidden, set(hidden), set(large), zoomed_in=random.random() < 0.7)
    zoomed_in, events = stage.zoomed_in, []
    for _ in range(random.randint(1, max_events)):
        event = _next_event(random, stage, events)
        if event is None:
            break
        stage.play(event)
        events.append(event)
    return Story(tuple(places.items()), hidden, large, zoomed_in, tuple(events), random.randrange(BACKGROUNDS))


def _next_event(random: Random, stage: Stage, told: list[Event]) -> Event | None:
    camera = [event for event in (Event(None, action) for action in CAMERA_ACTIONS) if stage.allows(event)]
    acting = [
        event
        for event in (Event(thing, action) for thing in stage.places for action in THING_ACTIONS)
        if stage.allows(event)
    ]
    camera, acting = ([event for event in some if event not in told] for some in (camera, acting))
    if not camera and not acting:
        return None
    # kinds first, so that appearing is not drowned by the four ways to move
    kinds = sorted({event.action.split()[0] for event in acting})
    if camera and (not kinds or random.random() < 0.25):
        return random.choice(camera)
    kind = random.choice([*kinds, *(kind for kind in kinds if kind == "moves")])
    return random.choice([event for event in acting if event.action.startswith(kind)])


@dataclass
class Stage:
    """Where things are on the screen while a story is told. unborn: things that may still appear."""

    places: dict[Thing, Place]
    shown: set[Thing]
    unborn: set[Thing]
    large: set[Thing]
    zoomed_in: bool
    offset: Place = field(default=(0, 0))  # places that the camera has moved, right and down

    def allows(self, event: Event) -> bool:
        """Whether the event can happen now: a free place to go to, nothing pushed out of the picture."""
        verb, _, way = event.action.partition(" ")
        thing = event.thing
        if thing is None:
            return self._camera_allows(verb, way)
        if verb == "appears":
            return thing in self.unborn
        return thing in self.shown and self._thing_allows(thing, verb, way)

    def play(self, event: Event) -> None:
        """Brings the stage to where it is after the event."""
        verb, _, way = event.action.partition(" ")
        thing = event.thing
        if thing is None:
            if verb == "zooms":
                self.zoomed_in = way == "in"
                return
            step = STEPS[way]
            self.offset = _moved(self.offset, step)
            self.places = {one: _moved(place, (-step[0], -step[1])) for one, place in self.places.items()}
            return
        match verb:
            case "moves":
                self.places[thing] = _moved(self.places[thing], STEPS[way])
            case "appears":
                self.unborn.remove(thing)
                self.shown.add(thing)
            case "disappears":
                self.shown.remove(thing)
            case "grows":
                self.large.add(thing)
            case "shrinks":
                self.large.remove(thing)

    def _thing_allows(self, thing: Thing, verb: str, way: str) -> bool:
        match verb:
            case "moves":
                target = _moved(self.places[thing], STEPS[way])
                return target in PLACES and target not in self._taken()
            case "grows":
                return thing not in self.large
            case "shrinks":
                return thing in self.large
            case _:
                return True

    def _camera_allows(self, verb: str, way: str) -> bool:
        if verb == "zooms":
            return self.zoomed_in == (way == "out")
        step = STEPS[way]
        return all(_moved(place, (-step[0], -step[1])) in PLACES for place in self._taken())

    def _taken(self) -> set[Place]:
        """Places of what is shown or will be."""
        return {self.places[thing] for thing in self.shown | self.unborn}


def _moved(place: Place, step: Place) -> Place:
    return place[0] + step[0], place[1] + step[1]
