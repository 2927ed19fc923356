"""Numbers over time, and those of them that lie within a clip."""

from __future__ import annotations

from array import array

import numpy as np

from schemas.spans import Span


class Series:
    """Samples that each hold from `start_us` up to and including `last_us`, with some values.

    16 bytes a sample and 8 a value, so two hours of samples are a few megabytes.
    """

    def __init__(self, num_values: int) -> None:
        self._times = array("q")
        self._values = array("d")
        self._num_values = num_values

    def add(self, start_us: int, last_us: int, *values: float) -> None:
        self._times.extend((start_us, last_us))
        self._values.extend(values)

    def within(self, clip: Span) -> np.ndarray:
        """Values of the samples that lie wholly within the clip, float64 [N, num_values]."""
        times = np.frombuffer(self._times, np.int64).reshape(-1, 2)
        values = np.frombuffer(self._values, np.float64).reshape(-1, self._num_values)
        first = int(np.searchsorted(times[:, 0], clip.start_us, side="left"))
        last = int(np.searchsorted(times[:, 1], clip.end_us, side="left"))
        return values[first:last]
