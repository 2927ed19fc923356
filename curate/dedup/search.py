"""The search for near-duplicates over signatures: candidates by hashing, those that look alike at a glance aligned in
parallel, then grouped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from curate.dedup.blocking import TABLES, Candidates, Samples, anchors_of, candidates
from curate.dedup.glance import worth_aligning
from curate.dedup.groups import groups_of
from curate.dedup.matching import LIVELY, Clip, Match, best_view, margin, match
from curate.observers.signature import BYTES

MAX_CANDIDATES = 24  # of a clip, the likest
PAIRS_AT_ONCE = 256
FEW = 4 * PAIRS_AT_ONCE  # pairs for which no further process is worth its start


@dataclass(frozen=True)
class Signatures:
    """Signatures of many clips in two files, so that they need not be in memory, and every process can read them.

    values.i8: int8 [N, 64]; seconds.f4: float32 [N], since the clip's start; starts: int64 [clips + 1], rows of each.
    """

    folder: Path
    starts: np.ndarray

    @property
    def num_clips(self) -> int:
        return len(self.starts) - 1

    @cached_property
    def values(self) -> np.ndarray:
        return _mapped(self.folder / "values.i8", np.int8).reshape(-1, BYTES)

    @cached_property
    def seconds(self) -> np.ndarray:
        return _mapped(self.folder / "seconds.f4", np.float32)

    def clip(self, number: int) -> Clip:
        rows = slice(int(self.starts[number]), int(self.starts[number + 1]))
        return Clip(np.array(self.values[rows], np.float32), np.array(self.seconds[rows], np.float64))

    def match(self, one: int, other: int, rows: Sequence[int] | None = None) -> Match | None:
        """How two clips agree; rows: a sample of each, counted over all clips, known to look alike."""
        first, second = self.clip(one), self.clip(other)
        hint = (rows[0] - int(self.starts[one]), rows[1] - int(self.starts[other])) if rows else None
        return match(first, second, best_view(first, second, hint))


def _mapped(path: Path, type_: type) -> np.ndarray:
    return np.memmap(path, type_, "r") if path.stat().st_size else np.empty(0, type_)


@dataclass(frozen=True)
class Pair:
    """What is known of two clips: how sure it is that they are one footage (at least 0: they are), and how they lie.

    `agreement`: correlation of what moves, or of the pictures where little does. The second clip's time is
    speed * time of the first + offset_s.
    """

    margin: float
    agreement: float = 0.0
    speed: float = 1.0
    offset_s: float = 0.0
    mirrored: bool = False


@dataclass(frozen=True)
class Found:
    """group: int64 [clips], the number of the first clip of each clip's group. pairs: those that were compared."""

    group: np.ndarray
    pairs: dict[tuple[int, int], Pair]


def search(signatures: Signatures, jobs: int, say: Callable[[str, int, int], None]) -> Found:
    """The groups of clips that show the same footage. `say` is told what is done, how many of how many."""
    chosen, samples = _anchors(signatures)
    hashed = iter(range(1, TABLES + 1))
    found = candidates(samples, beat=lambda: say("hashing", next(hashed), TABLES))
    ends, rows, likeness = _likest(found, chosen, samples)
    worth = worth_aligning(signatures.values, signatures.starts, ends, likeness)
    ends, rows = ends[worth], rows[worth]
    known: dict[tuple[int, int], Pair] = {}
    margins = np.empty(len(ends), np.float32)
    at = 0
    for compared in _compared(signatures, ends, rows, jobs):
        for pair in compared:
            margins[at] = pair.margin
            if pair.margin >= 0:
                known[int(ends[at, 0]), int(ends[at, 1])] = pair
            at += 1
        say("comparing", at, len(ends))

    def margin_of(one: int, other: int) -> float:
        pair = (min(one, other), max(one, other))
        if pair not in known:
            known[pair] = _pair(signatures.match(*pair))
        return known[pair].margin

    return Found(groups_of(ends, margins, signatures.num_clips, margin_of), known)


def _pair(found: Match | None) -> Pair:
    if found is None:
        return Pair(-1.0)
    agreement = found.whole.agreement if max(found.whole.moving) >= LIVELY else found.whole.likeness
    return Pair(margin(found), agreement, found.speed, found.offset_s, found.mirrored)


def _anchors(signatures: Signatures) -> tuple[np.ndarray, Samples]:
    """The samples that are hashed: their rows among all, and themselves. Some clips at a time, for the memory."""
    rows, starts = [], signatures.starts
    for first in range(0, signatures.num_clips, 8192):
        edges = starts[first : first + 8193]
        rows.append(edges[0] + anchors_of(signatures.values[edges[0] : edges[-1]], edges - edges[0]))
    chosen = np.concatenate(rows) if rows else np.empty(0, np.int64)
    clip = np.searchsorted(starts, chosen, side="right") - 1
    return chosen, Samples(np.asarray(signatures.values[chosen]), clip.astype(np.int32))


def _likest(found: Candidates, chosen: np.ndarray, samples: Samples) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of clips [P, 2] of which one is among the likest of the other, their rows among all samples [P, 2], and how
    alike these are [P].

    The lower number comes first. chosen: rows of the samples among all.
    """
    ends = np.stack([samples.clip[found.one], samples.clip[found.other]], axis=1).astype(np.int64)
    kept = np.zeros(len(ends), bool)
    for side in (0, 1):
        order = np.lexsort((-found.likeness, ends[:, side]))
        clips = ends[order, side]
        first = np.searchsorted(clips, clips)
        kept[order[np.arange(len(order)) - first < MAX_CANDIDATES]] = True
    rows = np.stack([chosen[found.one[kept]], chosen[found.other[kept]]], axis=1)
    turned = (ends[kept, 0] > ends[kept, 1])[:, None]
    ends = ends[kept]
    return np.where(turned, ends[:, ::-1], ends), np.where(turned, rows[:, ::-1], rows), found.likeness[kept]


_shared: Signatures | None = None


def _share(signatures: Signatures) -> None:
    global _shared  # noqa: PLW0603  (a process of the pool holds the files open)
    _shared = signatures


def _compare(pairs: list[tuple[int, int, int, int]]) -> list[Pair]:
    assert _shared is not None
    return [_pair(_shared.match(one, other, rows)) for one, other, *rows in pairs]


def _compared(signatures: Signatures, ends: np.ndarray, rows: np.ndarray, jobs: int) -> Iterator[list[Pair]]:
    both = np.concatenate([ends, rows], axis=1).tolist()
    work = (both[at : at + PAIRS_AT_ONCE] for at in range(0, len(both), PAIRS_AT_ONCE))
    if jobs == 1 or len(both) <= FEW:
        _share(signatures)
        yield from map(_compare, work)
        return
    with ProcessPoolExecutor(jobs, get_context("spawn"), _share, (signatures,)) as pool:
        yield from pool.map(_compare, work)
