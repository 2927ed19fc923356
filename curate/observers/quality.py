"""Light and sharpness, twice a second, and LVD-2M's picture change over two seconds."""

from __future__ import annotations

import cv2
import numpy as np

from curate.detectors.lvd2m import EveryTwoSeconds
from curate.observers.series import Series
from media.frame import Frame
from schemas.spans import Span

STEP_US = 500_000


class QualityObserver:
    """Fills luma_mean, luma_std and sharpness.

    Sharpness is the variance of the Laplacian (Pech-Pacheco et al., ICPR 2000) of the working picture, so that the
    resolution of the file does not matter.
    """

    def __init__(self) -> None:
        self._samples = Series(3)
        self._next_us = 0

    def push(self, frame: Frame) -> None:
        if frame.time_us < self._next_us:
            return
        mean, std = cv2.meanStdDev(frame.luma)
        _mean, edges = cv2.meanStdDev(cv2.Laplacian(frame.luma, cv2.CV_16S))
        self._samples.add(frame.time_us, frame.time_us, mean[0, 0], std[0, 0], edges[0, 0] ** 2)
        self._next_us = (frame.time_us // STEP_US + 1) * STEP_US

    def measure(self, clip: Span) -> dict[str, float | None]:
        names = ("luma_mean", "luma_std", "sharpness")
        samples = self._samples.within(clip)
        if not len(samples):  # a clip that is shorter than the step and lies between two samples
            return dict.fromkeys(names)
        return dict(zip(names, map(float, np.mean(samples, axis=0)), strict=True))


class ContentObserver:
    """Fills content_2s_max, by which LVD-2M's cut rule is asked in SQL whatever detector found the clips."""

    def __init__(self) -> None:
        self._steps = EveryTwoSeconds()

    def push(self, frame: Frame) -> None:
        self._steps.push(frame)

    def measure(self, clip: Span) -> dict[str, float | None]:
        inside = [
            score
            for start_us, last_us, score in self._steps.scores
            if clip.start_us <= start_us and last_us < clip.end_us
        ]
        return {"content_2s_max": max(inside) if inside else None}
