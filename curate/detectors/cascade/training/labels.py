"""What a network should say at every look of a made video, and how much a wrong answer counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.detectors.cascade.network import KINDS, Numbers

RESIDUAL, LOST_SHARE, LOST_AREA = 3, 4, 5  # columns of the signs: what following the motion leaves unexplained
UNSEEN_RESIDUAL, UNSEEN_LOST = 0.12, 0.01  # a cut that changes less cannot be seen
JUMP_WEIGHT = 0.5
RIM_SHARE = 0.05  # of a gradual transition, at each end, in which hardly anything has happened yet
NEAR_S, NEAR_WEIGHT = 0.12, 0.3  # around a gradual transition a network may begin early and end late
DOUBT_S = 0.1

Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Edge:
    """A transition in seconds; a hard cut has no length. `kind` is None where nobody knows whether it can be seen."""

    start_s: float
    end_s: float
    kind: str | None
    is_jump: bool = False


def labels(
    edges: list[Edge], flashes: list[tuple[float, float]], times_s: Numbers, signs: Numbers
) -> tuple[Whole, Numbers]:
    """int64 [N], numbers of KINDS, and float32 [N], weights, for looks at times_s with signs, float32 [N, S].

    Flashes, (start, end) in seconds, count where a look shows them and there is no transition.
    """
    kinds, weights = np.zeros(len(times_s), np.int64), np.ones(len(times_s), np.float32)
    for edge in edges:
        if edge.kind == "hard":
            _label_hard(edge, times_s, signs, kinds, weights)
        else:
            _label_gradual(edge, times_s, kinds, weights)
    for start, end in flashes:
        shown = (start <= times_s) & (times_s < end)
        after = np.concatenate([[False], shown[:-1]])  # the picture is as it was: that, too, is the flash
        kinds[(shown | after) & (kinds == 0)] = KINDS.index("flash")
    return kinds, weights


def look_after(start_s: float, times_s: Numbers) -> int | None:
    """The first look that shows the new shot of a hard cut; None where no look lies on one of its sides."""
    number = int(np.searchsorted(times_s, start_s - 1e-9))
    return number if 0 < number < len(times_s) else None


def _label_hard(edge: Edge, times_s: Numbers, signs: Numbers, kinds: Whole, weights: Numbers) -> None:
    at = look_after(edge.start_s, times_s)
    if at is None:
        return
    kinds[at] = KINDS.index("hard")
    if signs[at, RESIDUAL] < UNSEEN_RESIDUAL and signs[at, LOST_AREA] < UNSEEN_LOST:
        weights[at] = 0
    elif edge.is_jump:
        weights[at] = JUMP_WEIGHT


def _label_gradual(edge: Edge, times_s: Numbers, kinds: Whole, weights: Numbers) -> None:
    if edge.kind is None:
        doubtful = (times_s >= edge.start_s - DOUBT_S) & (times_s <= edge.end_s + DOUBT_S)
        weights[doubtful & (kinds == 0)] = 0
        return
    rim = RIM_SHARE * (edge.end_s - edge.start_s)
    inside = (times_s >= edge.start_s + rim) & (times_s <= edge.end_s - rim)
    kinds[inside & (kinds != KINDS.index("hard"))] = KINDS.index(edge.kind)
    near = (times_s > edge.start_s - NEAR_S) & (times_s < edge.end_s + NEAR_S) & ~inside
    weights[near & (kinds == 0)] = NEAR_WEIGHT
