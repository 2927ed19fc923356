"""Light, sharpness and blocks, twice a second, and LVD-2M's picture change over two seconds."""

from __future__ import annotations

import cv2
import numpy as np

from curate.detectors.lvd2m import EveryTwoSeconds
from curate.observers.series import Series
from media.frame import Frame
from schemas.spans import Span

STEP_US = 500_000


class QualityObserver:
    """Fills luma_mean, luma_std, sharpness and blockiness.

    Sharpness is the variance of the Laplacian (Pech-Pacheco et al., ICPR 2000) of the working picture, so that the
    resolution of the file does not matter. Blockiness is measured in the middle of the stored picture, where the blocks
    of a codec are as it made them (after Wang, Sheikh and Bovik, ICIP 2002); None for files that store no luma bytes.
    """

    def __init__(self) -> None:
        self._samples = Series(3)
        self._blocks = Series(1)
        self._next_us = 0

    def push(self, frame: Frame) -> None:
        if frame.time_us < self._next_us:
            return
        mean, std = cv2.meanStdDev(frame.luma)
        _mean, edges = cv2.meanStdDev(cv2.Laplacian(frame.luma, cv2.CV_16S))
        self._samples.add(frame.time_us, frame.time_us, mean[0, 0], std[0, 0], edges[0, 0] ** 2)
        blocks = None if frame.detail is None else blockiness(frame.detail)
        if blocks is not None:
            self._blocks.add(frame.time_us, frame.time_us, blocks)
        self._next_us = (frame.time_us // STEP_US + 1) * STEP_US

    def measure(self, clip: Span) -> dict[str, float | None]:
        names = ("luma_mean", "luma_std", "sharpness")
        samples, blocks = self._samples.within(clip), self._blocks.within(clip)
        columns: dict[str, float | None] = dict.fromkeys((*names, "blockiness"))
        if len(samples):  # a clip that is shorter than the step may lie between two samples
            columns |= zip(names, map(float, np.mean(samples, axis=0)), strict=True)
        if len(blocks):
            columns["blockiness"] = float(np.median(blocks))
        return columns


def blockiness(luma: np.ndarray) -> float | None:
    """Mean step between neighbours across the lines of the 8-pixel grid over the mean step elsewhere: 1 is no blocks.

    `luma`: uint8 [H, W] that begins at the corner of a block. None where next to nothing is to be seen in it, or it
    is smaller than 16 pixels.
    """
    if min(luma.shape) < 16:
        return None
    on, off = list[float](), list[float]()
    for axis in (0, 1):
        steps = (
            cv2.absdiff(luma[1:], luma[:-1]).mean(1) if axis == 0 else cv2.absdiff(luma[:, 1:], luma[:, :-1]).mean(0)
        )
        across = np.arange(len(steps)) % 8 == 7
        on.append(float(steps[across].mean()))
        off.append(float(steps[~across].mean()))
    return sum(on) / sum(off) if sum(off) > 0.5 else None


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
