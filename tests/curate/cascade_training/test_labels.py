"""What looks are called, and how much each counts."""

from __future__ import annotations

import numpy as np

from curate.detectors.cascade.network import KINDS, Numbers
from curate.detectors.cascade.signs import NUM_SIGNS
from curate.detectors.cascade.training.labels import LOST_AREA, RESIDUAL, Edge, labels

TIMES = np.arange(30) / 10  # a look every 0.1 s


def named(edges: list[Edge], flashes: list[tuple[float, float]] | None = None, change: float = 1.0):
    """{look: kind} where something happens, and all weights; every look shows `change`."""
    signs = np.zeros((len(TIMES), NUM_SIGNS), np.float32)
    signs[:, [RESIDUAL, LOST_AREA]] = change
    kinds, weights = labels(edges, flashes or [], TIMES, signs)
    return {int(at): KINDS[kinds[at]] for at in np.flatnonzero(kinds)}, weights


def weighing_less(weights: Numbers) -> dict[int, float]:
    return {int(at): round(float(weights[at]), 3) for at in np.flatnonzero(weights < 1)}


def test_a_hard_cut_is_the_first_look_at_the_new_shot():
    kinds, weights = named([Edge(1.0, 1.0, "hard"), Edge(2.03, 2.03, "hard")])
    assert kinds == {10: "hard", 21: "hard"}
    assert weighing_less(weights) == {}


def test_a_hard_cut_before_the_first_look_or_behind_the_last_is_not_labelled():
    assert named([Edge(0.0, 0.0, "hard"), Edge(2.95, 2.95, "hard")])[0] == {}


def test_a_hard_cut_that_changes_nothing_counts_nothing():
    kinds, weights = named([Edge(1.0, 1.0, "hard")], change=0.001)
    assert kinds == {10: "hard"}
    assert weighing_less(weights) == {10: 0.0}


def test_a_jump_cut_counts_half():
    assert weighing_less(named([Edge(1.0, 1.0, "hard", is_jump=True)])[1]) == {10: 0.5}


def test_a_dissolve_is_every_look_inside_and_those_next_to_it_count_little():
    kinds, weights = named([Edge(1.0, 2.0, "dissolve")])
    # at 1.0 and 2.0 s nothing is mixed yet, or any more
    assert kinds == dict.fromkeys(range(11, 20), "dissolve")
    assert weighing_less(weights) == dict.fromkeys((9, 10, 20, 21), 0.3)


def test_a_hard_cut_inside_a_dissolve_stays_one():
    assert named([Edge(1.5, 1.5, "hard"), Edge(1.0, 2.0, "dissolve")])[0][15] == "hard"


def test_where_nobody_knows_nothing_counts():
    kinds, weights = named([Edge(1.0, 1.3, None)])
    assert kinds == {}
    assert weighing_less(weights) == dict.fromkeys(range(9, 15), 0.0)


def test_a_flash_is_the_look_that_shows_it_and_the_one_behind():
    assert named([], flashes=[(0.98, 1.03)])[0] == {10: "flash", 11: "flash"}


def test_a_flash_between_two_looks_is_nothing():
    assert named([], flashes=[(1.02, 1.06)])[0] == {}


def test_a_flash_under_a_transition_is_the_transition():
    assert named([Edge(1.0, 1.0, "hard")], flashes=[(1.0, 1.05)])[0] == {10: "hard", 11: "flash"}
