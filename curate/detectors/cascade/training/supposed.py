"""What the judge learns from: transitions that the network supposes in made videos, with evidence and the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from curate.detectors.cascade.decide import HARD, Found, decide
from curate.detectors.cascade.detector import SUPPOSED
from curate.detectors.cascade.evidence import Evidence
from curate.detectors.cascade.look import Look
from curate.detectors.cascade.network import Network, Numbers
from curate.detectors.cascade.signs import CHAINS, LAGS
from curate.detectors.cascade.training.draws import one_of
from curate.detectors.cascade.training.examples import Example
from curate.detectors.cascade.training.labels import LOST_AREA, LOST_SHARE, RESIDUAL, Edge, Whole

DOUBTFUL = -1
NUM_TRAPS = 30  # a video
LONG_SHARE = 0.6  # of the traps
TRAP_LOOKS = (2, 3, 4, 5, 6, 8, 10, 14, 20)
CANDIDATES = (1, 4, 12, 30)  # of so many places the one where most changes is taken: some traps are harder than others
SAME_S = 0.02
NEAR_S = 0.1
FAR = 3 + 9 + 4 * len(CHAINS) + 8 * (len(LAGS) - 1)  # the column where the signs over the longest lag begin
FAR_LOST, FAR_HUES = FAR + 1, FAR + 5


@dataclass(frozen=True, eq=False)
class Cases:
    """evidence: float32 [K, E]; is_true: int64 [K], 1, 0, or DOUBTFUL where nobody can tell."""

    evidence: Numbers
    is_true: Whole


def cases_of(network: Network, example: Example, looks: Sequence[Look], random: np.random.Generator) -> Cases:
    """Those that the network supposes, and traps: places where much changes and no transition is."""
    means, stds = np.array([look.mean for look in looks]), np.array([look.std for look in looks])
    found = decide(network.probabilities(example.signs), means, stds, SUPPOSED)
    found += traps(example, random)
    evidence, truth = Evidence(), [_truth(one, example) for one in found]
    seen = [evidence.of(looks, one.first, one.last) for one in found]
    return Cases(np.array(seen, np.float32).reshape(len(found), -1), np.array(truth, np.int64))


def traps(example: Example, random: np.random.Generator) -> list[Found]:
    """Up to NUM_TRAPS spans that touch no transition; a network that is right too often shows its judge too few."""
    signs, count = example.signs, len(example.signs)
    at_once = signs[:, RESIDUAL] + signs[:, LOST_SHARE] + 2 * signs[:, LOST_AREA]
    slowly = signs[:, FAR_LOST] + signs[:, FAR_HUES]
    found = list[Found]()
    for _ in range(NUM_TRAPS if count > 3 else 0):
        length = one_of(random, TRAP_LOOKS) if random.random() < LONG_SHARE else 0
        places = random.integers(1, count - 1, one_of(random, CANDIDATES))
        change = slowly[np.minimum(places + length, count - 1)] if length else at_once[places]
        first = int(places[change.argmax()])
        last = min(count - 2, first + length)
        trap = Found(first, last, "dissolve" if length else "hard", 0.0)
        if (last > first) == bool(length) and _touched(trap, example.edges, example.times_s) == 0:
            found.append(trap)
    return found


def _truth(found: Found, example: Example) -> int:
    truth = _touched(found, example.edges, example.times_s)
    unseen = found.first == found.last and example.kinds[found.first] == HARD and example.weights[found.first] == 0
    return DOUBTFUL if truth == 1 and unseen else truth


def _touched(found: Found, edges: list[Edge], times_s: Numbers) -> int:
    """1: it touches a true transition; DOUBTFUL: only one that is doubtful; 0: none."""
    start_s, end_s = float(times_s[max(0, found.first - 1)]), float(times_s[found.last])
    touched = 0
    for edge in edges:
        if edge.kind == "hard":
            near = 1e-6 if found.first == found.last else SAME_S
        else:
            near = NEAR_S
        if start_s - near <= edge.end_s and edge.start_s <= end_s + near:
            if edge.kind is not None:
                return 1
            touched = DOUBTFUL
    return touched
