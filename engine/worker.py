"""The life of a worker process: build the work once, then answer tasks until the pipe closes."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

from engine.work import Beat, Slot, Work

BEAT_SECONDS = 1.0


@dataclass(frozen=True)
class Bug:
    """What a worker says when it met something that its stage does not know."""

    traceback: str


def serve(
    pipe: Connection,
    lifeline: Connection,
    make_work: Callable[[Slot], Work],
    slot: Slot,
    memory_bytes: int | None,
) -> None:
    """The life of a worker: build once, then answer tasks until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_die_with_parent, args=(lifeline,), daemon=True).start()
    _limit_memory(memory_bytes)
    beat = _beater(pipe)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            work = make_work(slot)
            pipe.send("ready")
            while True:
                for outcome in work(pipe.recv(), beat):
                    pipe.send(outcome)
                pipe.send("done")
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise
        except MemoryError:
            pipe.send("out_of_memory")
        except BaseException:  # noqa: BLE001  (the outermost door of the worker: the parent raises it again)
            pipe.send(Bug(traceback.format_exc()))


def _beater(pipe: Connection) -> Beat:
    """A function that tells the parent, at most once a second, that the worker is alive and getting on."""
    told_at = 0.0

    def beat() -> None:
        nonlocal told_at
        now = time.monotonic()
        if now - told_at >= BEAT_SECONDS:
            told_at = now
            pipe.send("beat")

    return beat


def _die_with_parent(lifeline: Connection) -> None:
    """Wait for the parent's end of the line to close, which it does even when the parent is killed."""
    with contextlib.suppress(EOFError, OSError):
        lifeline.recv()
    os._exit(1)


def _limit_memory(memory_bytes: int | None) -> None:
    if memory_bytes is None or not sys.platform.startswith("linux"):
        return
    import resource  # noqa: PLC0415  (Linux only)

    _soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
