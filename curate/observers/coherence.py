"""Whether a clip ends with what it began with: how alike its start, middle and end are in colour and light."""

from __future__ import annotations

from itertools import combinations

import cv2
import numpy as np

from curate.observers.series import Series
from media.frame import Frame
from schemas.spans import Span

STEP_US = 1_000_000
CHROMA_BINS, LUMA_BINS = 8, 16
NUM_BINS = CHROMA_BINS**2 + LUMA_BINS


class CoherenceObserver:
    """Fills coherence, from a histogram of chroma and one of luma each second.

    Place and camera do not matter to a histogram, so a pan through one room keeps most of it and another room does not.
    """

    def __init__(self) -> None:
        self._samples = Series(NUM_BINS)
        self._next_us = 0

    def push(self, frame: Frame) -> None:
        if frame.time_us < self._next_us:
            return
        self._samples.add(frame.time_us, frame.time_us, *_histogram(frame.bgr))
        self._next_us = (frame.time_us // STEP_US + 1) * STEP_US

    def measure(self, clip: Span) -> dict[str, float | None]:
        samples = self._samples.within(clip)
        if len(samples) < 3:
            return {"coherence": None}
        three = samples[[0, len(samples) // 2, -1]]
        return {"coherence": min(_likeness(one, other) for one, other in combinations(three, 2))}


def _histogram(bgr: np.ndarray) -> list[float]:
    """Shares of the pixels: chroma (Cr, Cb; the middle half of each axis, where pictures lie), then luma."""
    small = cv2.cvtColor(cv2.resize(bgr, (64, 36), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2YCrCb)
    chroma = cv2.calcHist([small], [1, 2], None, [CHROMA_BINS, CHROMA_BINS], [64, 192, 64, 192]).ravel()
    luma = cv2.calcHist([small], [0], None, [LUMA_BINS], [0, 256]).ravel()
    return (np.concatenate([chroma, luma]) / (64 * 36)).tolist()


def _likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection of both histograms (Swain and Ballard, IJCV 1991), mean of chroma and luma, 0 to 1."""
    common = np.minimum(one, other)
    return float((common[: CHROMA_BINS**2].sum() + common[CHROMA_BINS**2 :].sum()) / 2)
