"""Worlds inside something else: between bars, before a blurred copy of themselves, in a small window."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from media.synthetic.encoding import Encoding
from media.synthetic.scene import Seconds, exact_seconds
from media.synthetic.texture import COLOURS, Image
from media.synthetic.world import World
from media.synthetic.write import write_frames

Draw = Callable[[Fraction, int, int], Image]
Box = tuple[int, int, int, int]
"""x, y, width and height in pixels."""


def write_drawn(draw: Draw, seconds: Seconds, encoding: Encoding, path: Path) -> list[int]:
    """Encodes what `draw(seconds, width, height)` gives, uint8 [height, width, 3] RGB; gives the frames' times."""
    times = [Fraction(tick) / encoding.fps for tick in encoding.ticks(exact_seconds(seconds))]
    return write_frames((draw(at, *encoding.display_size) for at in times), encoding, path)


def barred(world: World, box: Box, colour: str = "black") -> Draw:
    """The world in `box`, bars of one colour around it."""
    x, y, box_width, box_height = box

    def draw(at: Fraction, width: int, height: int) -> Image:
        frame = np.full((height, width, 3), COLOURS[colour], np.uint8)
        frame[y : y + box_height, x : x + box_width] = world.frame(at, box_width, box_height)
        return frame

    return draw


def before_itself(world: World, box: Box) -> Draw:
    """The world in `box`, in front of an enlarged and blurred copy of itself, as upright videos are made wide."""
    x, y, box_width, box_height = box

    def draw(at: Fraction, width: int, height: int) -> Image:
        picture = world.frame(at, box_width, box_height)
        scale = max(width / box_width, height / box_height)
        large = cv2.resize(picture, (round(box_width * scale), round(box_height * scale)))
        left, top = (large.shape[1] - width) // 2, (large.shape[0] - height) // 2
        frame = cv2.GaussianBlur(large[top : top + height, left : left + width], (0, 0), width / 30)
        frame[y : y + box_height, x : x + box_width] = picture
        return frame

    return draw


def windowed(inside: World, behind: World, box: Box) -> Draw:
    """One world in a small window over another one."""
    x, y, box_width, box_height = box

    def draw(at: Fraction, width: int, height: int) -> Image:
        frame = behind.frame(at, width, height).copy()
        frame[y : y + box_height, x : x + box_width] = inside.frame(at, box_width, box_height)
        return frame

    return draw
