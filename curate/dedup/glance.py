"""A glance at all pairs that hashing found, before any is aligned: do further samples look alike as well?

One pair of samples that look alike is a candidate; two clips of one footage have many such pairs. That costs some
microseconds a pair, where an alignment takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from curate.dedup.geometry import VALUES
from curate.dedup.views import NUM_SAME, TWO_VIEWS

FEW, MANY = 8, 16  # samples of the shorter clip, and of the longer one among which each looks for its like
LEAST = 0.72  # mean likeness below which two clips are not aligned: bench.dedup loses no recall by it, by 0.74 it does
DOUBTED, LEAST_OF_DOUBTED = 0.80, 0.78
"""The second instead, where no two samples were more alike than the first in hashing: that spares two thirds of the
strangers left, and costs bench.dedup one edited clip (docs/log.md)."""
AT_ONCE = 1 << 10  # pairs, so that what is computed of them stays in the processor's cache


def worth_aligning(values: np.ndarray, starts: np.ndarray, ends: np.ndarray, likeness: np.ndarray) -> np.ndarray:
    """Which pairs of clips are to be aligned: bool [P].

    values, starts, ends: as `glances` has them; likeness: of the samples by which each pair was found [P].
    """
    seen = glances(values, starts, ends)
    return (seen >= LEAST) & ((likeness >= DOUBTED) | (seen >= LEAST_OF_DOUBTED))


def glances(values: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """How alike the samples of two clips are in the mean, -1 to 1, of each pair of clips: float32 [P].

    values: int8 [N, 64], rows of all clips; starts: where each begins, and N at the end; ends: pairs of clips [P, 2].
    """
    return np.concatenate([*_glances(values, starts, ends), np.empty(0, np.float32)])


def _glances(values: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> Iterator[np.ndarray]:
    lengths = np.diff(starts)
    for at in range(0, len(ends), AT_ONCE):
        pairs = ends[at : at + AT_ONCE]
        turned = lengths[pairs[:, 0]] > lengths[pairs[:, 1]]
        shorter, longer = np.where(turned, pairs.T[::-1], pairs.T)
        yield _alike(_seen(values, starts, shorter, FEW), _seen(values, starts, longer, MANY))


def _seen(values: np.ndarray, starts: np.ndarray, clips: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` samples of each clip, evenly spaced, whole and of the middle: float32 [2, P, count, VALUES], behind the
    rest what a mirror turns round, and their lengths [2, P, count]."""
    last = np.diff(starts)[clips] - 1
    rows = starts[clips][:, None] + np.rint(last[:, None] * np.linspace(0, 1, count)).astype(np.int64)
    views = values[rows.ravel()].astype(np.float32) @ TWO_VIEWS
    seen = np.stack([views[:, :VALUES], views[:, VALUES:]]).reshape(2, *rows.shape, VALUES)
    return seen, np.sqrt(np.einsum("vpsi,vpsi->vps", seen, seen))


def _alike(few: tuple[np.ndarray, np.ndarray], many: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The mean over the few samples, each by its contrast, of the correlation with its like among the many, under the
    best view: whole on whole, whole on middle or middle on whole, as it is or mirrored. [P]"""
    best = np.full(few[0].shape[1], -1, np.float32)
    for mine, theirs in ((0, 0), (1, 0), (0, 1)):
        one, other = few[0][mine], many[0][theirs].transpose(0, 2, 1)
        stays = one[..., :NUM_SAME] @ other[:, :NUM_SAME]
        turns = one[..., NUM_SAME:] @ other[:, NUM_SAME:]
        lengths = few[1][mine]
        scale = np.maximum(lengths[:, :, None] * many[1][theirs][:, None], 1e-3)
        for products in (stays + turns, stays - turns):
            likest = (products / scale).max(axis=2)
            np.maximum(best, (likest * lengths).sum(axis=1) / np.maximum(lengths.sum(axis=1), 1e-3), out=best)
    return best
