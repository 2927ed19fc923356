"""Fades: the contrast of the picture sinks smoothly until nothing is left, or rises smoothly from nothing."""

from __future__ import annotations

import cv2
import numpy as np

from curate.detectors.cut import Cut
from media.frame import Frame

BLANK_STD = 4.0  # a frame with less contrast than this shows nothing: black, white or one colour
MIN_PICTURE_STD = 12.0  # what a fade must lead to or come from to count as a picture
MIN_FADE_US = 100_000
MAX_FADE_US = 4_000_000
SETTLE_US = 200_000  # a fade has ended once the contrast has not changed for this long
SETTLE_SHARE = 0.03
MAX_STEP_SHARE = 0.5  # a fade does not make more than half of its way in one frame: that is a cut


class FadeDetector:
    """Finds fades to and from a picture without contrast; each half of a fade through black is a cut of its own.

    It keeps two numbers a frame (time and standard deviation of luma).
    """

    name = "fade"

    def __init__(self) -> None:
        self._times: list[int] = []
        self._stds: list[float] = []

    def push(self, frame: Frame) -> None:
        _mean, std = cv2.meanStdDev(frame.luma)
        self._times.append(frame.time_us)
        self._stds.append(float(std[0, 0]))

    def finish(self, end_us: int) -> list[Cut]:
        times, stds = np.array(self._times, np.int64), np.array(self._stds)
        cuts = []
        for first, last in _blank_runs(stds):
            out = _ramp(times[: first + 1][::-1], stds[: first + 1][::-1])
            if out is not None:
                cuts.append(self._cut(times[first - out], times[first], stds[first - out]))
            into = _ramp(times[last:], stds[last:])
            if into is not None:
                cuts.append(self._cut(times[last], times[last + into], stds[last + into]))
        return [cut for cut in cuts if cut.start_us < end_us]

    def _cut(self, start_us: np.int64, end_us: np.int64, std: float) -> Cut:
        return Cut(int(start_us), int(end_us), "fade", float(min(1.0, std / 64)), self.name)


def _blank_runs(stds: np.ndarray) -> list[tuple[int, int]]:
    """First and last index of each run of frames without contrast."""
    blank = np.concatenate([[False], stds < BLANK_STD, [False]])
    edges = np.flatnonzero(np.diff(blank.astype(np.int8)))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _ramp(times: np.ndarray, stds: np.ndarray) -> int | None:
    """How many frames the contrast rises smoothly for, from the first (blank) one on; None if it does not.

    `times` may run backwards: only distances count.
    """
    away_us = np.abs(times - times[0])
    size = int(np.searchsorted(away_us, MAX_FADE_US, side="right"))
    stds, away_us = stds[:size], away_us[:size]
    top = 0
    for i in range(1, size):
        if stds[i] > stds[top] * (1 + SETTLE_SHARE):
            top = i
        elif away_us[i] - away_us[top] > SETTLE_US:
            break
    rise = stds[top] - stds[0]
    if stds[top] < MIN_PICTURE_STD or away_us[top] < MIN_FADE_US:
        return None
    return top if float(np.max(np.diff(stds[: top + 1]))) <= MAX_STEP_SHARE * rise else None
