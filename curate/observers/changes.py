"""What kind of picture a clip is, by where it changes and how it is drawn: slides, a recorded screen, a small window.

Twice a second a frame is compared with the one before, patch by patch. Of each comparison only which patches changed is
kept, as bits. What is drawn by a machine has large areas of exactly one colour, and edges that lie along the rows
and columns; what is filmed has neither.
"""

from __future__ import annotations

import cv2
import numpy as np

from curate.observers.camera import Array
from curate.observers.ramp import ramp
from curate.observers.series import Series
from media.frame import Frame
from schemas.spans import Span

STEP_US = 500_000
COLUMNS, ROWS = 32, 18
CHANGED_LEVELS = 14  # a pixel has changed from so many grey levels on: more than a codec's noise
CHANGED_SHARE = 0.06  # ... and a patch from so many of its pixels on
SEEN_LEVELS = 2  # mean step between neighbouring pixels from which a patch shows anything
QUIET_SHARE = 0.01  # of the patches: a cursor, a clock
TURNED_SHARE = 0.1  # of the patches: another page
_WORD = 48  # bits that a float64 holds exactly
_NUM_WORDS = COLUMNS * ROWS // _WORD


class ChangeObserver:
    """Fills slide_score, screen_score and pip_score."""

    def __init__(self) -> None:
        self._changes = Series(_NUM_WORDS)
        self._drawn = Series(1 + _NUM_WORDS)  # drawn_share; which patches show anything
        self._last: tuple[int, Array] | None = None
        self._next_us = 0

    def push(self, frame: Frame) -> None:
        if frame.time_us < self._next_us:
            return
        self._next_us = (frame.time_us // STEP_US + 1) * STEP_US
        if self._last is not None:
            self._changes.add(self._last[0], frame.time_us, *packed(changed_patches(self._last[1], frame.luma)))
        self._drawn.add(frame.time_us, frame.time_us, drawn_share(frame.luma), *packed(textured_patches(frame.luma)))
        self._last = frame.time_us, frame.luma

    def measure(self, clip: Span) -> dict[str, float | None]:
        words, drawn = self._changes.within(clip), self._drawn.within(clip)
        if not len(words) or not len(drawn):
            return dict.fromkeys(("slide_score", "screen_score", "pip_score"))
        changed, is_drawn = unpacked(words), float(drawn[:, 0].mean())
        textured = unpacked(drawn[:, 1:]).mean(0) > 0.5
        return {
            "slide_score": is_drawn * page_share(changed),
            "screen_score": is_drawn * local_share(changed),
            "pip_score": window_score(changed, textured),
        }


def changed_patches(before: Array, now: Array) -> Array:
    """Which patches differ between two pictures, uint8 [H, W]: bool [ROWS, COLUMNS]."""
    _level, differs = cv2.threshold(cv2.absdiff(before, now), CHANGED_LEVELS - 1, 255, cv2.THRESH_BINARY)
    return cv2.resize(differs, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA) > CHANGED_SHARE * 255


def textured_patches(luma: Array) -> Array:
    """Which patches of a picture, uint8 [H, W], show anything: bool [ROWS, COLUMNS]."""
    steps = cv2.absdiff(luma[:, 1:], luma[:, :-1])
    return cv2.resize(steps, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA) >= SEEN_LEVELS


def packed(changed: Array) -> tuple[float, ...]:
    """The bits as numbers that a float64 holds exactly."""
    bits = changed.reshape(_NUM_WORDS, _WORD)
    return tuple((bits @ (2.0 ** np.arange(_WORD))).tolist())


def unpacked(words: Array) -> Array:
    """The other way: bool [N, ROWS, COLUMNS] of float64 [N, words]."""
    bits = (words.astype(np.int64)[:, :, None] >> np.arange(_WORD)) & 1
    return bits.reshape(len(words), ROWS, COLUMNS).astype(bool)


def drawn_share(luma: Array) -> float:
    """How much a picture, uint8 [H, W], looks drawn by a machine: 0 filmed, 1 drawn.

    The share of pixels that do not differ from their neighbours at all, and that of the strong edges that lie
    along a row or a column; a filmed picture has about a third of the latter by chance.
    """
    gx, gy = np.abs(cv2.Sobel(luma, cv2.CV_16S, 1, 0)), np.abs(cv2.Sobel(luma, cv2.CV_16S, 0, 1))
    most, least = np.maximum(gx, gy), np.minimum(gx, gy)
    flat = float((most <= 4).mean())
    strong = most > 160
    num_strong = int(np.count_nonzero(strong))
    if num_strong < 0.002 * luma.size:
        return 0.0
    straight = float((least[strong] < 0.15 * most[strong]).mean())
    histogram = cv2.calcHist([luma], [0], None, [64], [0, 256]).ravel() / luma.size
    few_colours = float(np.sort(histogram)[-3:].sum())
    return ramp(flat, 0.25, 0.6) * ramp(max(straight, few_colours), 0.45, 0.7)


def page_share(changed: Array) -> float:
    """Share of the time in which nothing changes, or everything at once and then nothing again."""
    share = changed.mean((1, 2))
    quiet = share <= QUIET_SHARE
    around = np.concatenate([[True], quiet, [True]])
    turns = (share > TURNED_SHARE) & around[:-2] & around[2:]
    return float((quiet | turns).mean())


def local_share(changed: Array) -> float:
    """Share of the time in which less than a quarter of the picture changes, or a page turns."""
    share = changed.mean((1, 2))
    local = share < 0.25
    around = np.concatenate([[True], local, [True]])
    return float((local | (around[:-2] & around[2:])).mean())


def window_score(changed: Array, textured: Array) -> float:
    """How much all change lies in one upright rectangle that is smaller than the picture, and fills it: 0 to 1.

    A person before a wall changes the middle of a rectangle but not its corners; a window changes there as well.
    Around a picture between bars there is nothing to be seen. `changed`: bool [N, ROWS, COLUMNS], `textured`: bool
    [ROWS, COLUMNS].
    """
    activity = changed.mean(0)
    active = activity > 0.25 * max(float(np.percentile(activity, 99)), 0.2)
    rows, columns = np.flatnonzero(active.sum(1) >= 2), np.flatnonzero(active.sum(0) >= 2)
    if len(rows) < 3 or len(columns) < 3:
        return 0.0
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    inside, outside = activity[box], activity.copy()
    outside[box] = np.nan
    share = inside.size / activity.size
    if share > 0.7 or not np.isfinite(outside).any():
        return 0.0
    height, width = (max(1, side // 4) for side in inside.shape)
    corners = [inside[:height, :width], inside[:height, -width:], inside[-height:, :width], inside[-height:, -width:]]
    fill = float((inside > 0.25 * inside.max()).mean())
    corner = min(float(c.mean()) for c in corners) / max(float(inside.mean()), 1e-9)
    leak = float(np.nanmean(outside)) / max(float(inside.mean()), 1e-9)
    behind = np.ones_like(textured)
    behind[max(0, rows[0] - 1) : rows[-1] + 2, max(0, columns[0] - 1) : columns[-1] + 2] = (
        False  # nor the window's edge
    )
    around = float(textured[behind].mean()) if behind.any() else 0.0
    return ramp(around, 0.03, 0.1) * ramp(fill, 0.6, 0.95) * ramp(corner, 0.3, 0.8) * (1 - ramp(leak, 0.03, 0.15))
