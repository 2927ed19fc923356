"""What the judge is shown, and what it is told about it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from curate.detectors.cascade.decide import Found
from curate.detectors.cascade.evidence import NUM_EVIDENCE
from curate.detectors.cascade.look import Look
from curate.detectors.cascade.network import KINDS, Network, Numbers
from curate.detectors.cascade.training.examples import Example, example_of
from curate.detectors.cascade.training.labels import Edge
from curate.detectors.cascade.training.made_video import MadeVideo, Part
from curate.detectors.cascade.training.pieces import Piece
from curate.detectors.cascade.training.supposed import DOUBTFUL, cases_of, traps
from curate.detectors.cascade.training.transitions import Join


@dataclass(frozen=True)
class Told(Network):
    """Supposes hard cuts at these looks, whatever it sees."""

    hard: tuple[int, ...] = ()

    def probabilities(self, signs: Numbers) -> Numbers:
        told = np.zeros((len(signs), len(KINDS)), np.float32)
        told[:, 0] = 1
        told[list(self.hard)] = np.eye(len(KINDS))[KINDS.index("hard")]
        return told


@pytest.fixture(scope="module")
def seen(pieces: list[Piece]) -> tuple[Example, list[Look]]:
    """A look every 0.1 s; the cut is at look 20."""
    parts = (Part(0.0, 2.0, pieces[0]), Part(2.0, 2.0, pieces[1]))
    return example_of(MadeVideo(parts, (Join(),), np.arange(0, 4_000_000, 100_000)))


def test_a_supposed_cut_is_true_where_one_is(seen: tuple[Example, list[Look]]):
    cases = cases_of(Told({}, hard=(10, 20, 30)), *seen, np.random.default_rng(0))
    assert cases.evidence.shape == (len(cases.is_true), NUM_EVIDENCE)
    assert cases.is_true[:3].tolist() == [0, 1, 0]
    assert len(cases.is_true) > 3
    assert not cases.is_true[3:].any(), "a trap is never true"


def test_a_supposed_cut_that_cannot_be_seen_is_doubtful(seen: tuple[Example, list[Look]]):
    example, looks = seen
    unseen = replace(example, weights=np.zeros_like(example.weights))
    assert cases_of(Told({}, hard=(20,)), unseen, looks, np.random.default_rng(0)).is_true[0] == DOUBTFUL


def test_near_a_doubtful_transition_a_supposed_one_is_doubtful(seen: tuple[Example, list[Look]]):
    example, looks = seen
    doubted = replace(example, edges=[Edge(2.0, 2.3, None)])
    assert cases_of(Told({}, hard=(10, 21)), doubted, looks, np.random.default_rng(0)).is_true[:2].tolist() == [
        0,
        DOUBTFUL,
    ]


def test_traps_touch_no_transition(seen: tuple[Example, list[Look]]):
    found = traps(seen[0], np.random.default_rng(0))
    # the cut lies between looks 19 and 20
    assert all(trap.last < 20 or trap.first > 20 for trap in found)
    assert {trap.kind for trap in found} == {"hard", "dissolve"}
    assert all((trap.kind == "hard") == (trap.first == trap.last) for trap in found)


def test_of_a_video_of_three_looks_there_are_no_traps(seen: tuple[Example, list[Look]]):
    example = seen[0]
    few = replace(example, signs=example.signs[:3], times_s=example.times_s[:3], edges=[])
    assert traps(few, np.random.default_rng(0)) == list[Found]()
