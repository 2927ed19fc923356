"""Hard cuts by PySceneDetect's adaptive rule, computed with byte arithmetic.

The rule and its constants are those of PySceneDetect 0.7's AdaptiveDetector: the score of a frame is its mean absolute
HSV difference to the frame before; a cut is a frame whose score is at least 15 and three times the mean score of the
two frames before and behind it, and lies at least 15 frames behind the last cut. A test holds both to the same cuts.
"""

from __future__ import annotations

from collections import deque
from fractions import Fraction

import numpy as np

from curate.detectors.cut import Cut
from curate.detectors.lvd2m import hsv_difference, to_hsv
from media.frame import Frame
from schemas.spans import US

MIN_RATIO = 3.0
MAX_RATIO = 255.0
MIN_SCORE = 15.0
MIN_FRAMES = 15
WINDOW = 2


class AdaptiveDetector:
    """`fps`: average rate of the video, by which the 15 frames between cuts are counted."""

    name = "adaptive"

    def __init__(self, fps: Fraction) -> None:
        self._fps = float(fps)
        self._hsv: np.ndarray | None = None
        self._window: deque[tuple[int, float]] = deque(maxlen=2 * WINDOW + 1)
        self._last_us = 0
        self._cuts: list[Cut] = []

    def push(self, frame: Frame) -> None:
        hsv = to_hsv(frame.bgr)
        score = 0.0 if self._hsv is None else hsv_difference(self._hsv, hsv)
        self._hsv = hsv
        self._window.append((frame.time_us, score))
        if len(self._window) == self._window.maxlen:
            self._look()

    def finish(self, end_us: int) -> list[Cut]:
        return self._cuts

    def _look(self) -> None:
        """Decide on the frame in the middle of the window."""
        time_us, score = self._window[WINDOW]
        around = sum(other for _time, other in self._window) - score
        ratio = min(score * 2 * WINDOW / around, MAX_RATIO) if around > 4e-5 else MAX_RATIO
        frames = round((time_us - self._last_us) / US * self._fps)
        if score >= MIN_SCORE and ratio >= MIN_RATIO and frames >= MIN_FRAMES:
            self._last_us = time_us
            self._cuts.append(Cut(time_us, time_us, "hard", min(1.0, score / MAX_RATIO), self.name))
