"""Whether two clips show the same footage: their signatures laid over each other, in space and in time.

In space one picture is a crop or a mirror image of the other (curate/dedup/geometry.py). In time one runs `speed` times
as fast and begins elsewhere. That two pictures look alike does not make them one footage: two moments of one take do as
well. So where something moves it is the movement that must agree, which is what is left of both once their mean
pictures over the common time are taken off; a logo that stands still goes with the mean. Only where nothing moves in
either do the pictures alone decide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curate.dedup.geometry import VALUES, View, matrix_of, pair_matrices, view_pairs
from schemas.spans import US

SPEEDS = np.array([1, 1.04, 1 / 1.04, 1.1, 1 / 1.1, 1.25, 0.8, 1.4, 1 / 1.4, 1.5, 1 / 1.5, 1.75, 1 / 1.75, 2, 0.5])
OFFSET_STEP_S = 0.0625
PLACES_A_SPEED = 4  # offsets that are tried at each speed
REFINED = 4  # alignments that are refined
SLACK_S = 0.13  # half a sample: how far outside the other clip a sample may lie and still be compared with its end
SOME = 8  # samples by which the view is found
MIN_SAMPLES = 5  # that both clips have in common
MIN_SHARED = 0.6  # of the shorter clip that the other one has too
CLEAR = 0.95  # agreement at which no better alignment is looked for
LOST = 0.25  # agreement from which, where something moves, no refining leads to BASE: bench.dedup has no such pair


@dataclass(frozen=True)
class Clip:
    """A signature: values float32 [N, 64], times float64 [N] in seconds."""

    values: np.ndarray
    seconds: np.ndarray

    @classmethod
    def from_row(cls, signature: bytes, times_us: np.ndarray) -> Clip:
        values = np.frombuffer(signature, np.int8).reshape(len(times_us), -1)
        return cls(values.astype(np.float32), np.asarray(times_us) / US)

    def seen(self, view: View) -> Clip:
        """The same clip with the values of a view, float32 [N, VALUES]."""
        return Clip(self.values @ matrix_of(view), self.seconds)


@dataclass(frozen=True)
class Agreement:
    """How well two clips agree over the time that they share, under one alignment.

    `likeness`: correlation of the pictures; `agreement`: correlation of what moves in them; both -1 to 1. `moving`: the
    energy of what moves in each, squared grey levels. `contrast`: of the pictures of the weaker one, grey levels.
    `samples`: how many were compared. `shared`: the share of the shorter clip that they are.
    """

    likeness: float
    agreement: float
    moving: tuple[float, float]
    contrast: float
    samples: int
    shared: float


@dataclass(frozen=True)
class Match:
    """Two clips laid over each other: the second one's time is speed * time of the first + offset_s.

    `view`: number of the pair of views. `whole`, `upper`: agreement of the whole pictures and of their upper parts.
    """

    view: int
    speed: float
    offset_s: float
    whole: Agreement
    upper: Agreement

    @property
    def mirrored(self) -> bool:
        return view_pairs()[self.view][1].mirrored


def best_view(one: Clip, other: Clip, rows: tuple[int, int] | None = None) -> int:
    """The number of the view pair under which some samples of two clips look most alike.

    rows: a sample of each that is known to look like the other one's.
    """
    first, second = (
        (_some(clip, row) @ views).reshape(-1, views.shape[1] // VALUES, VALUES).transpose(1, 0, 2)
        for clip, row, views in zip((one, other), rows or (None, None), pair_matrices(), strict=True)
    )
    lengths = np.linalg.norm(first, axis=2)
    scale = np.maximum(lengths[:, :, None] * np.linalg.norm(second, axis=2)[:, None], 1e-3)
    alike = (first @ second.transpose(0, 2, 1) / scale).max(axis=2)
    return int(((alike * lengths).sum(axis=1) / np.maximum(lengths.sum(axis=1), 1e-3)).argmax())


def _some(clip: Clip, row: int | None) -> np.ndarray:
    """At most SOME + 1 rows of a signature, evenly spaced."""
    rows = np.unique(np.linspace(0, len(clip.values) - 1, SOME).astype(int))
    return clip.values[rows if row is None else np.append(rows, row)]


def match(one: Clip, other: Clip, view: int) -> Match | None:
    """The best alignment of two clips under a view pair; None where none has enough in common."""
    mine, theirs = view_pairs()[view]
    first, second = one.seen(mine), other.seen(theirs)
    overlay = Overlay(first, second)
    guesses = np.concatenate([_ends_together(first, second, SPEEDS[:1]), _hough(first, second, SPEEDS[:1])])
    tried = overlay.evaluate(guesses)
    likeliest = int(tried.merit.argmax())
    if tried.merit[likeliest] == -np.inf or tried.agreement[likeliest] < CLEAR:
        others = SPEEDS[1:]
        guesses = np.concatenate([guesses, _ends_together(first, second, others), _hough(first, second, others)])
    found = _best(overlay, first.seconds[[0, -1]].mean(), guesses)
    if found is None:
        return None
    (speed, offset), whole = found
    upper = Overlay(one.seen(mine.upper()), other.seen(theirs.upper())).evaluate(np.array([[speed, offset]])).at(0)
    return Match(view, speed, offset, whole, upper)


def _ends_together(one: Clip, other: Clip, speeds: np.ndarray) -> np.ndarray:
    """Alignments that begin together, end together, or lie in the middle of one another: [K, 2] speed and offset."""
    places = [(0, 0), (-1, -1)]
    offsets = [other.seconds[b] - speeds * one.seconds[a] for a, b in places]
    offsets.append(other.seconds[[0, -1]].mean() - speeds * one.seconds[[0, -1]].mean())
    return np.concatenate([np.stack([speeds, offset], axis=1) for offset in offsets])


def _hough(one: Clip, other: Clip, speeds: np.ndarray) -> np.ndarray:
    """The alignments for which most samples vote by how their movements agree: [K, 2] speed and offset."""
    votes = (_moving(one.values) @ _moving(other.values).T).ravel()
    offsets = other.seconds - speeds[:, None, None] * one.seconds[:, None]
    first = offsets.min(axis=(1, 2))
    bins = ((offsets - first[:, None, None]) / OFFSET_STEP_S + 0.5).astype(np.int32).reshape(len(speeds), -1)
    found = []
    for speed, start, own in zip(speeds, first, bins, strict=True):
        counted = np.convolve(np.bincount(own, votes), (0.5, 0.8, 1, 0.8, 0.5), "same")
        best = np.argsort(counted)[::-1][:PLACES_A_SPEED]
        found.append(np.stack([np.full(len(best), speed), start + best * OFFSET_STEP_S], axis=1))
    return np.concatenate(found)


def _moving(values: np.ndarray) -> np.ndarray:
    return values - values.mean(axis=0)


def _best(overlay: Overlay, middle: float, guesses: np.ndarray) -> tuple[tuple[float, float], Agreement] | None:
    """The best of some alignments, the best few of them refined. middle: of the first clip, s; it stays in place."""
    for step_s, stretch in ((0.0, 0.0), (0.08, 0.03), (0.04, 0.015), (0.02, 0.0)):
        if step_s:
            moves = np.array([(d, s) for d in (-stretch, 0, stretch) for s in (-step_s, 0, step_s)])
            speeds = guesses[:, None, 0] * (1 + moves[:, 0])
            offsets = guesses[:, None, 1] + moves[:, 1] - (speeds - guesses[:, None, 0]) * middle
            guesses = np.stack([speeds, offsets], axis=2).reshape(-1, 2)
        tried = overlay.evaluate(guesses)
        order = np.argsort(-tried.merit)[:REFINED]
        guesses, tried = guesses[order], tried.rows(order)
        if not tried.merit.size or tried.merit[0] == -np.inf:
            return None
        if tried.agreement[0] < LOST and tried.moving[0].max() >= LIVELY:
            break
    return (float(guesses[0, 0]), float(guesses[0, 1])), tried.at(0)


@dataclass(frozen=True)
class Tried:
    """Agreements of K alignments as columns, [K]; `merit` orders them and is -inf where too little is shared."""

    merit: np.ndarray
    likeness: np.ndarray
    agreement: np.ndarray
    moving: np.ndarray
    contrast: np.ndarray
    samples: np.ndarray
    shared: np.ndarray

    def rows(self, order: np.ndarray) -> Tried:
        return Tried(*(column[order] for column in vars(self).values()))

    def at(self, row: int) -> Agreement:
        one, other = self.moving[row]
        return Agreement(
            float(self.likeness[row]),
            float(self.agreement[row]),
            (float(one), float(other)),
            float(self.contrast[row]),
            int(self.samples[row]),
            float(self.shared[row]),
        )


class Overlay:
    """Two clips whose products of samples are known, so that an alignment costs a look-up a sample and no picture."""

    def __init__(self, one: Clip, other: Clip) -> None:
        self._mine, self._theirs = one.values.astype(np.float64), other.values.astype(np.float64)
        self._my_seconds, self._their_seconds = one.seconds, other.seconds
        self._products = self._mine @ self._theirs.T
        self._my_squares = _squares(self._mine)
        self._their_squares = _squares(self._theirs)
        following = self._theirs[np.minimum(np.arange(len(self._theirs)) + 1, len(self._theirs) - 1)]
        self._with_next = np.einsum("ij,ij->i", self._theirs, following)

    def evaluate(self, alignments: np.ndarray) -> Tried:
        """How well the clips agree under each of some alignments, [K, 2] speed and offset.

        The second clip is read between its samples, so that the two need not have been sampled together. Sums of
        products of what lies between two samples come from the products of the samples.
        """
        at = alignments[:, :1] * self._my_seconds + alignments[:, 1:]
        first, last, final = self._their_seconds[0], self._their_seconds[-1], len(self._their_seconds) - 1
        inside = (at >= first - SLACK_S) & (at <= last + SLACK_S)
        before = np.clip(np.searchsorted(self._their_seconds, at) - 1, 0, max(0, final - 1))
        after = np.minimum(before + 1, final)
        gap = np.maximum(self._their_seconds[after] - self._their_seconds[before], 1e-6)
        part = np.clip((at - self._their_seconds[before]) / gap, 0, 1)
        low, high = inside * (1 - part), inside * part
        mine = np.arange(len(self._my_seconds))
        products = (self._products[mine, before] * low + self._products[mine, after] * high).sum(axis=1)
        theirs = low**2 * self._their_squares[before] + high**2 * self._their_squares[after]
        squares = inside @ self._my_squares, (theirs + 2 * low * high * self._with_next[before]).sum(axis=1)
        sums = inside @ self._mine, self._read(before, after, low, high)
        samples = inside.sum(axis=1)
        number = np.maximum(samples, 1)
        moving = np.stack([_moved(*one, number) for one in zip(squares, sums, strict=True)], axis=1)
        together = products - np.einsum("ij,ij->i", *sums) / number
        likeness = products / (np.sqrt(squares[0] * squares[1]) + 1e-6)
        agreement = np.where(moving.all(axis=1), together / (np.sqrt(moving.prod(axis=1)) + 1e-6), 0)
        overlap = np.clip(np.minimum(at[:, -1], last) - np.maximum(at[:, 0], first), 0, None)
        shorter = np.minimum(at[:, -1] - at[:, 0], last - first)
        shared = np.minimum(1.0, overlap / np.maximum(shorter, 1e-6))
        enough = (samples >= min(MIN_SAMPLES, len(mine))) & (shared >= MIN_SHARED)
        merit = np.where(enough, agreement + likeness / 2 - doubt(alignments[:, 0], samples), -np.inf)
        contrast = np.sqrt(np.minimum(*squares) / number)
        return Tried(merit, likeness, agreement, moving / number[:, None], contrast, samples, shared)

    def _read(self, before: np.ndarray, after: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """The sum of what each alignment reads of the second clip, [K, VALUES]."""
        count = len(self._theirs)
        row = count * np.arange(len(before))[:, None]
        places = np.concatenate([(row + before).ravel(), (row + after).ravel()])
        weights = np.concatenate([low.ravel(), high.ravel()])
        return np.bincount(places, weights, count * len(before)).reshape(-1, count) @ self._theirs


def _moved(squares: np.ndarray, sums: np.ndarray, number: np.ndarray) -> np.ndarray:
    """The squares of what is left once the mean is taken off; 0 where that is less than the arithmetic's error."""
    left = squares - _squares(sums) / number
    return np.where(left > 1e-9 * squares, left, 0)


