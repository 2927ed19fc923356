"""A quiet tone beside the pictures, so that files have an audio stream as real ones do."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy as np

SAMPLE_RATE = 48_000
TONE_HZ = 440.0
CODEC_BY_SUFFIX = {".webm": "libopus", ".mpg": "mp2", ".avi": "mp2", ".ts": "mp2"}


class Tone:
    """Writes a mono sine into a container, a piece at a time, so that audio and video interleave."""

    def __init__(self, container: Any, suffix: str) -> None:
        self._container = container
        self._stream = container.add_stream(CODEC_BY_SUFFIX.get(suffix, "aac"), rate=SAMPLE_RATE, layout="mono")
        self._written = 0

    def write_until(self, seconds: float) -> None:
        """Adds sound so that it reaches `seconds`."""
        count = int(seconds * SAMPLE_RATE) - self._written
        if count <= 0:
            return
        phase = (self._written + np.arange(count)) * (2 * np.pi * TONE_HZ / SAMPLE_RATE)
        samples = (0.1 * 32767 * np.sin(phase)).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        frame.time_base = Fraction(1, SAMPLE_RATE)
        frame.pts = self._written
        self._container.mux(self._stream.encode(frame))
        self._written += count

    def close(self) -> None:
        """Flushes what the encoder still holds."""
        self._container.mux(self._stream.encode(None))
