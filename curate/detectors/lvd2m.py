"""LVD-2M's cut rule: ContentDetector's score between frames two seconds apart, 50 or more is a cut.

LVD-2M, arXiv 2410.10816, section 3.1: half a frame a second, so that a fade lies between two looked-at frames; a
threshold of 50 in place of the default 27; no shortest scene. The score is PySceneDetect's: the mean absolute
difference of hue (0-179), saturation and value (0-255), averaged over the three.
"""

from __future__ import annotations

import cv2
import numpy as np

from curate.detectors.cut import Cut
from media.frame import Frame

STEP_US = 2_000_000
THRESHOLD = 50.0


def to_hsv(bgr: np.ndarray) -> np.ndarray:
    """HSV as OpenCV has it: uint8 [H, W, 3], hue 0-179."""
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2HSV)


def hsv_difference(one: np.ndarray, other: np.ndarray) -> float:
    """Mean absolute difference of two HSV pictures of one size, over pixels and channels, 0 to 255."""
    return cv2.norm(one, other, cv2.NORM_L1) / one.size


class EveryTwoSeconds:
    """The score between neighbouring frames of the two-second grid: (time of the first, of the second, score)."""

    def __init__(self) -> None:
        self.scores: list[tuple[int, int, float]] = []
        self._next_us = 0
        self._last: tuple[int, np.ndarray] | None = None

    def push(self, frame: Frame) -> None:
        if frame.time_us < self._next_us:
            return
        hsv = to_hsv(frame.bgr)
        if self._last is not None:
            self.scores.append((self._last[0], frame.time_us, hsv_difference(self._last[1], hsv)))
        self._last = frame.time_us, hsv
        self._next_us = (frame.time_us // STEP_US + 1) * STEP_US


class Lvd2mDetector:
    """LVD-2M's rule as a detector: it knows that something changed within two seconds, not when, nor how."""

    name = "lvd2m"

    def __init__(self) -> None:
        self._steps = EveryTwoSeconds()

    def push(self, frame: Frame) -> None:
        self._steps.push(frame)

    def finish(self, end_us: int) -> list[Cut]:
        return [
            Cut(start_us, min(until_us, end_us), "unspecified", score, self.name)
            for start_us, until_us, score in self._steps.scores
            if score >= THRESHOLD
        ]
