"""Results on a terminal and for programs. Text from rows is data: it never reaches the terminal as control codes."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from engine.terminal import CELL_WIDTH, plain, print_table, printable, say, show_rows, table_for

if TYPE_CHECKING:
    import pyarrow as pa

    from curate.select import FunnelStep

__all__ = ["CELL_WIDTH", "FORMATS", "printable", "say", "show_funnel", "show_result", "show_rows"]

FORMATS = ("table", "csv", "json", "jsonl", "parquet")
TABLE_ROWS = 200


def show_result(result: pa.RecordBatchReader, form: str, output: str | None = None) -> None:
    """Write a query's result as one of FORMATS to standard output, or to the file `output`.

    A table shows the first 200 rows and says how many more there are; the other forms stream all of them.

    Raises:
        ValueError: Parquet was asked for without a file while standard output is a terminal.
    """
    if form == "parquet":
        _write_parquet(result, output)
    elif output is None:
        _WRITERS[form](result, sys.stdout)
    else:
        with Path(output).open("w", encoding="utf-8", newline="") as file:
            _WRITERS[form](result, file)


def show_funnel(steps: Sequence[FunnelStep], name: str, stream: TextIO | None = None) -> None:
    """The funnel of a selection as a table for people."""
    table = table_for(f"selection {name}")
    for title in ("condition", "turned away alone", "hours", "not measured", "clips left", "hours left"):
        table.add_column(title, justify="left" if title == "condition" else "right")
    for step in steps:
        away = ("", "", "") if step.step == 0 else _away(step)
        shown = step.condition if step.step == 0 else f"{step.condition}: {step.sql}"
        table.add_row(printable(shown), *away, f"{step.clips_left:,}", f"{step.hours_left:.3f}")
    print_table(table, stream or sys.stdout)


def _away(step: FunnelStep) -> tuple[str, str, str]:
    return f"{step.clips_turned_away_alone:,}", f"{step.hours_turned_away_alone:.3f}", f"{step.clips_unmeasured:,}"


def _rows(result: pa.RecordBatchReader) -> Iterator[tuple[Any, ...]]:
    for batch in result:
        columns = [column.to_pylist() for column in batch.columns]
        yield from zip(*columns, strict=True)


def _write_table(result: pa.RecordBatchReader, stream: TextIO) -> None:
    table, shown, more = table_for(), 0, 0
    for field in result.schema:
        table.add_column(printable(field.name), justify="right" if _is_number(field.type) else "left", overflow="fold")
    for row in _rows(result):
        if shown < TABLE_ROWS:
            table.add_row(*map(printable, row))
            shown += 1
        else:
            more += 1
    print_table(table, stream)
    if more:
        print(f"… and {more:,} more rows; --format csv or json gives all of them", file=sys.stderr)


def _write_csv(result: pa.RecordBatchReader, stream: TextIO) -> None:
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(result.schema.names)
    for row in _rows(result):
        writer.writerow(_csv_cell(value) for value in row)


def _write_json(result: pa.RecordBatchReader, stream: TextIO) -> None:
    """An array with an object a row."""
    names, before = result.schema.names, "["
    for row in _rows(result):
        stream.write(before + "\n" + _json_object(names, row))
        before = ","
    stream.write("[]\n" if before == "[" else "\n]\n")


def _write_jsonl(result: pa.RecordBatchReader, stream: TextIO) -> None:
    names = result.schema.names
    for row in _rows(result):
        stream.write(_json_object(names, row) + "\n")


def _write_parquet(result: pa.RecordBatchReader, output: str | None) -> None:
    import pyarrow.parquet as pq  # noqa: PLC0415

    if output is None and sys.stdout.isatty():
        raise ValueError("Parquet is no text: name a file with --output, or send standard output to one")
    sink = output if output is not None else io.BytesIO()
    with pq.ParquetWriter(sink, result.schema, compression="zstd") as writer:
        for batch in result:
            writer.write_batch(batch)
    if isinstance(sink, io.BytesIO):
        sys.stdout.buffer.write(sink.getvalue())


_WRITERS: dict[str, Callable[[Any, TextIO], None]] = {
    "table": _write_table,
    "csv": _write_csv,
    "json": _write_json,
    "jsonl": _write_jsonl,
}


def _json_object(names: Sequence[str], row: Sequence[Any]) -> str:
    return json.dumps(dict(zip(names, map(plain, row), strict=True)), ensure_ascii=False, allow_nan=False)


def _csv_cell(value: Any) -> Any:
    cell = plain(value)
    return json.dumps(cell, ensure_ascii=False) if isinstance(cell, list | dict) else cell


def _is_number(type_: pa.DataType) -> bool:
    from pyarrow import types  # noqa: PLC0415

    return types.is_integer(type_) or types.is_floating(type_) or types.is_decimal(type_)
