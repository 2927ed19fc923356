"""How one scene becomes the next, as a function of two pictures and a share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from media.synthetic.scene import Seconds
from media.synthetic.texture import COLOURS, Colour, Image, rgb

KINDS = ("hard", "dissolve", "fade", "wipe")
DIRECTIONS = ("left", "right", "up", "down")


@dataclass(frozen=True)
class Transition:
    """`kind` over `seconds`, half before and half after the point where the two scenes meet; a hard cut takes none.

    A fade goes through `colour`; a wipe's edge moves towards `direction`.
    """

    kind: Literal["hard", "dissolve", "fade", "wipe"] = "hard"
    seconds: Seconds = 0
    colour: str | Colour = "black"
    direction: Literal["left", "right", "up", "down"] = "left"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {self.kind!r}. Pick one of them.")
        if self.direction not in DIRECTIONS:
            raise ValueError(f"direction must be one of {', '.join(DIRECTIONS)}, got {self.direction!r}.")
        if (self.kind == "hard") != (self.seconds == 0) or self.seconds < 0:
            raise ValueError(
                f"a hard cut takes 0 seconds and every other transition > 0, got {self.kind} with {self.seconds}. "
                "Give the other kinds a duration."
            )
        if isinstance(self.colour, str) and self.colour not in COLOURS:
            raise ValueError(f"colour must be one of {', '.join(COLOURS)} or (r, g, b), got {self.colour!r}.")


def mix(transition: Transition, before: Image, after: Image, share: float) -> Image:
    """The picture when `share` (0..1) of the transition is over; both pictures uint8 [H, W, 3]."""
    match transition.kind:
        case "hard":
            return after if share > 0 else before
        case "dissolve":
            return cv2.addWeighted(before, 1 - share, after, share, 0)
        case "fade":
            colour = np.broadcast_to(np.array(rgb(transition.colour), np.uint8), before.shape).copy()
            seen = abs(2 * share - 1)
            return cv2.addWeighted(before if share < 0.5 else after, seen, colour, 1 - seen, 0)
        case "wipe":
            return _wiped(before, after, share, transition.direction)


def _wiped(before: Image, after: Image, share: float, direction: str) -> Image:
    along = 1 if direction in ("left", "right") else 0
    length = before.shape[along]
    # a pixel is the new scene's where the edge has passed it; within one pixel of the edge it is part of both
    cover = np.clip(share * length - np.arange(length), 0, 1).astype(np.float32)
    if direction in ("left", "up"):
        cover = cover[::-1]
    cover = cover[None, :, None] if along else cover[:, None, None]
    return (before + (after.astype(np.float32) - before) * cover + 0.5).astype(np.uint8)
