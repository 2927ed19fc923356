"""A perceptual hash once a second, by which copies of a video are found again."""

from __future__ import annotations

from array import array
from typing import Any

import cv2
import numpy as np

from curate.observers.camera import Array
from media.frame import Frame
from schemas.spans import Span

STEP_US = 1_000_000
SIDE, KEPT = 32, 8


class HashObserver:
    """Fills phash: one hash a second, in order of time, of the frames at whole seconds of the video."""

    def __init__(self) -> None:
        self._times, self._hashes = array("q"), array("Q")
        self._next_us = 0

    def push(self, frame: Frame) -> None:
        if frame.time_us < self._next_us:
            return
        self._next_us = (frame.time_us // STEP_US + 1) * STEP_US
        self._times.append(frame.time_us)
        self._hashes.append(phash(frame.luma))

    def measure(self, clip: Span) -> dict[str, Any]:
        times = np.frombuffer(self._times, np.int64)
        first, last = np.searchsorted(times, (clip.start_us, clip.end_us))
        return {"phash": list(self._hashes[int(first) : int(last)]) or None}


def phash(luma: Array) -> int:
    """64 bits of a picture, uint8 [H, W]: the 8x8 lowest frequencies of its 32x32 cosine transform against their
    median, the picture's mean left out of it (Zauner 2010, "Implementation and benchmarking of perceptual image hash
    functions"). Bit 63 is the mean, row by row. Copies differ in a few bits, other pictures in about 32; what is but
    one colour has 0."""
    small = cv2.resize(luma, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:KEPT, :KEPT]
    rest = low.ravel()[1:]
    if np.abs(rest).max() < 1:
        return 0
    bits = low.ravel() > np.median(rest)
    return int.from_bytes(np.packbits(bits).tobytes(), "big")
