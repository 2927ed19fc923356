"""Which clips might show the same footage, without looking at all pairs: locality-sensitive hashing.

Some samples of each clip, those at which it moves least, are hashed by random hyperplanes (Charikar, STOC 2002):
pictures that are alike fall on the same side of most of them. In each of `TABLES` tables, samples with equal codes are
neighbours. A mirrored picture gets the same code, since each table turns every picture so that a random antisymmetric
pattern is positive in it; and a cropped one has a chance because each sample stands in the table as its own middle
as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from curate.dedup.geometry import VALUES, WHOLE, matrix_of
from curate.dedup.matching import BLANK
from curate.dedup.views import MIDDLE, MIRRORED, NUM_SAME, TWO_VIEWS

ANCHORS = 8  # samples of a clip that are hashed
TABLES = 32
REACH = 4  # how many entries of equal code an entry is compared with, in a random order of its own in each table
LIKE = 0.75  # correlation of two samples, below which they are no candidates
CHUNK = 1 << 18
CHUNK_OF_PAIRS = 1 << 13  # so that what is computed of them stays in the processor's cache


@dataclass(frozen=True)
class Samples:
    """Samples of many clips: values int8 [N, 64]; clip: number of the clip of each, int32 [N], ascending."""

    values: np.ndarray
    clip: np.ndarray


@dataclass(frozen=True)
class Candidates:
    """Pairs of samples that look alike: rows of Samples, int64 [P] each, the likest of each pair of clips."""

    one: np.ndarray
    other: np.ndarray
    likeness: np.ndarray


def anchors_of(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Rows at which clips move least, ascending: at most ANCHORS a clip.

    values: int8 [N, 64], rows of many clips one after the other; starts: where each begins, and N at the end.
    """
    lengths = np.diff(starts)
    clip = np.repeat(np.arange(len(lengths)), lengths)
    place = np.arange(len(values)) - np.repeat(starts[:-1], lengths)
    change = np.zeros(len(values), np.float32)
    if len(values) > 2:
        difference = values[2:].astype(np.int16) - values[:-2]
        change[1:-1] = np.einsum("ij,ij->i", difference, difference, dtype=np.float32)
    edge = (place == 0) | (place == np.repeat(lengths, lengths) - 1)
    before, after = np.roll(change, 1), np.roll(change, -1)
    rests = ~edge & (change <= before) & (change <= after)
    order = np.lexsort((change, ~rests, clip))  # moments of rest first, the stillest of them first
    return np.sort(order[place < ANCHORS])


def candidates(samples: Samples, seed: int = 0, beat: Callable[[], None] = lambda: None) -> Candidates:
    """Pairs of samples of different clips that look alike, as far as hashing finds them."""
    rng = np.random.default_rng(seed)
    norms = np.stack([_norms(samples.values, matrix_of(view)) for view in (WHOLE, MIDDLE)])
    mean, scale = _statistics(samples.values, norms[0], rng)
    bits = int(np.clip(np.log2(max(2, len(samples.clip))) + 2, 10, 30))
    best = _Best()
    for _ in range(TABLES):
        planes = rng.normal(size=(VALUES, bits)) / scale[:, None]
        pattern = np.where(MIRRORED, rng.normal(size=VALUES) / scale, 0)
        codes = [
            _codes(samples.values, matrix_of(view), norms[i], planes, pattern, mean)
            for i, view in enumerate((WHOLE, MIDDLE))
        ]
        best.add(samples, _neighbours(np.concatenate(codes), norms.ravel() >= BLANK, samples.clip, rng))
        beat()
    return best.pairs()


