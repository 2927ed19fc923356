"""Borders round the picture: black or white bars, and the blurred copy of itself that fills out an upright video.

A bar's inner edge is one straight line across the whole picture, and stays where it is: dark scenes and white pages
have no such line. Subtitles may stand in a bar. Places are found to a pixel of the working picture, and the box
lies within: a pixel that is half bar is bar.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from curate.observers.camera import Array
from curate.observers.series import Series
from media.frame import Frame
from schemas.spans import Span

STEP_US = 500_000
BLACK, WHITE = 28, 230  # luma; codecs leave a little noise in a bar
OUTERMOST = 0.97  # share of the outermost line that is bar
INSIDE_BAR = 0.6  # share of any line of the bar: the rest may be subtitles
BEHIND_EDGE = 0.35  # at most so much of the picture's first lines looks like bar
DEEPEST = 0.45  # of a side of the picture
STEADY = 1.5  # pixels by which a bar may seem to move
FOUND_SHARE = 0.7  # of the samples must show blurred sides
BLURRED = 0.35  # sharpness of the sides against the middle
EDGE = 4.0  # contrast across the inner edge against other columns of the sides
COLUMNS = ("crop_x", "crop_y", "crop_width", "crop_height", "letterbox_share")


class BorderObserver:
    """Fills crop_x, crop_y, crop_width, crop_height, in pixels as displayed, and letterbox_share."""

    def __init__(self) -> None:
        self._bars = Series(4)  # left, top, right, bottom: share of the width or height
        self._blurred = Series(2)  # of each side, and of top and bottom
        self._next_us = 0
        self._display = (0, 0)
        self._working = (0, 0)

    def push(self, frame: Frame) -> None:
        if frame.time_us < self._next_us:
            return
        self._next_us = (frame.time_us // STEP_US + 1) * STEP_US
        self._display, self._working = frame.display_size, (frame.width, frame.height)
        at = frame.time_us
        self._bars.add(at, at, *bars_of(frame.luma))
        self._blurred.add(at, at, blurred_sides(frame.luma), blurred_sides(cv2.transpose(frame.luma)))

    def measure(self, clip: Span) -> dict[str, float | None]:
        bars, blurred = self._bars.within(clip), self._blurred.within(clip)
        if not len(bars):
            return dict.fromkeys(COLUMNS)
        (width, height), (small_w, small_h) = self._display, self._working
        left, top, right, bottom = (
            _steady(bars[:, side], size) for side, size in enumerate((small_w, small_h, small_w, small_h))
        )
        across, down = (_agreed(blurred[:, axis], size) for axis, size in enumerate((small_w, small_h)))
        left, right, top, bottom = max(left, across), max(right, across), max(top, down), max(bottom, down)
        x, y = math.ceil(left / small_w * width), math.ceil(top / small_h * height)
        box_w = math.floor((1 - right / small_w) * width) - x
        box_h = math.floor((1 - bottom / small_h) * height) - y
        return dict(zip(COLUMNS, (x, y, box_w, box_h, 1 - box_w * box_h / (width * height)), strict=True))


def bars_of(luma: Array) -> tuple[int, int, int, int]:
    """Widths in pixels of the black or white bars of a picture, uint8 [H, W]: left, top, right, bottom."""
    black, white = luma <= BLACK, luma >= WHITE
    found = [_bars_along(black.mean(0), white.mean(0)), _bars_along(black.mean(1), white.mean(1))]
    (left, right), (top, bottom) = found
    return left, top, right, bottom


def _bars_along(black: Array, white: Array) -> tuple[int, int]:
    """The bars at the beginning and at the end of one axis, by the share of each line that is black, or white."""
    ends = _bar(black, INSIDE_BAR), _bar(black[::-1], INSIDE_BAR)
    if any(ends):
        return ends
    before, behind = _bar(white, OUTERMOST), _bar(white[::-1], OUTERMOST)
    # the margin of a page is white too, but seldom the same at both sides, and no line ends it
    return (before, behind) if abs(before - behind) <= 1 and min(before, behind) > 0 else (0, 0)


def _bar(share: Array, at_least: float) -> int:
    """How many lines from the first on are bar; 0 where no edge ends them."""
    if share[0] < OUTERMOST:
        return 0
    ends = np.flatnonzero(share < at_least)
    if not len(ends) or ends[0] > DEEPEST * len(share):
        return 0
    edge = int(ends[0])
    if share[edge + 1 : edge + 4].max(initial=0) > BEHIND_EDGE:
        return 0
    return edge + (1 if share[edge] > BEHIND_EDGE else 0)


def blurred_sides(luma: Array) -> int:
    """Width in pixels of two equal blurred sides of a picture, uint8 [H, W]; 0: none."""
    width = luma.shape[1]
    across = np.abs(np.diff(luma.astype(np.int16), axis=1))
    steps = across.mean(0)  # step i lies between columns i and i + 1
    typical = np.minimum(steps, cv2.blur(steps[None].astype(np.float32), (9, 1))[0])
    low, high = max(3, round(0.08 * width)), round(0.42 * width)
    if high <= low:
        return 0
    edges = np.minimum(steps[low:high], steps[::-1][low:high])
    at = low + int(edges.argmax())
    sides = np.concatenate([typical[2 : at - 2], typical[::-1][2 : at - 2]])
    middle = typical[at + 3 : width - at - 4]
    if not len(middle) or not len(sides):
        return 0
    is_blurred = sides.mean() < BLURRED * middle.mean() and sides.max() < middle.mean()
    is_edge = edges.max() > EDGE * (sides.mean() + 0.5)
    # most of the edge's length must be edge: a pillar in the picture is not
    length = float((across[:, [at, width - 2 - at]] > 2 * (sides.mean() + 0.5)).mean())
    return at + 1 if is_blurred and is_edge and length > 0.6 else 0


def _steady(widths: Array, size: int) -> float:
    """A bar's width over time, in pixels: that of nearly the brightest picture; 0 where it wanders or is a hair."""
    low, middle = np.percentile(widths, (15, 50))
    is_bar = middle - low <= STEADY and 1 <= low <= DEEPEST * size
    return float(middle) if is_bar else 0.0


def _agreed(widths: Array, size: int) -> float:
    found = widths[widths > 0]
    if len(found) < FOUND_SHARE * len(widths):
        return 0.0
    return float(np.median(found)) if np.ptp(np.percentile(found, (10, 90))) <= 2 * STEADY else 0.0
