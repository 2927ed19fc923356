"""Ctrl-C ends what runs, even where the exception was lost."""

from __future__ import annotations

import os
import signal
import threading
import time

import duckdb
import pytest

from engine.interrupt import held_interrupts, noted_interrupts, stop_if_interrupted, was_interrupted
from engine.query import interruptible

ENDLESS = "select count(*) from range(1000000000) a, range(1000000000) b where (a.range * b.range) % 7 = 3"


def press_after(seconds: float) -> threading.Timer:
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    return timer


class Swallows:
    """Python prints what is raised in a finalizer and goes on."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_a_finalizer_swallowed_is_still_noted():
    with noted_interrupts():
        doomed = Swallows()
        del doomed
        assert was_interrupted()
        with pytest.raises(KeyboardInterrupt):
            stop_if_interrupted()


def test_nothing_is_noted_where_nobody_pressed():
    with noted_interrupts():
        stop_if_interrupted()
        assert not was_interrupted()


def test_what_must_be_whole_is_ended_before_an_interrupt_is_raised():
    ended = []
    with noted_interrupts(), pytest.raises(KeyboardInterrupt), held_interrupts():
        os.kill(os.getpid(), signal.SIGINT)
        ended.append("written")
    assert ended == ["written"]


def test_a_second_interrupt_does_not_wait():
    with noted_interrupts(), pytest.raises(KeyboardInterrupt), held_interrupts():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("it waited")


def test_what_is_written_after_an_interrupt_is_written_to_its_end():
    with noted_interrupts():
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        with held_interrupts():
            pass  # as the last flush of a run that was interrupted


def test_the_handler_of_before_is_back_afterwards():
    before = signal.getsignal(signal.SIGINT)
    with noted_interrupts():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_a_query_without_end_ends():
    connection = duckdb.connect()
    timer = press_after(0.3)
    with noted_interrupts(), pytest.raises(KeyboardInterrupt):
        interruptible(connection, lambda: connection.execute(ENDLESS).fetchall())
    timer.join()
    assert connection.execute("select 1").fetchall() == [(1,)]


def test_what_a_query_raises_arrives():
    connection = duckdb.connect()
    with pytest.raises(duckdb.Error, match="oops"):
        interruptible(connection, lambda: connection.execute("from oops"))
