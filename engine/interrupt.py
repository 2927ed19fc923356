"""Ctrl-C that cannot get lost.

Python raises KeyboardInterrupt wherever it happens to be; inside a finalizer or a callback of a weak reference, or in a
library that catches too much, the exception is printed or dropped and the run goes on as if nobody had pressed. So it
is also noted, and long loops ask. And DuckDB computes a query to its end before Python hears of a signal at all.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

import duckdb

Result = TypeVar("Result")

_pressed = False


@contextmanager
def noted_interrupts() -> Iterator[None]:
    """Inside, SIGINT raises KeyboardInterrupt as always and is noted as well. For the main thread of a command."""
    global _pressed  # noqa: PLW0603  (signals belong to the process, and so does this note)
    before = signal.signal(signal.SIGINT, _note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        _pressed = False


def was_interrupted() -> bool:
    """Whether somebody pressed Ctrl-C since `noted_interrupts` began."""
    return _pressed


def stop_if_interrupted() -> None:
    """Raises KeyboardInterrupt if somebody pressed Ctrl-C, whatever became of the first one."""
    if _pressed:
        raise KeyboardInterrupt


def interruptible(connection: duckdb.DuckDBPyConnection, ask: Callable[[], Result]) -> Result:
    """What ask() gives, computed on a thread of its own, so that Ctrl-C ends the query at once.

    Raises what ask raises; KeyboardInterrupt once the query has ended.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="query") as pool:
        answer = pool.submit(ask)
        try:
            return answer.result()
        except KeyboardInterrupt:
            connection.interrupt()
            raise  # once the thread has ended


def _note(number: int, frame: FrameType | None) -> None:
    global _pressed  # noqa: PLW0603
    _pressed = True
    raise KeyboardInterrupt