def _squares(rows: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", rows, rows)


def doubt(speed: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """By how much an agreement may be chance: the fewer samples and the odder the speed, the easier it comes about."""
    return 1.6 * np.maximum(0, 1 / np.maximum(samples, 1) - 1 / 12) + 0.5 * np.maximum(0, np.abs(np.log2(speed)) - 0.1)


BASE = 0.7  # agreement that two takes of one scene do not reach
UPPER_BASE = 0.78  # the same for upper parts, which are a second chance
STILL, LIVELY = 1.0, 8.0  # energies below which nothing moves, and above which the movement decides alone
NOISE = 0.2
BLANK = 3.0  # contrast below which a clip shows nothing to be known by


def margin(found: Match | None) -> float:
    """By how much two clips are surer to be one footage than they must be: at least 0 says that they are."""
    if found is None or found.whole.contrast < BLANK:
        return -1.0
    chance = float(doubt(np.array(found.speed), np.array(found.whole.samples)))
    whole = _margin(found.whole, BASE + chance, pictures=(0.9, 0.5))
    upper = _margin(found.upper, UPPER_BASE + chance, pictures=(0.95, 0.6))
    if max(found.upper.moving) < LIVELY and min(found.whole.moving) > 2 * STILL:
        return whole  # both move, and only where subtitles would be
    return max(whole, upper)


def _margin(found: Agreement, needed: float, pictures: tuple[float, float]) -> float:
    """The same for one part: movement must agree as far as there is some.

    `pictures`: the likeness that is needed where nothing moves, and where something does.
    """
    share = min(1.0, max(0.0, (max(found.moving) - STILL) / (LIVELY - STILL)))
    noise = NOISE * (1 - share)  # of pictures that stand still only the encoder's noise moves, and it does not agree
    return min(found.agreement + noise - share * needed, found.likeness - pictures[int(share == 1)])
