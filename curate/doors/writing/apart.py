"""Items made here are used in a process of its own, so that both are work at once."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

TOGETHER = 200  # items that are sent at a time


def used_apart(use: Callable[[Iterator[T]], R], items: Iterator[T]) -> R:
    """What `use(items)` gives, called in another process. `use`, items and result are pickled.

    Raises what `use` or the making of an item raises; RuntimeError where the process was killed.
    """
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_use, args=(there, use), name="longtake-write", daemon=True)
    process.start()
    there.close()
    try:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it ended early: it has said why
            while some := list(islice(items, TOGETHER)):
                here.send(some)
            here.send(None)
        try:
            ended, result = here.recv()
        except (EOFError, ConnectionResetError) as error:
            process.join()
            raise RuntimeError(f"the process that writes was killed (exit code {process.exitcode})") from error
        if not ended:
            raise result
        return result
    finally:
        here.close()
        process.terminate()
        process.join()


def _use(pipe: Connection, use: Callable[[Iterator[Any]], Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that makes the items ends this one
    try:
        said = (True, use(_received(pipe)))
    except EOFError:  # there is nobody left to tell
        return
    except Exception as error:  # noqa: BLE001  (the outermost door of the process: the other one raises it again)
        said = (False, error)
    with contextlib.suppress(BrokenPipeError):
        pipe.send(said)


def _received(pipe: Connection) -> Iterator[Any]:
    while (some := pipe.recv()) is not None:
        yield from some
