"""How a run is getting on: a bar with rate, time left and rejects on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol, TextIO

LINE_SECONDS = 10.0


@dataclass
class Tally:
    """Counts of a run that began at `began_at`: rows finished, and rows turned away by reason.

    `note`: what came last, for a person to look at; one line that is safe on a terminal.
    """

    stage: str
    total: int
    done: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    note: str = ""

    @property
    def handled(self) -> int:
        return self.done + self.rejected.total()

    def reasons(self) -> str:
        """`no_frames 2, timeout 1`, the most frequent first; empty when nothing was turned away."""
        ordered = sorted(self.rejected.items(), key=lambda item: (-item[1], item[0]))
        return ", ".join(f"{reason} {count}" for reason, count in ordered)

    def line(self) -> str:
        """One sentence for a log."""
        rate = self.handled / self.seconds if self.seconds else 0.0
        left_s = (self.total - self.handled) / rate if rate else 0.0
        parts = [f"{self.stage}: {self.handled}/{self.total}", f"{rate:.1f}/s"]
        if self.handled < self.total:
            parts.append(f"about {_duration(left_s)} left")
        if self.rejected:
            parts.append(f"turned away: {self.reasons()}")
        return " · ".join(parts)


class Progress(Protocol):
    """Is told the tally after every row."""

    def __call__(self, tally: Tally) -> None: ...


@contextmanager
def progress(stage: str, total: int, stream: TextIO | None = None) -> Iterator[Progress]:
    """A progress display on standard error, of the kind that fits it."""
    out = stream or sys.stderr
    if total == 0:
        yield lambda tally: None
    elif out.isatty():
        with _bar(stage, total) as show:
            yield show
    else:
        yield _lines(out)


@contextmanager
def _bar(stage: str, total: int) -> Iterator[Progress]:
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar  # noqa: PLC0415

    columns = (
        TextColumn("{task.description:<8}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[rejects]}", style="yellow", markup=False),
    )
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(stage, total=total, rate="", rejects="")

        noted_at = 0.0

        def show(tally: Tally) -> None:
            nonlocal noted_at
            if tally.note and time.monotonic() - noted_at >= LINE_SECONDS:
                noted_at = time.monotonic()
                bar.console.print(tally.note, markup=False, highlight=False)
            rate = f"{tally.handled / tally.seconds:.1f}/s" if tally.seconds else ""
            bar.update(task, completed=tally.handled, rate=rate, rejects=tally.reasons())

        yield show


def _lines(stream: TextIO) -> Progress:
    """A line every ten seconds and one at the end, each with the note, whose first one comes at once."""
    told_at, noted = time.monotonic(), False

    def show(tally: Tally) -> None:
        nonlocal told_at, noted
        first_note = bool(tally.note) and not noted
        if first_note or tally.handled == tally.total or time.monotonic() - told_at >= LINE_SECONDS:
            told_at, noted = time.monotonic(), noted or bool(tally.note)
            print(tally.line(), file=stream, flush=True)
            if tally.note:
                print(f"  {tally.note}", file=stream, flush=True)

    return show


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"
