"""How much of the picture is text, by the look of lines of letters; no letter is read.

Letters are strokes: dark to bright and back within a few pixels, many of them in a row, of one height, with strong
edges. Strokes of one row are joined, and what has the shape and the density of a line of text counts with its box. In
a picture of 256 pixels letters below about a 50th of its height are too small to be seen, and no line stands upright.
"""

from __future__ import annotations

import cv2
import numpy as np

from curate.observers.camera import Array
from curate.observers.series import Series
from media.frame import Frame
from schemas.spans import Span

STEP_US = 1_000_000
STROKE = 5  # pixels: the widest stroke of a letter
CONTRAST = 40  # grey levels between a stroke and what it lies on
JOIN = 7  # pixels: the widest gap between letters of one line


class TextObserver:
    """Fills text_share, from one picture a second."""

    def __init__(self) -> None:
        self._shares = Series(1)
        self._next_us = 0

    def push(self, frame: Frame) -> None:
        if frame.time_us < self._next_us:
            return
        self._next_us = (frame.time_us // STEP_US + 1) * STEP_US
        covered = np.zeros((frame.height, frame.width), bool)
        for x, y, width, height in text_boxes(frame.luma):
            covered[y : y + height, x : x + width] = True
        self._shares.add(frame.time_us, frame.time_us, float(covered.mean()))

    def measure(self, clip: Span) -> dict[str, float | None]:
        shares = self._shares.within(clip)
        return {"text_share": float(shares.mean()) if len(shares) else None}


def text_boxes(luma: Array) -> list[tuple[int, int, int, int]]:
    """Boxes (x, y, width, height) of what looks like lines of text in a picture, uint8 [H, W]."""
    kernel = np.ones((STROKE, STROKE), np.uint8)
    boxes = list[tuple[int, int, int, int]]()
    for hat in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT):  # bright letters, dark letters
        strokes = cv2.morphologyEx(luma, hat, kernel)
        ink = (strokes >= CONTRAST).astype(np.uint8)
        line = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((1, JOIN), np.uint8))
        count, labels, stats, _middles = cv2.connectedComponentsWithStats(line, connectivity=8)
        if count < 2:
            continue
        # changes from ink to none along the rows: two for each stroke that a row crosses
        turns = np.zeros_like(ink)
        turns[:, 1:] = ink[:, 1:] != ink[:, :-1]
        weight = np.bincount(labels.ravel(), weights=turns.ravel(), minlength=count)
        for (x, y, width, height, area), turned in zip(stats[1:].tolist(), weight[1:].tolist(), strict=True):
            if _is_line(width, height, area, turned, luma.shape[0]):
                boxes.append((x, y, width, height))
    return boxes


def _is_line(width: int, height: int, area: int, turned: float, picture_height: int) -> bool:
    if not 4 <= height <= 0.12 * picture_height or width < 2.5 * height or width < 16:
        return False
    strokes_a_height = turned / 2 / width  # of a row of as many pixels as the line is high, averaged over its rows
    return area > 0.45 * width * height and 0.4 < strokes_a_height < 0.45 * height + 0.8
