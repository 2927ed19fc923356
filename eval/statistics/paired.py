"""Two models on the same clips: how far apart, how sure, and which clips make the difference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eval.statistics.bootstrap import SEED, Clips, f1_of_arrays, macro_of_resamples

PERMUTATIONS = 5_000
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """b minus a. low, high: 95 % interval of paired resamples. p: of a permutation test, two-sided."""

    a: float
    b: float
    difference: float
    low: float
    high: float
    p: float


def paired(a: Clips, b: Clips) -> dict[str, Difference]:
    """Differences of recall, precision and f1 over the same clips in the same order; macro over sub-sets.

    The interval resamples clips within sub-sets, both models with the same draws. The test swaps the models' scores of
    clips at random (Fisher-Pitman); p counts the given order as one of the permutations.

    Raises:
        ValueError: the two are not about the same clips.
    """
    if not np.array_equal(a.subsets, b.subsets):
        raise ValueError("paired() needs the same clips in the same order.")
    resampled = [_three(*macro_of_resamples(clips)) for clips in (a, b)]
    whole = [_three(*_macro(clips.subsets, clips.recall[None], clips.precision[None])) for clips in (a, b)]
    swapped = _permuted(a, b)
    found = {}
    for name in ("recall", "precision", "f1"):
        one, other = float(whole[0][name][0]), float(whole[1][name][0])
        spread = resampled[1][name] - resampled[0][name]
        low, high = np.nanpercentile(spread, [2.5, 97.5])
        extreme = int((np.abs(swapped[name]) >= abs(other - one) - 1e-12).sum())
        found[name] = Difference(
            one, other, other - one, float(low), float(high), (extreme + 1) / (len(swapped[name]) + 1)
        )
    return found


def _three(recall: Floats, precision: Floats) -> dict[str, Floats]:
    return {"recall": recall, "precision": precision, "f1": f1_of_arrays(recall, precision)}


def _permuted(a: Clips, b: Clips) -> dict[str, Floats]:
    random = np.random.default_rng(SEED)
    swap = random.random((PERMUTATIONS, len(a.subsets))) < 0.5
    one = _macro(a.subsets, np.where(swap, b.recall, a.recall), np.where(swap, b.precision, a.precision))
    other = _macro(a.subsets, np.where(swap, a.recall, b.recall), np.where(swap, a.precision, b.precision))
    left, right = _three(*one), _three(*other)
    return {name: right[name] - left[name] for name in left}


def _macro(subsets: NDArray[np.int64], recall: Floats, precision: Floats) -> tuple[Floats, Floats]:
    """Means over sub-sets of the means over their clips, for each row of [B, n]."""
    with np.errstate(invalid="ignore"):
        means = [
            np.stack([_mean(values[:, subsets == subset]) for subset in np.unique(subsets)], axis=1)
            for values in (recall, precision)
        ]
    return _mean(means[0]), _mean(means[1])


def _mean(values: Floats) -> Floats:
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    return np.divide(np.where(known, values, 0).sum(axis=1), count, out=np.full(len(values), np.nan), where=count > 0)
