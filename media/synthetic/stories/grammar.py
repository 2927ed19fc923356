"""What a story can say: things, events, their order, and the one text that says it.

A caption is a sentence about what is there at the start, then one sentence an event:

    There are a red circle and a blue square. The red circle moves left. Then the camera zooms in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

COLOURS = ("red", "green", "blue", "yellow", "cyan", "magenta", "orange", "white")
SHAPES = ("circle", "square", "triangle", "diamond", "bar")
THING_ACTIONS = (
    "moves left", "moves right", "moves up", "moves down", "appears", "disappears", "grows", "shrinks",
)  # fmt: skip
CAMERA_ACTIONS = ("pans left", "pans right", "tilts up", "tilts down", "zooms in", "zooms out")
CAMERA = "camera"
NOTHING = "There is nothing."


@dataclass(frozen=True, order=True)
class Thing:
    """A thing of a story; a story holds each at most once. Raises ValueError for a word outside the grammar."""

    colour: str
    shape: str

    def __post_init__(self) -> None:
        if self.colour not in COLOURS:
            raise ValueError(f"colour must be one of {', '.join(COLOURS)}, got {self.colour!r}.")
        if self.shape not in SHAPES:
            raise ValueError(f"shape must be one of {', '.join(SHAPES)}, got {self.shape!r}.")

    @property
    def text(self) -> str:
        return f"{self.colour} {self.shape}"


@dataclass(frozen=True)
class Event:
    """Who does what. thing None: the camera. Raises ValueError for an action that it cannot do."""

    thing: Thing | None
    action: str

    def __post_init__(self) -> None:
        allowed = CAMERA_ACTIONS if self.thing is None else THING_ACTIONS
        if self.action not in allowed:
            who = "the camera" if self.thing is None else f"a {self.thing.text}"
            raise ValueError(f"{who} can do one of {', '.join(allowed)}, got {self.action!r}.")

    @property
    def text(self) -> str:
        return f"the {self.thing.text if self.thing else CAMERA} {self.action}"


@dataclass(frozen=True)
class Order:
    """One event comes before another; an event of a judge, not of a caption."""

    first: Event
    second: Event

    @property
    def text(self) -> str:
        return f"{self.first.text} before {self.second.text}"


@dataclass(frozen=True)
class Caption:
    """What a caption says. things: seen at the start, in the order of the text. events: in order of time.

    frames: for each event the first and last frame that shows it, 1-based and inclusive as in Tarsier2's grounded
    captions (arXiv 2501.07888, section 3.2); empty where the text has no markers.
    """

    things: tuple[Thing, ...]
    events: tuple[Event, ...]
    frames: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if self.frames and len(self.frames) != len(self.events):
            raise ValueError(f"{len(self.events)} events need as many frame spans, got {len(self.frames)}.")

    @property
    def text(self) -> str:
        """The caption; with its frames where it has them."""
        sentences = [_there(self.things)]
        for number, event in enumerate(self.events):
            said = f"Then {event.text}." if number else f"{event.text[0].upper()}{event.text[1:]}."
            sentences.append(f"{_marker(self.frames[number])} {said}" if self.frames else said)
        return " ".join(sentences)


def _there(things: Sequence[Thing]) -> str:
    if not things:
        return NOTHING
    named = [f"{'an' if thing.text[0] in 'aeiou' else 'a'} {thing.text}" for thing in things]
    if len(named) == 1:
        return f"There is {named[0]}."
    return f"There are {', '.join(named[:-1])} and {named[-1]}."


def _marker(frames: tuple[int, int]) -> str:
    first, last = frames
    return f"<frame: {first}>" if first == last else f"<frame: {first}-{last}>"
