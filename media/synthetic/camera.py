"""Camera motion in physical units: rates in, an exact pose at any time out."""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Pose:
    """Where the scene lies on the screen: q = a * p + b, points as complex numbers x + iy in frame diagonals.

    p is a point of the scene, q the same point on the screen, from the frame's centre, x to the right, y down.
    """

    a: complex = 1 + 0j
    b: complex = 0j

    def then(self, later: Pose) -> Pose:
        return Pose(later.a * self.a, later.a * self.b + later.b)


@dataclass(frozen=True)
class Camera:
    """Constant rates; every one may be negative.

    `pan_diag_per_s` > 0: the camera goes right, what it sees goes left on the screen.
    `tilt_diag_per_s` > 0: the camera goes up, what it sees goes down.
    `zoom_per_s` z > 0: zooms in; scale factor e^(z t) about the frame's centre.
    `roll_deg_per_s` > 0: the camera turns clockwise, what it sees turns counter-clockwise about the frame's centre.
    Pan and tilt are what the screen's centre sees, whatever the zoom: with k = zoom - i*roll (radians) and
    u = pan - i*tilt the field on the screen is dq/dt = k*q - u.
    `shake_diag`: amplitude (root mean square of the displacement) of a hand's tremble, seeded, below `shake_hz`.
    """

    pan_diag_per_s: float = 0.0
    tilt_diag_per_s: float = 0.0
    zoom_per_s: float = 0.0
    roll_deg_per_s: float = 0.0
    shake_diag: float = 0.0
    shake_hz: float = 4.0
    shake_seed: int = 0

    def __post_init__(self) -> None:
        if self.shake_diag < 0:
            raise ValueError(f"shake_diag must be >= 0, got {self.shake_diag}. Leave it out for a tripod.")
        if self.shake_hz <= 0:
            raise ValueError(f"shake_hz must be > 0, got {self.shake_hz}. Use shake_diag=0 for no shake.")

    def pose(self, seconds: float) -> Pose:
        """The pose after `seconds` of this motion, from the identity; negative times extrapolate backwards."""
        k = complex(self.zoom_per_s, -math.radians(self.roll_deg_per_s))
        u = complex(self.pan_diag_per_s, -self.tilt_diag_per_s)
        a = cmath.exp(k * seconds)
        b = -u * seconds if abs(k) < 1e-12 else -u * _expm1(k * seconds) / k
        return Pose(a, b + self._shake(seconds))

    def _shake(self, seconds: float) -> complex:
        if self.shake_diag == 0:
            return 0j
        share, phase = _tremble(self.shake_seed)
        hz = share * self.shake_hz
        x, y = (np.sin(2 * math.pi * hz * seconds + phase) - np.sin(phase)).sum(1)
        # 2 axes of 5 sines each: the sum's mean square is 5, and is scaled to shake_diag squared
        return self.shake_diag * complex(x, y) / math.sqrt(5)


@dataclass(frozen=True)
class CameraPath:
    """Motions one after the other: (seconds, camera) each; the first reaches back, the last on for ever."""

    legs: tuple[tuple[float, Camera], ...]

    def __post_init__(self) -> None:
        if not self.legs or any(seconds <= 0 for seconds, _ in self.legs):
            raise ValueError(f"legs must be one or more (seconds > 0, Camera), got {self.legs}. Use Camera() to rest.")

    def pose(self, seconds: float) -> Pose:
        """The pose after `seconds` along the path, from the identity."""
        pose, left = Pose(), seconds
        for index, (length, camera) in enumerate(self.legs):
            last = index == len(self.legs) - 1
            if last or left < length:
                return pose.then(camera.pose(left))
            pose = pose.then(camera.pose(length))
            left -= length
        raise AssertionError("unreachable: the last leg has no end")


@lru_cache(maxsize=256)
def _tremble(seed: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Five sines an axis: their share of the highest frequency and their phase, float64 [2, 5] each."""
    random = np.random.default_rng(seed)
    return random.uniform(0.15, 1, (2, 5)), random.uniform(0, 2 * math.pi, (2, 5))


def _expm1(z: complex) -> complex:
    """e^z - 1, exact for small z."""
    half = cmath.sin(-0.5j * z) * 1j  # sinh(z / 2)
    return 2 * half * cmath.exp(z / 2)
