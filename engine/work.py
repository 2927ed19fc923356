"""What a stage gives to its workers and gets back from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]
Beat = Callable[[], None]
Work = Callable[[Sequence[Row], Beat], Iterator["Outcome"]]


@dataclass(frozen=True)
class Slot:
    """The place of one worker: its number, the threads it may use, and its accelerator if the stage wants one."""

    index: int
    threads: int = 1
    device: str = "cpu"


@dataclass(frozen=True)
class Reject:
    """Why an input row was turned away. `permanent`: trying the same again cannot help."""

    reason: str
    detail: str
    permanent: bool = True


@dataclass(frozen=True)
class Outcome:
    """What became of one input row: rows by table, or a reject."""

    key: str
    rows: dict[str, list[Row]] = field(default_factory=dict)
    reject: Reject | None = None
