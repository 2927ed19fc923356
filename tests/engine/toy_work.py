"""Works for the pool's tests; they stand in a module of their own because workers import them by name."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.work import Beat, Outcome, Row, Slot, Work


def doubling(slot: Slot) -> Work:
    """Each row's number, doubled; `do` makes a row misbehave on the way."""
    return _double


def _double(rows: Sequence[Row], beat: Beat) -> Iterator[Outcome]:
    for row in rows:
        _misbehave(row, beat)
        yield Outcome(row["key"], {"doubled": [{"key": row["key"], "twice": 2 * row["number"]}]})


def _misbehave(row: Row, beat: Beat) -> None:
    match row.get("do"):
        case "die":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "die once":
            mark = Path(row["mark"])
            if not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            time.sleep(600)
        case "take long":
            for _ in range(row["beats"]):
                time.sleep(0.3)
                beat()
        case "eat memory":
            bytearray(row["bytes"])
        case "be a bug":
            raise KeyError("a column that no stage knows")


def naming_its_slot(slot: Slot) -> Work:
    """Says in which worker a row was done."""

    def work(rows: Sequence[Row], beat: Beat) -> Iterator[Outcome]:
        for row in rows:
            yield Outcome(row["key"], {"slots": [{"index": slot.index, "threads": slot.threads, "pid": os.getpid()}]})

    return work


def refusing_to_start(slot: Slot) -> Work:
    raise RuntimeError("no weights")
