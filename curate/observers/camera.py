"""Camera motion between two pictures: a similarity, found robustly from a coarse flow and made exact on the pixels.

What stands still in the world moves on the screen by q = a*p + b, points as complex numbers x + iy in pixels from the
picture's centre, y down: |a| is the growth of the picture, its angle the turn, b the shift (`media.synthetic.camera`
has the same form). The flow field votes for it patch by patch (RANSAC, Fischler and Bolles 1981), so that what moves
by itself is outvoted; the pixels of the winners then say it to a hundredth of a pixel (Gauss-Newton on the brightness,
Lucas and Kanade 1981, both pictures' gradients averaged as in Malis 2004, brightness gain and offset solved along).
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

Array = np.ndarray[Any, Any]

PATCHES = 32  # along the longer side: so many patches vote
MIN_CORNER = 12.0  # smaller eigenvalue of a patch's mean squared gradients (levels a pixel) from which it may vote
MIN_VOTERS = 12
INLIER_SIDE = 1 / 24  # of a patch: how far off a patch may be that agrees
INLIER_SHARE = 0.08  # ... and of the shift itself: a coarse flow errs more where more moves
MIN_SUPPORT = 0.2  # share of the patches that must agree before their motion is called the camera's
PATCH_STRIDE = 5
TRIALS = 32
STEPS = 2
CLOSE_ENOUGH = 0.02  # pixels
FAIR_PIXELS = 0.5
MARGIN = 3
MIN_PIXELS = 100


@dataclass(frozen=True)
class Similarity:
    """q = a*p + b in pixels from the picture's centre; `support`: share of the voting patches that agree, 0 to 1."""

    a: complex = 1 + 0j
    b: complex = 0j
    support: float = 0.0

    def matrix(self, width: int, height: int) -> Array:
        """The same for pixel indices: float64 [2, 3]."""
        centre = complex(width - 1, height - 1) / 2
        shift = self.b + centre - self.a * centre
        return np.array([[self.a.real, -self.a.imag, shift.real], [self.a.imag, self.a.real, shift.imag]])

    def enlarged(self, times: float) -> Similarity:
        """The same motion in a picture so many times the size."""
        return Similarity(self.a, self.b * times, self.support)

    def rates(self, seconds: float) -> tuple[complex, complex]:
        """k and u, per second, of the steady motion dq/dt = k*q - u that gives this pose after `seconds`."""
        k = cmath.log(self.a)
        u = -self.b if abs(k) < 1e-9 else -self.b * k / (self.a - 1)
        return k / seconds, u / seconds


@lru_cache(maxsize=8)
def centred(width: int, height: int) -> Array:
    """Each pixel as a complex number from the picture's centre: complex64 [height, width]."""
    x, y = np.arange(width) - (width - 1) / 2, np.arange(height) - (height - 1) / 2
    return (x[None, :] + 1j * y[:, None]).astype(np.complex64)


class CameraFit:
    """Finds camera motions; keeps its DIS object, which is costly to make."""

    def __init__(self) -> None:
        self._dis = dis(finest_scale=1)

    def between(self, first: Array, second: Array, *, exactly: bool = True) -> Similarity:
        """The camera's motion from `first` to `second`, uint8 [H, W].

        None (the identity) where too little can be seen to tell, or too little of it agrees. Without `exactly` it is
        fitted in pictures of half the size: to some hundredths of a pixel, in a third of the time.
        """
        if cv2.norm(first, second, cv2.NORM_INF) == 0:  # a picture that stands still, as slides and screens do
            return Similarity(support=1.0)
        halves = _halved(first), _halved(second)
        flow = self._dis.calc(*halves, np.empty(0, np.float32))
        vote = _vote(halves[0], flow)
        if vote is None or vote[0].support < MIN_SUPPORT:
            return Similarity()
        coarse, agreeing = vote
        if exactly:
            return _refined(first, second, coarse.enlarged(2), agreeing)
        return _refined(*halves, coarse, agreeing).enlarged(2)


