"""What moves by itself: the flow that is left once the second picture is moved back by the camera's motion."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from curate.observers.camera import Array, Similarity, centred, dis

STEP = 2  # flow is kept at every second pixel of every second row
WINDOW = 3  # ... and judged over so many of those a side
CLEARER = 0.3  # grey levels by which a motion must explain the picture better than another
SAME = 3.0  # grey levels within which a picture has not changed


@dataclass(frozen=True)
class Residual:
    """Motion against the world between two pictures.

    `flow`: complex64 [h, w], pixels x + iy of the picture, at every STEP-th pixel; 0 where the camera explains the
    picture as well. `known`: bool [h, w], what the second picture still shows; elsewhere nobody can tell.
    `error`, `error_unmoved`: mean absolute difference in grey levels, with and without the camera's motion.
    """

    flow: Array
    known: Array
    error: float
    error_unmoved: float

    @property
    def misfit(self) -> float:
        """What is left of the pictures' difference once the camera's motion is taken away: 0 nothing, 1 all."""
        return min(1.0, self.error / max(self.error_unmoved, 0.5))

    @property
    def mean_pixels(self) -> float:
        """Mean length over what is known."""
        return float(np.abs(self.flow[self.known]).mean()) if self.known.any() else 0.0

    @property
    def fastest_pixels(self) -> float:
        """Length in the patch that moves most; a patch is a 32th of the picture's width."""
        lengths = np.abs(self.flow).astype(np.float32)
        columns = min(32, lengths.shape[1])
        rows = max(1, columns * lengths.shape[0] // lengths.shape[1])
        return float(cv2.resize(lengths, (columns, rows), interpolation=cv2.INTER_AREA).max())


class ObjectFlow:
    """Finds residuals, at half the picture's size; keeps its DIS objects, which are costly to make."""

    def __init__(self) -> None:
        self._dis = dis(finest_scale=1)
        # a DIS object that was once given a guess begins at that guess for ever after (OpenCV 5.0): two of them
        self._guided = dis(finest_scale=1)

    def between(self, first: Array, second: Array, camera: Similarity) -> Residual:
        """The residual from `first` to `second`, uint8 [H, W]: nothing but the camera, unless that explains less."""
        height, width = first.shape
        still = stabilised(first, second, camera)
        best = self._clearer(first, still)
        known = _known(camera, width, height)
        here, there = first[::STEP, ::STEP].astype(np.int16), still[::STEP, ::STEP]
        lost = np.abs(here - there)[known]
        unmoved = np.abs(here - second[::STEP, ::STEP])
        return Residual(best, known, float(lost.mean()) if lost.size else 0.0, float(unmoved.mean()))

    def _clearer(self, first: Array, still: Array) -> Array:
        """Motion that explains the picture clearly better than none: complex64 [h, w] at STEP."""
        unmoved = error_of(first, still, None)
        if unmoved.max() <= CLEARER:  # nothing can be clearer
            return np.zeros(unmoved.shape, np.complex64)
        flow = self._dis.calc(first, still, np.empty(0, np.float32))[::STEP, ::STEP]
        found = flow[..., 0] + 1j * flow[..., 1]
        return np.where(error_of(first, still, found) + CLEARER < unmoved, found, 0)

    def led(self, first: Array, second: Array, camera: Similarity, guess: Array) -> Array:
        """The same over a far way, of which `guess` is already known, complex [h, w] at STEP, pixels: complex [h, w].

        DIS begins there and may correct it, but not lead elsewhere: what it finds far from the guess is chance. Where
        the picture is as it was, what should have gone has stayed.
        """
        if not guess.any():
            return guess
        height, width = first.shape
        still = stabilised(first, second, camera)
        start = cv2.resize(np.dstack([guess.real, guess.imag]), (width, height), interpolation=cv2.INTER_LINEAR)
        flow = self._guided.calc(first, still, start)[::STEP, ::STEP]
        found = flow[..., 0] + 1j * flow[..., 1]
        none, led, new = (error_of(first, still, motion) for motion in (None, guess, found))
        stays = (none + CLEARER < led) & (none < SAME)
        length = np.abs(guess)
        is_near = (np.abs(found - guess) < 2 + 0.3 * length) & (length > 0)
        corrected = is_near & (new + CLEARER < np.minimum(led, none))
        return np.where(corrected, found, np.where(stays, 0, guess))


def stabilised(first: Array, second: Array, camera: Similarity) -> Array:
    """`second` moved back onto `first`; where it shows nothing of it any more, `first` itself."""
    height, width = first.shape
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    matrix = camera.matrix(width, height)
    return cv2.warpAffine(
        second, matrix, (width, height), dst=first.copy(), flags=flags, borderMode=cv2.BORDER_TRANSPARENT
    )


def error_of(first: Array, second: Array, flow: Array | None) -> Array:
    """How badly a motion (complex [h, w] at STEP, None for none) explains the picture: float32 [h, w], grey levels."""
    height, width = first.shape
    here = np.ascontiguousarray(first[::STEP, ::STEP])
    if flow is None:
        there = np.ascontiguousarray(second[::STEP, ::STEP])
    else:
        x, y = _columns_rows(width, height)
        to_x, to_y = (x + flow.real).astype(np.float32), (y + flow.imag).astype(np.float32)
        there = cv2.remap(second, to_x, to_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cv2.boxFilter(cv2.absdiff(here, there), cv2.CV_32F, (WINDOW, WINDOW))


def _known(camera: Similarity, width: int, height: int) -> Array:
    at = camera.a * centred(width, height)[::STEP, ::STEP] + camera.b
    return (np.abs(at.real) < width / 2 - 1) & (np.abs(at.imag) < height / 2 - 1)


@lru_cache(maxsize=8)
def _columns_rows(width: int, height: int) -> tuple[Array, Array]:
    rows, columns = np.mgrid[0:height:STEP, 0:width:STEP].astype(np.float32)
    return columns, rows
