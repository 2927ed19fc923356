"""How one shot of a made video becomes the next: media.synthetic's ways, and further shapes of wipes, and pushes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from curate.detectors.cascade.training.draws import one_of
from media.synthetic.texture import Colour, Image
from media.synthetic.transition import Transition, mix

Kind = Literal["hard", "dissolve", "fade", "wipe", "push"]
KINDS: tuple[Kind, ...] = ("hard", "dissolve", "fade", "wipe", "push")
SHARES = (0.45, 0.2, 0.16, 0.15, 0.04)
FADE_COLOURS: tuple[Colour, ...] = (
    *[(0, 0, 0)] * 3,
    (255, 255, 255),
    (10, 40, 160),
    (128, 128, 128),
    (170, 20, 20),
)
WIPES = ("left", "right", "up", "down", "falling", "rising", "iris")
SHARP = 0.001  # of the picture; the width of an edge that has none


@dataclass(frozen=True)
class Join:
    """`kind` over `seconds`. A fade goes through `colour`; a wipe has a `shape` and an edge `softness` wide, in share
    of the way; a push goes towards `shape`."""

    kind: Kind = "hard"
    seconds: float = 0.0
    colour: Colour = (0, 0, 0)
    shape: str = "left"
    softness: float = SHARP

    @property
    def label(self) -> str:
        """What the network calls it: of two shots that share the picture, a push and a wipe look alike."""
        return "wipe" if self.kind == "push" else self.kind

    def mixed(self, before: Image, after: Image, share: float) -> Image:
        """The picture (uint8 [H, W, 3]) when `share` 0..1 of the transition is over."""
        match self.kind:
            case "wipe":
                cover = _cover(self.shape, before.shape, share, self.softness)
                return (before * (1 - cover) + after * cover).astype(np.uint8)
            case "push":
                return _pushed(before, after, share, self.shape)
            case _:
                return mix(Transition(self.kind, self.seconds, self.colour), before, after, share)


def drawn_join(random: np.random.Generator) -> Join:
    """A hard cut as often as not; others take a quarter of a second to two and a half."""
    kind = KINDS[int(random.choice(len(KINDS), p=SHARES))]
    if kind == "hard":
        return Join()
    seconds = random.uniform(*one_of(random, ((0.25, 1.3), (0.3, 1.3), (1.0, 2.6))))
    shape = one_of(random, WIPES if kind == "wipe" else WIPES[:4])
    return Join(kind, seconds, one_of(random, FADE_COLOURS), shape, one_of(random, (SHARP, SHARP, 0.05, 0.2)))


def _cover(shape: str, size: tuple[int, ...], share: float, softness: float) -> Image:
    """How much of each place is the new shot's: float32 [H, W, 1], 0..1."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    x, y = x / size[1], y / size[0]
    match shape:
        case "left":
            when = 1 - x
        case "right":
            when = x
        case "up":
            when = 1 - y
        case "down":
            when = y
        case "falling":
            when = (x + y) / 2
        case "rising":
            when = (x + 1 - y) / 2
        case _:
            when = np.hypot(x - 0.5, y - 0.5) / np.hypot(0.5, 0.5)
    return np.clip((share * (1 + softness) - when) / softness, 0, 1)[..., None]


def _pushed(before: Image, after: Image, share: float, direction: str) -> Image:
    along = 1 if direction in ("left", "right") else 0
    length = before.shape[along]
    moved = round(share * length)
    first, second, start = (before, after, moved) if direction in ("left", "up") else (after, before, length - moved)
    both = np.concatenate([first, second], along)
    return both[:, start : start + length] if along else both[start : start + length]