def dis(finest_scale: int) -> cv2.DISOpticalFlow:
    """DIS flow (Kroeger et al., ECCV 2016), fast preset, down to a 2**finest_scale-th of the picture's size.

    Without variational refinement, which costs three times as much as all else and finds sub-pixel motion no better.
    """
    made = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    made.setFinestScale(finest_scale)
    made.setVariationalRefinementIterations(0)
    made.setPatchStride(PATCH_STRIDE)
    return made


def texture(picture: Array, columns: int, rows: int) -> Array:
    """How well motion can be seen in each patch, float32 [rows, columns]: the smaller eigenvalue of its mean squared
    gradients (Shi and Tomasi 1994), levels squared a pixel squared. An edge has none: along itself it shows nothing."""
    gx, gy = cv2.Sobel(picture, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(picture, cv2.CV_32F, 0, 1, scale=1 / 8)
    xx, yy, xy = (cv2.resize(p, (columns, rows), interpolation=cv2.INTER_AREA) for p in (gx * gx, gy * gy, gx * gy))
    return (xx + yy) / 2 - np.sqrt(((xx - yy) / 2) ** 2 + xy * xy)


def _vote(first: Array, flow: Array) -> tuple[Similarity, Array] | None:
    """The similarity that most patches agree with, and which do: float32 [rows, columns]."""
    height, width = first.shape
    side = max(width, height) / PATCHES
    columns, rows = max(2, round(width / side)), max(2, round(height / side))
    seen = texture(first, columns, rows) > MIN_CORNER
    patches = cv2.resize(flow, (columns, rows), interpolation=cv2.INTER_AREA)
    x = (np.arange(columns) + 0.5) * width / columns - width / 2
    y = (np.arange(rows) + 0.5) * height / rows - height / 2
    points = (x[None, :] + 1j * y[:, None])[seen].astype(np.complex64)
    shifts = (patches[..., 0] + 1j * patches[..., 1])[seen].astype(np.complex64)
    if len(points) < MIN_VOTERS:
        return None
    one, other = _draws(len(points))
    with np.errstate(divide="ignore", invalid="ignore"):
        growths = (shifts[one] - shifts[other]) / (points[one] - points[other])
    growths = np.where(np.isfinite(growths) & (np.abs(growths) < 0.5), growths, 0)
    offsets = shifts[one] - growths * points[one]
    tolerance = INLIER_SIDE * side + INLIER_SHARE * np.abs(shifts)
    errors = np.abs(growths[:, None] * points + offsets[:, None] - shifts)
    best = int((1 / (1 + (errors / tolerance) ** 2)).sum(1).argmax())
    weights = (errors[best] < 2 * tolerance).astype(float)
    growth, offset = 0j, 0j
    for _ in range(2):
        growth, offset = _least_squares(points, shifts, weights)
        weights = (np.abs(growth * points + offset - shifts) < 2 * tolerance).astype(float)
        if weights.sum() < MIN_VOTERS / 2:
            return None
    agreeing = np.zeros((rows, columns), np.float32)
    agreeing[seen] = weights
    return Similarity(1 + growth, offset, float(weights.mean())), agreeing


def _least_squares(points: Array, shifts: Array, weights: Array) -> tuple[complex, complex]:
    """g and b of shift = g*p + b, weighted."""
    total = weights.sum() + 1e-9
    mean_p, mean_s = (weights * points).sum() / total, (weights * shifts).sum() / total
    p, s = points - mean_p, shifts - mean_s
    growth = complex((weights * s * p.conj()).sum() / ((weights * np.abs(p) ** 2).sum() + 1e-9))
    return growth, complex(mean_s - growth * mean_p)


@lru_cache(maxsize=256)
def _draws(count: int) -> tuple[Array, Array]:
    """Pairs of voters, the same at every call."""
    random = np.random.default_rng(count)
    return random.integers(0, count, TRIALS), random.integers(0, count, TRIALS)


def _refined(first: Array, second: Array, coarse: Similarity, agreeing: Array) -> Similarity:
    height, width = first.shape
    one, other = (cv2.GaussianBlur(p.astype(np.float32), (5, 5), 1.0) for p in (first, second))
    mask = cv2.resize(agreeing, (width, height), interpolation=cv2.INTER_NEAREST)[_HERE] > 0
    at = coarse.a * centred(width, height)[_HERE] + coarse.b
    inside = (np.abs(at.real) < width / 2 - MARGIN) & (np.abs(at.imag) < height / 2 - MARGIN) & mask
    if np.count_nonzero(inside) < MIN_PIXELS:
        return coarse
    now, before = coarse, math.inf
    for _ in range(STEPS):
        step = _step(one, other, now, inside)
        if step is None:
            return coarse
        growth, shift, error = step
        if error > before * 1.02:
            break
        before = error
        # the pixels lie at a*p + b and should lie (growth*p + shift) further, in the first picture's directions
        now = Similarity(now.a * (1 + growth), now.b + now.a * shift, coarse.support)
        if abs(shift) + abs(growth) * width / 4 < CLOSE_ENOUGH:
            break
    off = abs(now.b - coarse.b) + abs(now.a - coarse.a) * width / 4
    return now if off < 1.0 + 0.2 * abs(coarse.b) else coarse


_BEFORE, _AT, _AFTER = slice(0, -2, 3), slice(1, -1, 3), slice(2, None, 3)
_HERE = (_AT, _AT)  # the pixels that count: every third of every third row, none at a border
_LEFT, _RIGHT, _ABOVE, _BELOW = (_AT, _BEFORE), (_AT, _AFTER), (_BEFORE, _AT), (_AFTER, _AT)


def _step(one: Array, other: Array, now: Similarity, inside: Array) -> tuple[complex, complex, float] | None:
    """One Gauss-Newton step: growth and shift to add, and the error before it; None where they cannot be told apart."""
    height, width = one.shape
    flags, border = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, cv2.BORDER_REPLICATE
    moved = cv2.warpAffine(other, now.matrix(width, height), (width, height), flags=flags, borderMode=border)
    both = one + moved
    light, error = one[_HERE], one[_HERE] - moved[_HERE]
    gx, gy = (both[_RIGHT] - both[_LEFT]) / 4, (both[_BELOW] - both[_ABOVE]) / 4
    some = error[::2, ::2][inside[::2, ::2]]
    middle = _median(some)
    noise = 1.5 * _median(np.abs(some - middle)) + 0.3
    # an edge that lies a little off errs by its gradient, and tells the most: only what errs more is another thing
    allowed = 2.5 * noise + FAIR_PIXELS * cv2.magnitude(gx, gy)
    weights = inside / (1 + ((error - middle) / allowed) ** 2) ** 2
    x, y = _places(width, height)
    parts = (gx, gy, gx * x + gy * y, gy * x - gx * y, light, np.ones_like(light))
    jacobian = np.stack(parts).reshape(len(parts), -1)
    weighted = jacobian * weights.ravel()
    try:
        solved = np.linalg.solve(weighted @ jacobian.T, weighted @ error.ravel())
    except np.linalg.LinAlgError:
        return None
    dx, dy, grow, turn = (float(v) for v in solved[:4])
    return complex(grow, turn), complex(dx, dy), float((weights * error * error).sum() / weights.sum())


@lru_cache(maxsize=8)
def _places(width: int, height: int) -> tuple[Array, Array]:
    """x and y of the pixels that count, from the picture's centre: float32 [h, w] each."""
    places = centred(width, height)[_HERE]
    return np.ascontiguousarray(places.real), np.ascontiguousarray(places.imag)


def _median(values: Array) -> float:
    """The upper median; a fifth of the time that numpy's takes."""
    return float(np.partition(values, len(values) // 2)[len(values) // 2])


def _halved(luma: Array) -> Array:
    return cv2.resize(luma, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