class _Best:
    """The likest pair of samples of each pair of clips so far."""

    def __init__(self) -> None:
        self._seen = np.empty(0, np.int64)  # pairs of rows that were compared, whatever came of it
        self._found = Candidates(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
        self._clips = np.empty(0, np.int64)

    def add(self, samples: Samples, pairs: np.ndarray) -> None:
        """Compare pairs of rows, `one << 32 | other`, those that were not compared before."""
        pairs = pairs[~_among(pairs, self._seen)]
        self._seen = np.sort(np.concatenate([self._seen, pairs]))
        one, other = pairs >> 32, pairs & 0xFFFFFFFF
        likeness = _likeness(samples.values, one, other)
        alike = likeness >= LIKE
        one, other, likeness = one[alike], other[alike], likeness[alike]
        clips = samples.clip[one].astype(np.int64) << 32 | samples.clip[other]
        clips = np.concatenate([self._clips, clips])
        one, other = np.concatenate([self._found.one, one]), np.concatenate([self._found.other, other])
        likeness = np.concatenate([self._found.likeness, likeness])
        order = np.lexsort((-likeness, clips))
        first = order[np.flatnonzero(np.diff(clips[order], prepend=-1))]
        self._clips, self._found = clips[first], Candidates(one[first], other[first], likeness[first])

    def pairs(self) -> Candidates:
        return self._found


def _among(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Which values are among the known ones; both ascending. (np.isin and np.unique hash, which packed keys defeat.)"""
    if not known.size:
        return np.zeros(len(values), bool)
    return known[np.minimum(np.searchsorted(known, values), len(known) - 1)] == values


def _norms(values: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    norms = np.empty(len(values), np.float32)
    for at in range(0, len(values), CHUNK):
        norms[at : at + CHUNK] = np.linalg.norm(values[at : at + CHUNK].astype(np.float32) @ matrix, axis=1)
    return norms


def _statistics(values: np.ndarray, norms: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread of the values of some pictures of length 1; what a mirror turns round has mean 0."""
    shown = np.flatnonzero(norms >= BLANK)
    if not shown.size:
        return np.zeros(VALUES), np.ones(VALUES)
    some = np.sort(rng.choice(shown, min(len(shown), CHUNK), replace=False))
    pictures = values[some].astype(np.float32) @ matrix_of(WHOLE) / norms[some, None]
    spread = np.sqrt((pictures**2).mean(axis=0)) + 1e-3
    return np.where(MIRRORED, 0, pictures.mean(axis=0)), spread


def _codes(
    values: np.ndarray, matrix: np.ndarray, norms: np.ndarray, planes: np.ndarray, pattern: np.ndarray, mean: np.ndarray
) -> np.ndarray:
    """On which side of each plane a view of each sample lies, as bits of uint32 [N]."""
    bits = planes.shape[1]
    sides = np.concatenate([np.where(MIRRORED, 0, 1)[:, None] * planes, MIRRORED[:, None] * planes], axis=1)
    folded = (matrix @ np.concatenate([sides, pattern[:, None]], axis=1)).astype(np.float32)
    bias = (mean @ planes).astype(np.float32)
    powers = (1 << np.arange(bits)).astype(np.uint32)
    codes = np.empty(len(values), np.uint32)
    for at in range(0, len(values), CHUNK):
        seen = values[at : at + CHUNK].astype(np.float32) @ folded / np.maximum(norms[at : at + CHUNK, None], 1e-3)
        turned = np.where(seen[:, -1:] < 0, -1, 1)
        codes[at : at + CHUNK] = ((seen[:, :bits] + turned * seen[:, bits:-1]) > bias) @ powers
    return codes


def _neighbours(codes: np.ndarray, shown: np.ndarray, clip: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Pairs of rows whose codes are equal, of different clips: the lower row << 32 | the other, int64, ascending.

    codes, shown: of the samples as they are, and again of their middles.
    """
    entries = np.flatnonzero(shown)
    keys = codes[entries].astype(np.uint64) << 32 | rng.integers(0, 1 << 32, len(entries), dtype=np.uint64)
    order = np.argsort(keys)
    entries, sorted_codes = entries[order], codes[entries[order]]
    count = len(clip)
    found = []
    for step in range(1, REACH + 1):
        same = np.flatnonzero(sorted_codes[step:] == sorted_codes[:-step])
        one, other = entries[same], entries[same + step]
        plain = (one < count) | (other < count)  # two middles are neighbours where the whole pictures are
        one, other = one[plain] % count, other[plain] % count
        apart = clip[one] != clip[other]
        one, other = one[apart], other[apart]
        found.append(np.minimum(one, other) << 32 | np.maximum(one, other))
    pairs = np.sort(np.concatenate(found))
    return pairs[np.flatnonzero(np.diff(pairs, prepend=-1))]


def _likeness(values: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The largest correlation of pairs of rows over whole and middle, as they are and mirrored, float32 [P]."""
    likeness = np.empty(len(one), np.float32)
    for at in range(0, len(one), CHUNK_OF_PAIRS):
        seen = [_seen_twice(values[rows[at : at + CHUNK_OF_PAIRS]]) for rows in (one, other)]
        (mine_whole, mine_middle), (their_whole, their_middle) = seen
        best = _alike(mine_whole, their_whole)
        np.maximum(best, _alike(mine_middle, their_whole), out=best)
        np.maximum(best, _alike(mine_whole, their_middle), out=best)
        likeness[at : at + CHUNK_OF_PAIRS] = best
    return likeness


def _seen_twice(values: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Whole and middle of some samples: each float32 [P, VALUES], what a mirror turns round behind the rest, and 1 over
    its length [P]."""
    views = values.astype(np.float32) @ TWO_VIEWS
    parts = views[:, :VALUES], views[:, VALUES:]
    return [(part, 1 / np.maximum(np.sqrt(np.einsum("ij,ij->i", part, part)), 1e-3)) for part in parts]


def _alike(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The larger of the correlations with the other as it is and mirrored, [P]: a mirror turns one part's sign."""
    stays = np.einsum("ij,ij->i", one[0][:, :NUM_SAME], other[0][:, :NUM_SAME])
    turns = np.einsum("ij,ij->i", one[0][:, NUM_SAME:], other[0][:, NUM_SAME:])
    return (stays + np.abs(turns)) * one[1] * other[1]
