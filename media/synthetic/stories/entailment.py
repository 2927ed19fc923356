"""Whether what a text says entails an event: an exact judge's verdict, with the three labels of AutoDQ."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from media.synthetic.stories.grammar import Event, Order

Label = Literal["entailment", "neutral", "contradiction"]
OPPOSITES = (
    ("moves left", "moves right"), ("moves up", "moves down"), ("grows", "shrinks"), ("appears", "disappears"),
    ("pans left", "pans right"), ("tilts up", "tilts down"), ("zooms in", "zooms out"),
)  # fmt: skip
OPPOSITE = dict(OPPOSITES) | {b: a for a, b in OPPOSITES}


def entailment(said: Sequence[Event], event: Event | Order) -> Label:
    """The label of an event against the events that a text tells, in the text's order.

    Told: entailment. Not told, but its opposite by the same actor is: contradiction. Otherwise neutral, because a
    text need not tell everything. An order is entailed if both events are told in that order and contradicted if they
    are told the other way round.
    """
    if isinstance(event, Order):
        if event.first not in said or event.second not in said:
            return "neutral"
        return "entailment" if said.index(event.first) < said.index(event.second) else "contradiction"
    if event in said:
        return "entailment"
    return "contradiction" if Event(event.thing, OPPOSITE[event.action]) in said else "neutral"


def order_events(events: Sequence[Event]) -> tuple[Order, ...]:
    """What a text says about the order of its events: each before the next."""
    return tuple(Order(first, second) for first, second in pairwise(events))
