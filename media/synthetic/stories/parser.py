"""From text back to what it says: exactly the grammar, or an error that says where and what is allowed there.

Upper and lower case are one, as are runs of white space: judges lower their texts.
"""

from __future__ import annotations

import re

from media.synthetic.stories.grammar import (
    CAMERA,
    CAMERA_ACTIONS,
    COLOURS,
    SHAPES,
    THING_ACTIONS,
    Caption,
    Event,
    Order,
    Thing,
)

TOKEN = re.compile(r"<frame:\s*\d+(?:\s*-\s*\d+)?>|[a-z]+|[.,]|\S")
MARKER = re.compile(r"<frame:\s*(\d+)(?:\s*-\s*(\d+))?>")


class GrammarError(ValueError):
    """A text that the grammar cannot say. place: of the first word that does not fit, from 0; text: the whole."""

    def __init__(self, text: str, place: int, got: str, wanted: str) -> None:
        super().__init__(f"word {place + 1} of {_short(text)}: expected {wanted}, got {got}.")
        self.text = text
        self.place = place


def parse_caption(text: str) -> Caption:
    """What a caption says. Raises GrammarError for any text that `Caption.text` could not have written."""
    words = _Words(text)
    things = _there(words)
    events: list[Event] = []
    frames: list[tuple[int, int]] = []
    while not words.at_end():
        marked = bool(frames)
        span = words.marker()
        if span:
            frames.append(span)
        if events and marked != bool(span):
            words.fail("a frame marker before each event or before none")
        if events:
            words.take("then")
        events.append(_event(words))
        words.take(".")
    return Caption(tuple(things), tuple(events), tuple(frames))


def parse_event(text: str) -> Event | Order:
    """One event, or that one comes before another; a full stop at the end may be there. Raises GrammarError."""
    words = _Words(text)
    event: Event | Order = _event(words)
    if words.next() == "before":
        words.take("before")
        event = Order(event, _event(words))
    if words.next() == ".":
        words.take(".")
    if not words.at_end():
        words.fail("the end of the event")
    return event


def _there(words: _Words) -> list[Thing]:
    words.take("there")
    if words.choose("is", "are") == "is":
        if words.next() == "nothing":
            words.take("nothing")
            words.take(".")
            return []
        things = [_a_thing(words)]
    else:
        things = [_a_thing(words)]
        while words.choose(",", "and") == ",":
            things.append(_a_thing(words))
        things.append(_a_thing(words))
    words.take(".")
    if len(set(things)) < len(things):
        words.fail("each thing once")
    return things


def _a_thing(words: _Words) -> Thing:
    article = words.choose("a", "an")
    if (article == "an") != (words.next()[:1] in tuple("aeiou")):
        words.fail(f"a colour that {article!r} goes with")
    return _thing(words)


def _thing(words: _Words) -> Thing:
    return Thing(words.choose(*COLOURS), words.choose(*SHAPES))


def _event(words: _Words) -> Event:
    words.take("the")
    if words.next() == CAMERA:
        words.take(CAMERA)
        return Event(None, _action(words, CAMERA_ACTIONS))
    thing = _thing(words)
    return Event(thing, _action(words, THING_ACTIONS))


def _action(words: _Words, allowed: tuple[str, ...]) -> str:
    verb = words.choose(*dict.fromkeys(action.split()[0] for action in allowed))
    ways = [action.split()[1] for action in allowed if action.startswith(f"{verb} ")]
    return f"{verb} {words.choose(*ways)}" if ways else verb


class _Words:
    """The words of a text and how far they are read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._words = TOKEN.findall(text.lower())
        self._at = 0

    def at_end(self) -> bool:
        return self._at >= len(self._words)

    def next(self) -> str:
        return "" if self.at_end() else self._words[self._at]

    def take(self, word: str) -> None:
        self.choose(word)

    def choose(self, *allowed: str) -> str:
        word = self.next()
        if word not in allowed:
            self.fail(" or ".join(repr(one) for one in allowed))
        self._at += 1
        return word

    def marker(self) -> tuple[int, int] | None:
        found = MARKER.fullmatch(self.next())
        if not found:
            return None
        first = int(found[1])
        last = int(found[2] or first)
        if not 1 <= first <= last:
            self.fail("frames from 1, the last not before the first")
        self._at += 1
        return first, last

    def fail(self, wanted: str) -> None:
        got = "the end" if self.at_end() else repr(self.next())
        raise GrammarError(self._text, self._at, got, wanted)


def _short(text: str) -> str:
    shown = repr(text)
    return shown if len(shown) <= 100 else shown[:97] + "..."
