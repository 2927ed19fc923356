"""From the network's probabilities, look by look, to transitions with a start, an end and a kind."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from curate.detectors.cascade.network import KINDS, Numbers

HARD, FLASH = KINDS.index("hard"), KINDS.index("flash")
GRADUAL = slice(KINDS.index("dissolve"), KINDS.index("wipe") + 1)
BLANK_STD = 8.0  # a look with less contrast shows nothing: black, white or one colour
NEAR = 2  # looks; of several hard cuts that lie so near the likeliest is kept
MIN_TURN = 32.0  # luma; a ramp of a blank picture that is shorter does not divide a fade


@dataclass(frozen=True)
class Thresholds:
    """Least probabilities. A gradual transition reaches `gradual` somewhere and stays above `within` all along."""

    hard: float
    gradual: float
    within: float = 0.3
    flash: float = 0.5


@dataclass(frozen=True, order=True)
class Found:
    """A transition over the looks [first, last]; a hard cut or a flash lies between look first - 1 and first = last."""

    first: int
    last: int
    kind: str
    score: float


def decide(probabilities: Numbers, means: Numbers, stds: Numbers, thresholds: Thresholds) -> list[Found]:
    """Transitions and flashes in order; `means` and `stds` of luma for each look divide fades where nothing is seen."""
    gradual = probabilities[:, GRADUAL].sum(axis=1)
    found = list[Found]()
    taken = np.zeros(len(probabilities), bool)
    for first, last in _runs(gradual, thresholds):
        taken[first : last + 1] = True
        score = float(gradual[first : last + 1].max())
        for a, b in _divided(first, last, means, stds):
            found.append(Found(a, b, _kind(probabilities[a : b + 1], stds[a : b + 1]), score))
    for kind, least in ((HARD, thresholds.hard), (FLASH, thresholds.flash)):
        for at in _peaks(probabilities[:, kind], least):
            if not taken[at]:
                found.append(Found(at, at, KINDS[kind], float(probabilities[at, kind])))
    return sorted(found)


def _kind(probabilities: Numbers, stds: Numbers) -> str:
    """A fade comes from or leads to a picture that shows nothing; what else is a mixture is a dissolve."""
    if stds.min() < BLANK_STD:
        return "fade"
    dissolve, fade, wipe = probabilities[:, GRADUAL].sum(axis=0)
    return "wipe" if wipe > dissolve + fade else "dissolve"


def _runs(gradual: Numbers, thresholds: Thresholds) -> list[tuple[int, int]]:
    """Stretches above `within`, gaps of one look closed, that reach `gradual`."""
    above = gradual > thresholds.within
    above[1:-1] |= above[:-2] & above[2:]
    edges = np.flatnonzero(np.diff(np.concatenate([[False], above, [False]]).astype(np.int8)))
    runs = [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return [(a, b) for a, b in runs if gradual[a : b + 1].max() > thresholds.gradual]


def _peaks(values: Numbers, least: float) -> list[int]:
    at = [int(i) for i in np.flatnonzero(values > least)]
    return [i for i in at if values[i] == values[max(0, i - NEAR) : i + NEAR + 1].max()]


def _divided(first: int, last: int, means: Numbers, stds: Numbers) -> list[tuple[int, int]]:
    """A fade out and the fade in behind it are two, and so are two ramps of a blank picture that turn around."""
    blank = [i for i in range(first, last + 1) if stds[i] < BLANK_STD]
    if not blank:
        return [(first, last)]
    borders = [first, *_turns(blank, means), last]
    pieces = [(a, b) for a, b in pairwise(borders) if b > a]
    return [(a, b) for a, b in pieces if not (a in blank and b in blank) or abs(means[b] - means[a]) >= MIN_TURN] or [
        (first, last)
    ]


def _turns(blank: list[int], means: Numbers) -> list[int]:
    """The first and last blank look, and those between them where the light turns around by MIN_TURN or more."""
    turns, extreme = [blank[0]], blank[0]
    rising: bool | None = None
    for i in blank:
        change = means[i] - means[extreme]
        if rising is None:
            if abs(change) >= MIN_TURN:
                rising, extreme = bool(change > 0), i
        elif (change >= 0) == rising:
            extreme = i
        elif abs(change) >= MIN_TURN:
            turns.append(extreme)
            rising, extreme = not rising, i
    return [*turns, *([extreme] if rising is not None else []), blank[-1]]
