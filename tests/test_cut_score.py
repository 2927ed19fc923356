"""How transitions are counted, by hand. Times in seconds; a pair is a gradual transition."""

from __future__ import annotations

import math

import pytest

from bench.cut_score import Counts, Transition, count


def at(*times: float | tuple[float, float]) -> list[Transition]:
    pairs = [time if isinstance(time, tuple) else (time, time) for time in times]
    return [Transition(round(start * 1e6), round(end * 1e6)) for start, end in pairs]


def test_a_hard_cut_is_found_up_to_a_tenth_of_a_second_away() -> None:
    assert count(at(5), at(5.1)).hard_found == 1
    assert count(at(5), at(4.9)).hard_found == 1
    beyond = count(at(5), at(5.101))
    assert (beyond.hard_found, beyond.hard_missed, beyond.false) == (0, 1, 1)


def test_a_prediction_finds_one_hard_cut_only() -> None:
    counts = count(at(5, 5.1), at(5.06))
    assert (counts.hard_found, counts.hard_missed, counts.false) == (1, 1, 0)
    assert counts.missed == (" 5.000",)  # 5.06 lies nearer to 5.1


def test_a_hard_cut_uses_up_one_prediction_only() -> None:
    counts = count(at(5), at(4.95, 5.02))
    assert (counts.hard_found, counts.false, counts.wrong) == (1, 1, (" 4.950",))


def test_a_gradual_prediction_finds_a_hard_cut_by_its_start_or_its_end() -> None:
    assert count(at(5), at((4.3, 4.95))).hard_found == 1
    assert count(at(5), at((5.05, 5.7))).hard_found == 1
    assert count(at(5), at((4.5, 5.5))).hard_found == 0  # both edges lie half a second away


def test_a_gradual_transition_is_found_within_a_quarter_of_a_second_of_its_span() -> None:
    assert count(at((5, 6)), at(4.75)).gradual_found == 1
    assert count(at((5, 6)), at(6.25)).gradual_found == 1
    beyond = count(at((5, 6)), at(6.26))
    assert (beyond.gradual_found, beyond.gradual_missed, beyond.false) == (0, 1, 1)


def test_all_predictions_that_touch_a_gradual_transition_are_used_up() -> None:
    counts = count(at((5, 6)), at((4.9, 5.3), 5.5, (5.7, 6.1)))
    assert (counts.gradual_found, counts.false) == (1, 0)


def test_hard_cuts_take_their_predictions_first() -> None:
    counts = count(at(5, (5.1, 6)), at(5))
    assert (counts.hard_found, counts.gradual_found, counts.gradual_missed) == (1, 0, 1)


def test_ratios_are_derived_from_counts_that_add_up() -> None:
    one = count(at(1, 2, (5, 6)), at(1, 3, 5.5), "a")  # 2 s is missed, 3 s is false
    two = count(at(1), at(1, 7), "b")
    total = one + two
    assert (total.hard_found, total.hard_missed, total.gradual_found, total.false) == (2, 1, 1, 2)
    assert total.missed == ("a 2.000",)
    assert total.wrong == ("a 3.000", "b 7.000")
    assert total.hard_f1 == pytest.approx(2 * 2 / (2 * 2 + 2 + 1))
    assert total.gradual_recall == 1
    assert total.precision == pytest.approx(3 / 5)
    assert total.recall == pytest.approx(3 / 4)
    assert total.f1 == pytest.approx(2 * (3 / 5) * (3 / 4) / (3 / 5 + 3 / 4))


def test_a_ratio_of_nothing_is_not_a_number() -> None:
    assert math.isnan(Counts().hard_f1)
    assert math.isnan(Counts().gradual_recall)
