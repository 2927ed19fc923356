"""What a signature would be had the picture been cropped or mirrored: matrices on its coefficients.

A row of a signature is the picture as a sum of cosines, f(x) = sum_j c_j phi_j(x) on [0, 1] in each direction, so a
crop [low, low + size] has the coefficients c'_k = sum_j c_j * integral of phi_j(low + size u) phi_k(u) over u.
Compared are the `SEEN` lowest frequencies in each direction, for those above them would need some that were not kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from itertools import product

import numpy as np

from curate.observers.signature import FREQUENCIES, GAIN

SEEN = 6
VALUES = SEEN * SEEN - 1  # without the mean luma
CROP_SIZES = (0.95, 0.9, 0.85, 0.8)
CROP_PLACES = (0.0, 0.5, 1.0)
UPPER = 0.72  # of the height: what subtitles leave alone
_POINTS = 64  # of the midpoint rule: exact to 1e-3 for these frequencies


@dataclass(frozen=True)
class View:
    """A part of the picture, as it is or mirrored: its top and left edge, height and width as shares of the sides."""

    top: float = 0.0
    left: float = 0.0
    height: float = 1.0
    width: float = 1.0
    mirrored: bool = False

    def upper(self) -> View:
        """The part of this view that holds no subtitles."""
        return replace(self, height=self.height * UPPER)


WHOLE = View()


@cache
def matrix_of(view: View) -> np.ndarray:
    """float32 [64, VALUES]: a row of a signature times this is what that view of it looks like.

    The gain of the signature is taken off and weights are put on: higher frequencies weigh more, for natural
    pictures have less of them and details tell pictures apart.
    """
    down, across = _crop(view.top, view.height), _crop(view.left, view.width)
    if view.mirrored:
        across = across * np.where(np.arange(SEEN) % 2, -1, 1)[:, None]
    both = np.einsum("kj,li->klji", down, across).reshape(SEEN * SEEN, -1) / GAIN.ravel()
    weights = np.sqrt(np.hypot(*np.indices((SEEN, SEEN)))).reshape(-1, 1)
    return np.ascontiguousarray((both * weights)[1:].T, np.float32)


@cache
def view_pairs() -> tuple[tuple[View, View], ...]:
    """How two pictures of the same may differ: one is a crop of the other, or neither; as it is or mirrored."""
    crops = [
        View(y * (1 - size), x * (1 - size), size, size) for size, y, x in product(CROP_SIZES, CROP_PLACES, CROP_PLACES)
    ]
    pairs = [(WHOLE, WHOLE), *((crop, WHOLE) for crop in crops), *((WHOLE, crop) for crop in crops)]
    return tuple(pairs + [(one, replace(other, mirrored=True)) for one, other in pairs])


@cache
def pair_matrices() -> tuple[np.ndarray, np.ndarray]:
    """The matrices of `view_pairs` side by side, of the first and the second picture, float32 [64, pairs * VALUES]."""
    ones, others = zip(*view_pairs(), strict=True)
    return np.hstack([matrix_of(view) for view in ones]), np.hstack([matrix_of(view) for view in others])


def _crop(low: float, size: float) -> np.ndarray:
    """float64 [SEEN, FREQUENCIES]: coefficients of [low, low + size] from those of [0, 1]."""
    inside = (np.arange(_POINTS) + 0.5) / _POINTS
    return _waves(inside, SEEN) @ _waves(low + size * inside, FREQUENCIES).T / _POINTS


def _waves(at: np.ndarray, count: int) -> np.ndarray:
    """The orthonormal cosines of [0, 1] at some points, float64 [count, points]."""
    waves = np.sqrt(2) * np.cos(np.pi * np.arange(count)[:, None] * at)
    waves[0] = 1
    return waves
