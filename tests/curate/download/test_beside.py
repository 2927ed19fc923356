"""Turns beside the fetching."""

from __future__ import annotations

import threading

import pytest

from curate.download.beside import Beside


def test_a_turn_begins_once_something_is_recorded_and_the_run_goes_on():
    began, may_end = threading.Event(), threading.Event()

    def turn() -> None:
        began.set()
        may_end.wait(10)

    with Beside(turn, first_after_s=0, pause_s=0) as beside:
        beside.recorded(1)
        assert began.wait(10)
        beside.recorded(2)  # while the turn runs
        may_end.set()


def test_a_short_run_has_no_turn_beside():
    turns = list[int]()
    with Beside(lambda: turns.append(1)) as beside:
        beside.recorded(1)
    assert turns == []


def test_what_a_turn_raises_is_raised_where_the_rows_are_written():
    began = threading.Event()

    def turn() -> None:
        began.set()
        raise ValueError("of the turn")

    with pytest.raises(ValueError, match="of the turn"), Beside(turn, first_after_s=0) as beside:
        beside.recorded(1)
        assert began.wait(10)


def test_no_more_is_fetched_than_may_wait_and_then_the_turn_does_not_wait():
    went_through = threading.Event()
    with Beside(went_through.set, most_ahead=10, first_after_s=1000, pause_s=1000) as beside:
        beside.recorded(11)
        assert beside.has_room(10)
        assert not beside.has_room(11)
        assert went_through.wait(10)
        for _ in range(1000):
            if beside.has_room(21):
                break
            threading.Event().wait(0.01)
        assert beside.has_room(21)
        assert not beside.has_room(22)
