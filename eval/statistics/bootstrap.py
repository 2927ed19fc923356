"""How far a score would move with other clips of the same kind: resampling, clip by clip, within every sub-set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 5_000
SEED = 0
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """The 2.5th and 97.5th percentile of a score over resamples; None where the score cannot be computed."""

    low: float | None
    high: float | None


@dataclass(frozen=True)
class Clips:
    """What a macro score is made of: the sub-set of each clip, its recall and its precision (nan: not in that mean)."""

    subsets: NDArray[np.int64]
    recall: Floats
    precision: Floats


def clips_of(subsets: Sequence[str], recall: Sequence[float | None], precision: Sequence[float | None]) -> Clips:
    """Clips with None for what does not count."""
    numbers = {name: number for number, name in enumerate(sorted(set(subsets)))}
    return Clips(
        np.array([numbers[name] for name in subsets], dtype=np.int64),
        np.array([np.nan if value is None else value for value in recall], dtype=np.float64),
        np.array([np.nan if value is None else value for value in precision], dtype=np.float64),
    )


def intervals(clips: Clips, resamples: int = RESAMPLES) -> dict[str, Interval]:
    """95 % intervals of recall, precision and f1: macro over sub-sets, each resampled within itself (Efron 1979)."""
    recall, precision = macro_of_resamples(clips, resamples)
    with np.errstate(invalid="ignore", divide="ignore"):
        f1 = f1_of_arrays(recall, precision)
    return {"recall": _interval(recall), "precision": _interval(precision), "f1": _interval(f1)}


def macro_of_resamples(clips: Clips, resamples: int = RESAMPLES) -> tuple[Floats, Floats]:
    """(recall [B], precision [B]) of B resamples. The same clips and B give the same draws, whatever the scores."""
    recalls, precisions = [], []
    for members, draws in draws_of(clips.subsets, resamples):
        recalls.append(_means(clips.recall[members][draws]))
        precisions.append(_means(clips.precision[members][draws]))
    if not recalls:
        return np.full(resamples, np.nan), np.full(resamples, np.nan)
    return _means(np.stack(recalls, axis=1)), _means(np.stack(precisions, axis=1))


def draws_of(subsets: NDArray[np.int64], resamples: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """For each sub-set its members, and int [B, n] places among them, drawn with replacement."""
    random = np.random.default_rng(SEED)
    for subset in np.unique(subsets):
        members = np.flatnonzero(subsets == subset)
        yield members, random.integers(len(members), size=(resamples, len(members)))


def f1_of_arrays(recall: Floats, precision: Floats) -> Floats:
    """2rp / (r + p), 0 where both are 0."""
    total = recall + precision
    return np.where(total > 0, 2 * recall * precision / np.where(total > 0, total, 1), 0 * total)


def _means(values: Floats) -> Floats:
    """Means of the last axis without nan; nan where nothing is left."""
    known = ~np.isnan(values)
    count = known.sum(axis=-1)
    sums = np.where(known, values, 0).sum(axis=-1)
    return np.divide(sums, count, out=np.full(sums.shape, np.nan), where=count > 0)


def _interval(values: Floats) -> Interval:
    known = values[~np.isnan(values)]
    if not len(known):
        return Interval(None, None)
    low, high = np.percentile(known, [2.5, 97.5])
    return Interval(float(low), float(high))


def mean_interval(values: Sequence[float], resamples: int = RESAMPLES) -> Interval:
    """The interval of a plain mean."""
    if not values:
        return Interval(None, None)
    known = np.asarray(values, dtype=np.float64)
    random = np.random.default_rng(SEED)
    rows = max(1, 4_000_000 // len(known))  # so many resamples at once keep the draws under 32 MB
    means = [
        known[random.integers(len(known), size=(min(rows, resamples - done), len(known)))].mean(axis=1)
        for done in range(0, resamples, rows)
    ]
    return _interval(np.concatenate(means))
