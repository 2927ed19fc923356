"""Fades: the contrast of the picture sinks smoothly until nothing is left, or rises smoothly from nothing.

Where nothing is left, a smooth change from one colour to another (black to white) is a fade as well.
"""

from __future__ import annotations

import cv2
import numpy as np

from curate.detectors.cut import Cut
from media.frame import Frame

BLANK_STD = 8.0  # a frame with less contrast than this shows nothing: black, white or one colour, a small logo at most
MIN_PICTURE_STD = 12.0  # what a fade must lead to or come from to count as a picture
MIN_FADE_US = 100_000
MAX_FADE_US = 4_000_000
SETTLE_US = 200_000  # a fade has ended once the contrast has not changed for this long
SETTLE_SHARE = 0.03
MIN_RAMP_LUMA = 64.0  # what a change from one colour to another must span
MAX_STEP_SHARE = 0.5  # a fade does not make more than half of its way in one frame: that is a cut


class FadeDetector:
    """Finds fades to and from a picture without contrast; each half of a fade through black is a cut of its own.

    It keeps three numbers a frame (time, mean and standard deviation of luma).
    """

    name = "fade"

    def __init__(self) -> None:
        self._times: list[int] = []
        self._means: list[float] = []
        self._stds: list[float] = []

    def push(self, frame: Frame) -> None:
        mean, std = cv2.meanStdDev(frame.luma)
        self._times.append(frame.time_us)
        self._means.append(float(mean[0, 0]))
        self._stds.append(float(std[0, 0]))

    def finish(self, end_us: int) -> list[Cut]:
        times, stds = np.array(self._times, np.int64), np.array(self._stds)
        means = np.array(self._means)
        cuts = []
        for first, last in _blank_runs(stds):
            out = _ramp(times[: first + 1][::-1], stds[: first + 1][::-1])
            if out is not None:
                cuts.append(self._cut(times[first - out], times[first], stds[first - out]))
            into = _ramp(times[last:], stds[last:])
            if into is not None:
                cuts.append(self._cut(times[last], times[last + into], stds[last + into]))
            for start, end in _colour_ramps(times[first : last + 1], means[first : last + 1]):
                cuts.append(self._cut(times[first + start], times[first + end], MIN_RAMP_LUMA))
        return [cut for cut in cuts if cut.start_us < end_us]

    def _cut(self, start_us: np.int64, end_us: np.int64, std: float) -> Cut:
        return Cut(int(start_us), int(end_us), "fade", float(min(1.0, std / 64)), self.name)


def _blank_runs(stds: np.ndarray) -> list[tuple[int, int]]:
    """First and last index of each run of frames without contrast."""
    blank = np.concatenate([[False], stds < BLANK_STD, [False]])
    edges = np.flatnonzero(np.diff(blank.astype(np.int8)))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _colour_ramps(times: np.ndarray, means: np.ndarray) -> list[tuple[int, int]]:
    """Where frames without contrast change smoothly from one luma to another: first and last index of each change."""
    signs = np.sign(np.round(np.diff(means)))
    moving = np.flatnonzero(signs)
    ramps = []
    for run in np.split(moving, np.flatnonzero((np.diff(signs[moving]) != 0) | (np.diff(moving) > 2)) + 1):
        if not run.size:
            continue
        start, end = int(run[0]), int(run[-1]) + 1
        steps = np.abs(np.diff(means[start : end + 1]))
        lasts = MIN_FADE_US <= times[end] - times[start] <= MAX_FADE_US
        if lasts and steps.sum() >= MIN_RAMP_LUMA and steps.max() <= MAX_STEP_SHARE * steps.sum():
            ramps.append((start, end))
    return ramps


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
