"""LVD-2M's motion score on a CPU: mean length, in pixels at 520x960, of the motion within half a second.

The score (arXiv 2410.10816, section 3.1) is RAFT's flow between neighbouring frames at 2 fps. Over half a second no
fast flow follows what is small and quick. So the far way is put together from what was measured near: the camera's
motion from its two steps of a quarter of a second, what moves by itself from its velocity at the first frame,
corrected by DIS flow that begins there wherever it explains the second picture better. What turns round within the half
second is so taken to go on, and counts too much.

It is calibrated on made worlds, whose motion over half a second is known, not on RAFT itself: `python -m bench.motion`
prints by how much it is off.
"""

from __future__ import annotations

import numpy as np

from curate.observers.camera import Array, Similarity, centred
from curate.observers.objects import STEP, ObjectFlow
from curate.observers.series import Series
from media.frame import Frame
from schemas.spans import US, Span

LVD_STEP_US = 500_000
LVD_HEIGHT, LVD_WIDTH = 520, 960


class LvdFlow:
    """Is given every step of the camera's path; two of them are one of its own."""

    def __init__(self, objects: ObjectFlow) -> None:
        self._objects = objects
        self._scores = Series(1)
        self._first: tuple[int, Array, Array] | None = None
        self._camera = Similarity()
        self._last_us = -1

    def add(self, time_us: int, luma: Array, velocity: Array, camera: Similarity, second: Frame) -> None:
        """A step from the frame at `time_us` (luma uint8 [H, W]) to the frame `second`.

        `velocity`: what moves by itself at the first frame, complex64 [h, w] at STEP, pixels a second.
        """
        if self._first is None or time_us != self._last_us:
            self._first, self._camera = (time_us, luma, velocity), Similarity()
        self._camera = Similarity(camera.a * self._camera.a, camera.a * self._camera.b + camera.b)
        self._last_us = second.time_us
        first_us, first_luma, first_velocity = self._first
        if second.time_us // LVD_STEP_US == first_us // LVD_STEP_US:
            return
        seconds = (second.time_us - first_us) / US
        guess = first_velocity * np.float32(seconds)
        own = self._objects.led(first_luma, second.luma, self._camera, guess)
        self._scores.add(first_us, second.time_us, score_of(self._camera, own, second.width, second.height))
        self._first = None

    def mean_within(self, clip: Span) -> float | None:
        scores = self._scores.within(clip)
        return float(scores.mean()) if len(scores) else None


def score_of(camera: Similarity, objects: Array, width: int, height: int) -> float:
    """Mean length at 520x960 of camera and own motion (complex [h, w] at STEP, pixels of a width x height picture)."""
    here = centred(width, height)[::STEP, ::STEP]
    moved = np.complex64(camera.a - 1) * here + np.complex64(camera.b) + np.complex64(camera.a) * objects
    x, y = moved.real * (LVD_WIDTH / width), moved.imag * (LVD_HEIGHT / height)
    return float(np.hypot(x, y).mean())
