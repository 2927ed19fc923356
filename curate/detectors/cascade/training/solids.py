"""Shots of one colour, as between chapters and in tests of equipment: nothing in them can be followed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curate.detectors.cascade.training.draws import a_colour, one_of
from curate.detectors.cascade.training.events import Event
from curate.detectors.cascade.training.overlays import Patch, drawn_lines
from media.synthetic.texture import Colour, Image

TITLED = 0.4
COLOURS: tuple[Colour, ...] = (
    (0, 0, 0),
    (0, 0, 0),
    (255, 255, 255),
    (255, 0, 0),
    (0, 0, 255),
    (0, 128, 0),
    (128, 128, 128),
)


@dataclass(frozen=True, eq=False)
class Solid:
    """The same picture all along: uint8 [H, W, 3] RGB."""

    still: Image
    events: tuple[Event, ...] = ()

    def picture(self, at_s: float) -> Image:
        return self.still

    def inner(self) -> list[tuple[float, float]]:
        return []


def drawn_solid(random: np.random.Generator, width: int, height: int) -> Solid:
    """One colour, now and then one that gets lighter to the right, or with a title on it."""
    still = np.full((height, width, 3), one_of(random, (*COLOURS, a_colour(random))), np.uint8)
    if random.random() < 0.3:
        slope = np.linspace(random.uniform(-60, 0), random.uniform(0, 60), width, dtype=np.float32)
        still = np.clip(still + slope[None, :, None], 0, 255).astype(np.uint8)
    if random.random() < TITLED:
        lines = drawn_lines(random, (0.3, 0.7))
        still = Patch(words=lines).over(still, 1.0)
    return Solid(still)
