"""A look: one picture of a video, small; and looks in a row, with what comparing them needs.

Pictures this small cost less to compute on than the calls that do it, so looks are computed on together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray

from media.frame import Frame

Plane = NDArray[np.floating]

SIDE = 128  # longer side, in pixels, of the picture in which motion is followed
BLOCK = 8  # side, in those pixels, of the blocks whose structure is compared
COLOUR_BINS = 16  # a colour axis; only the middle half of each is used by pictures


class Look:
    """time_us; luma: uint8 [H, W], sides multiples of BLOCK, its mean and std; histogram: float32 [272], share of the
    picture in 16x16 bins of chroma and 16 of luma."""

    __slots__ = ("histogram", "luma", "mean", "std", "time_us")

    def __init__(self, frame: Frame) -> None:
        height, width = frame.luma.shape
        scale = SIDE / max(height, width)
        size = (
            max(2 * BLOCK, round(width * scale / BLOCK) * BLOCK),
            max(2 * BLOCK, round(height * scale / BLOCK) * BLOCK),
        )
        self.time_us = frame.time_us
        self.luma = np.asarray(cv2.resize(frame.luma, size, interpolation=cv2.INTER_AREA), np.uint8)
        mean, std = cv2.meanStdDev(self.luma)
        self.mean, self.std = float(mean[0, 0]), float(std[0, 0])
        self.histogram = _histogram(frame.bgr, (size[0] // 4, size[1] // 4))


@dataclass(frozen=True, eq=False)
class Looks:
    """N looks of one video. times_us: int64 [N]; luma: uint8 [N, H, W] and full: the same as float32; half:
    [N, H/2, W/2]; quarter: [N, H/4, W/4]; means, stds: of luma, [N]; histograms: [N, 272].

    *_mean, *_var: mean and variance of luma in each block of `full` and of `half`.
    """

    times_us: NDArray[np.int64]
    means: Plane
    stds: Plane
    histograms: Plane
    luma: NDArray[np.uint8]
    full: Plane
    half: Plane
    quarter: Plane
    full_mean: Plane
    full_var: Plane
    half_mean: Plane
    half_var: Plane

    @classmethod
    def of(cls, looks: Sequence[Look]) -> Looks:
        luma = np.stack([look.luma for look in looks])
        full: Plane = luma.astype(np.float32)
        half = shrunk(full, 2)
        return cls(
            np.array([look.time_us for look in looks], np.int64),
            np.array([look.mean for look in looks]),
            np.array([look.std for look in looks]),
            np.stack([look.histogram for look in looks]),
            luma,
            full,
            half,
            shrunk(half, 2),
            *block_statistics(full, BLOCK),
            *block_statistics(half, BLOCK // 2),
        )

    def __len__(self) -> int:
        return len(self.times_us)

    def __getitem__(self, which: slice) -> Looks:
        return Looks(*(getattr(self, field.name)[which] for field in fields(self)))

    def then(self, others: Looks) -> Looks:
        """These looks and, behind them, others."""
        pairs = ((getattr(self, field.name), getattr(others, field.name)) for field in fields(self))
        return Looks(*(np.concatenate(pair) for pair in pairs))


def shrunk(planes: Plane, times: int) -> Plane:
    """Planes [N, H, W] (or of vectors [N, H, W, C]) by area, their sides divided by `times`."""
    number, height, width = planes.shape[:3]
    under_one_another = planes.reshape(number * height, *planes.shape[2:])
    small = cv2.resize(under_one_another, (width // times, number * height // times), interpolation=cv2.INTER_AREA)
    return small.reshape(number, height // times, *small.shape[1:])  # pyright: ignore[reportReturnType]


def block_statistics(planes: Plane, block: int) -> tuple[Plane, Plane]:
    """Mean and variance of each block."""
    mean = shrunk(planes, block)
    return mean, np.maximum(shrunk(planes * planes, block) - mean * mean, 0)


def _histogram(bgr: NDArray[np.uint8], size: tuple[int, int]) -> Plane:
    """Chroma blurred by one bin, so that a colour at the edge of its bin does not jump."""
    small = cv2.cvtColor(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2YCrCb)
    chroma = cv2.calcHist([small], [1, 2], None, [COLOUR_BINS, COLOUR_BINS], [64, 192, 64, 192])
    luma = cv2.calcHist([small], [0], None, [COLOUR_BINS], [0, 256])
    share = np.concatenate([cv2.GaussianBlur(chroma, (3, 3), 0).ravel(), luma.ravel()])
    return (share / (size[0] * size[1])).astype(np.float32)
