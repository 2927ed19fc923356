"""Values as text for a terminal. Text from rows is data: it never reaches the terminal as control codes."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.table import Table

CELL_WIDTH = 200


def say(message: str) -> None:
    """A line for the person, on standard error."""
    print(message, file=sys.stderr, flush=True)


def printable(value: object, width: int = CELL_WIDTH) -> str:
    """A value as text without control characters, cut to `width` characters; null is empty."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    text = value if isinstance(value, str) else str(plain(value))
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: width + 1])
    return text if len(text) <= width else text[: width - 1] + "…"


def plain(value: Any) -> Any:
    """A value as JSON has it: times as ISO 8601, bytes as hex, NaN and infinity as null."""
    if value is None or isinstance(value, str | int | float):
        return None if isinstance(value, float) and not math.isfinite(value) else value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return str(value)


def show_rows(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A small table for people, on standard output."""
    table = table_for()
    for place, title in enumerate(titles):
        is_number = all(isinstance(row[place], int | float) for row in rows) and bool(rows)
        table.add_column(title, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else printable(cell) for cell in row))
    print_table(table, sys.stdout)


def table_for(title: str | None = None) -> Table:
    """An empty table in the house's dress."""
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    return Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)


def print_table(table: Table, stream: TextIO) -> None:
    """Print it, as wide as a terminal is, or 200 characters."""
    from rich.console import Console  # noqa: PLC0415

    width = None if stream.isatty() else 200
    Console(file=stream, markup=False, highlight=False, emoji=False, width=width).print(table)
