"""A look: one picture of a video, small, with what comparing it to others needs."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from media.frame import Frame

Plane = NDArray[np.floating]

SIDE = 128  # longer side, in pixels, of the picture in which motion is followed
BLOCK = 8  # side, in those pixels, of the blocks whose structure is compared
COLOUR_BINS = 16  # a colour axis; only the middle half of each is used by pictures


class Look:
    """time_us; luma: uint8 [H, W] and full: the same as float32; half: [H/2, W/2]; quarter: [H/4, W/4].

    *_mean, *_var: mean and variance of luma in each block of `full` and of `half`; histogram: float32 [272], share of
    the picture in 16x16 bins of chroma and 16 of luma. flow: float32 [H/2, W/2, 2], where each pixel of `half` lay in
    the look before, minus where it is. activity: how much each block changed lately. These two come with comparing.
    """

    __slots__ = (
        "activity",
        "flow",
        "full",
        "full_mean",
        "full_var",
        "half",
        "half_mean",
        "half_var",
        "histogram",
        "luma",
        "mean",
        "quarter",
        "std",
        "time_us",
    )

    def __init__(self, frame: Frame) -> None:
        height, width = frame.luma.shape
        scale = SIDE / max(height, width)
        size = (
            max(2 * BLOCK, round(width * scale / BLOCK) * BLOCK),
            max(2 * BLOCK, round(height * scale / BLOCK) * BLOCK),
        )
        self.time_us = frame.time_us
        self.luma = cv2.resize(frame.luma, size, interpolation=cv2.INTER_AREA)
        self.full: Plane = self.luma.astype(np.float32)
        self.half = shrunk(self.full, 2)
        self.quarter = shrunk(self.half, 2)
        self.full_mean, self.full_var = block_statistics(self.full, BLOCK)
        self.half_mean, self.half_var = block_statistics(self.half, BLOCK // 2)
        mean, std = cv2.meanStdDev(self.full)
        self.mean, self.std = float(mean[0, 0]), float(std[0, 0])
        self.histogram = _histogram(frame.bgr, (size[0] // 4, size[1] // 4))
        self.flow: Plane | None = None
        self.activity: Plane | None = None


def shrunk(plane: Plane, times: int) -> Plane:
    """A plane (or one of vectors) by area, its sides divided by `times`."""
    size = plane.shape[1] // times, plane.shape[0] // times
    return cv2.resize(plane, size, interpolation=cv2.INTER_AREA)  # pyright: ignore[reportReturnType]


def block_statistics(plane: Plane, block: int) -> tuple[Plane, Plane]:
    """Mean and variance of each block."""
    mean = shrunk(plane, block)
    return mean, np.maximum(shrunk(plane * plane, block) - mean * mean, 0)


def _histogram(bgr: NDArray[np.uint8], size: tuple[int, int]) -> Plane:
    """Chroma blurred by one bin, so that a colour at the edge of its bin does not jump."""
    small = cv2.cvtColor(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2YCrCb)
    chroma = cv2.calcHist([small], [1, 2], None, [COLOUR_BINS, COLOUR_BINS], [64, 192, 64, 192])
    luma = cv2.calcHist([small], [0], None, [COLOUR_BINS], [0, 256])
    share = np.concatenate([cv2.GaussianBlur(chroma, (3, 3), 0).ravel(), luma.ravel()])
    return (share / (size[0] * size[1])).astype(np.float32)
