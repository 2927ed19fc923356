"""A clip dataset's file as batches of rows whose values are texts: csv, tsv, jsonl and Parquet, with their lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from curate.doors.found import BadRow
from curate.doors.record_files import Record, dumped, records_of
from curate.formats.recognise import opened
from curate.sources import SourceError

BATCH_ROWS = 20_000
BLOCK_BYTES = 8 << 20
BLOCKS_AT_ONCE = 6
LONGEST_RECORD = 1 << 20
LONGEST_LINE = 64 << 20
SHOWN = 80
_INDEX = ("source_row", "line_problem")


class Unreadable(Exception):
    """A csv file that the quick reader cannot read, or in which it met rows that it cannot split."""


@dataclass(frozen=True)
class TableFile:
    """`batches()`: tables with `source_row`, `line_problem` (null: the row is whole) and `columns`, all texts.

    `slow`: the same, from a reader that finds its way again after any damage; `source_row` is then a line.
    `rows_are_lines`: source_row is the line in the file.
    """

    path: Path
    columns: tuple[str, ...]
    batches: Callable[[], Iterator[pa.Table]]
    rows_are_lines: bool
    slow: TableFile | None = None
    is_jsonl: bool = False


def csv_file(path: Path) -> TableFile:
    """A csv or tsv file whose first line names its columns.

    Raises:
        SourceError: it is empty.
    """
    with opened(path) as file:
        head = file.read(1 << 20).decode("utf-8-sig", "replace")
    if not head.strip():
        raise SourceError(f"{path} is empty. A dataset file begins with a line that names its columns")
    line = head.splitlines()[0]
    delimiter = "\t" if line.count("\t") > line.count(",") else ","
    columns = distinct(next(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter)))
    slow = TableFile(path, columns, lambda: _slow_csv(path, columns, delimiter), rows_are_lines=True)
    return TableFile(path, columns, lambda: _quick_csv(path, columns, delimiter), rows_are_lines=False, slow=slow)


def distinct(header: Sequence[str]) -> tuple[str, ...]:
    """Column names that differ, whatever their case: a second `text` is `text_2`, one without a name `column_3`."""
    seen: dict[str, int] = dict.fromkeys(_INDEX, 1)
    names = []
    for place, given in enumerate(header, start=1):
        name = given.strip() or f"column_{place}"
        count = seen[name.lower()] = seen.get(name.lower(), 0) + 1
        names.append(name if count == 1 else f"{name}_{count}")
    return tuple(names)


def _quick_csv(path: Path, columns: tuple[str, ...], delimiter: str) -> Iterator[pa.Table]:
    """Arrow's reader. Any row that it cannot split, or that is no UTF-8, raises Unreadable."""
    row = 1
    try:
        with opened(path) as file:
            reader = pc.open_csv(
                file,
                read_options=pc.ReadOptions(
                    block_size=BLOCK_BYTES, column_names=list(columns), skip_rows_after_names=1
                ),
                parse_options=pc.ParseOptions(delimiter=delimiter, newlines_in_values=True, ignore_empty_lines=True),
                convert_options=pc.ConvertOptions(
                    column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False
                ),
            )
            while batches := list(islice(reader, BLOCKS_AT_ONCE)):
                table = pa.Table.from_batches(batches)
                yield _numbered(table, row)
                row += table.num_rows
    except pa.ArrowInvalid as error:
        raise Unreadable(str(error)) from error


def _numbered(rows: pa.Table, first: int) -> pa.Table:
    numbers = pa.array(np.arange(first, first + rows.num_rows))
    return rows.append_column("source_row", numbers).append_column("line_problem", pa.nulls(rows.num_rows, pa.string()))


def _slow_csv(path: Path, columns: tuple[str, ...], delimiter: str) -> Iterator[pa.Table]:
    """Records by quotes; one that has not the header's columns, or does not end, gives its first line up and the
    next line begins a new one."""
    rows = list[list[Any]]()
    for line, cells, problem in records_of_csv(path, delimiter):
        if line == 1:
            continue
        wrong = problem
        if wrong is None and len(cells) != len(columns):
            wrong = f"line: {len(cells)} columns, the header has {len(columns)}"
        rows.append([line, wrong, *([None] * len(columns) if wrong else cells)])
        if len(rows) == BATCH_ROWS:
            yield _table(rows, columns)
            rows = []
    if rows:
        yield _table(rows, columns)


def _table(rows: list[list[Any]], columns: Sequence[str]) -> pa.Table:
    names = [*_INDEX, *columns]
    types = [pa.int64(), *[pa.string()] * (len(names) - 1)]
    arrays = [pa.array(values, type_) for values, type_ in zip(zip(*rows, strict=True), types, strict=True)]
    return pa.table(arrays, names=names)


def records_of_csv(path: Path, delimiter: str) -> Iterator[tuple[int, list[str], str | None]]:
    """(line, cells, problem) of every record. A record that spans several lines must split into as many cells as the
    first one, or it is given up: its first line is a problem, and its next line begins a record."""
    with opened(path) as file:
        lines = _Lines(file)
        width: int | None = None
        while (first := lines.take()) is not None:
            number, text = first
            if not text.strip("\r\n"):
                continue
            taken, size, is_open = [text], len(text), text.count('"') % 2 == 1
            while is_open and size <= LONGEST_RECORD and (more := lines.take()) is not None:
                taken.append(more[1])
                size += len(more[1])
                is_open ^= more[1].count('"') % 2 == 1
            cells, problem = None if is_open else _split("".join(taken), delimiter), None
            if cells is None or (len(taken) > 1 and width is not None and len(cells) != width):
                lines.put_back(number + 1, taken[1:])
                cells, problem = [], f"line: a quote that is not closed: {text[:SHOWN]!r}"
            elif _broken(taken):
                cells, problem = [], f"line: not UTF-8: {text[:SHOWN]!r}"
            width = width if width is not None else len(cells)
            yield number, cells, problem


def _broken(texts: Sequence[str]) -> bool:
    return any("\udc80" <= c <= "\udcff" for text in texts if not text.isascii() for c in text)


def _split(text: str, delimiter: str) -> list[str] | None:
    """The cells of one record; None where it is more than one."""
    csv.field_size_limit(LONGEST_RECORD * 2)
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    return rows[0] if len(rows) == 1 else None


class _Lines:
    """Lines of a file with their numbers; some can be put back."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._next = 1
        self._back: list[tuple[int, str]] = []

    def take(self) -> tuple[int, str] | None:
        if self._back:
            return self._back.pop()
        raw = self._file.readline(LONGEST_RECORD)
        if not raw:
            return None
        text = raw.decode("utf-8", "surrogateescape")
        if self._next == 1:
            text = text.removeprefix("\ufeff")
        number = self._next
        self._next += raw.endswith(b"\n")
        return number, text

    def put_back(self, number: int, texts: Sequence[str]) -> None:
        self._back.extend(reversed([(number + place, text) for place, text in enumerate(texts)]))


def csv_records(path: Path) -> Iterator[tuple[int, Record | BadRow]]:
    """Rows of a csv file as records, with their lines."""
    file = csv_file(path).slow
    for batch in file.batches() if file else ():
        for row in batch.to_pylist():
            line, problem = row.pop("source_row"), row.pop("line_problem")
            yield line, BadRow("bad_line", problem) if problem else row


def jsonl_file(path: Path, columns: Sequence[str]) -> TableFile:
    """A file with a JSON object a line, read as one column `line`; SQL takes it apart (`columns`)."""
    return TableFile(path, distinct(columns), lambda: _lines(path), rows_are_lines=True, is_jsonl=True)


def _lines(path: Path) -> Iterator[pa.Table]:
    """Tables of source_row, line_problem and `line`."""
    with opened(path) as file:
        number, numbers, texts = 0, list[int](), list[bytes | None]()
        size = 0
        while raw := file.readline(LONGEST_LINE):
            number += 1
            if number == 1:
                raw = raw.removeprefix(b"\xef\xbb\xbf")
            if not raw.strip():
                continue
            numbers.append(number)
            texts.append(raw)
            size += len(raw)
            if size >= BLOCK_BYTES:
                yield _lines_table(numbers, texts)
                numbers, texts, size = [], [], 0
        if numbers:
            yield _lines_table(numbers, texts)


def _lines_table(numbers: list[int], texts: list[bytes | None]) -> pa.Table:
    problems: list[str | None] = [None] * len(numbers)
    try:
        lines = pa.array(texts, pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:  # some line is no UTF-8
        read = list[str | None]()
        for place, raw in enumerate(texts):
            try:
                read.append((raw or b"").decode())
            except UnicodeDecodeError as error:
                read.append(None)
                problems[place] = f"line: not UTF-8: {error.reason} at byte {error.start}"
        lines = pa.array(read, pa.string())
    return pa.table([pa.array(numbers, pa.int64()), pa.array(problems, pa.string()), lines],
                    names=[*_INDEX, "line"])  # fmt: skip


def json_array_file(path: Path, columns: Sequence[str]) -> TableFile:
    """The same for a file that is one JSON array of objects."""
    return TableFile(path, distinct(columns), lambda: _items(path), rows_are_lines=True, is_jsonl=True)


def _items(path: Path) -> Iterator[pa.Table]:
    found = records_of(path)
    while some := list(islice(found, BATCH_ROWS)):
        rows = [_as_line(line, record) for line, record in some]
        numbers, problems, lines = zip(*rows, strict=True)
        texts = [pa.array(numbers, pa.int64()), pa.array(problems, pa.string()), pa.array(lines, pa.string())]
        yield pa.table(texts, names=[*_INDEX, "line"])


def _as_line(line: int, record: Record | BadRow) -> tuple[int, str | None, str | None]:
    try:
        if isinstance(record, BadRow):
            raise record
        return line, None, dumped(record)
    except BadRow as error:
        return line, f"line: {error}", None


def parquet_file(path: Path) -> TableFile:
    """A Parquet file; SQL makes texts of its values."""
    try:
        columns = tuple(pq.read_schema(path).names)
    except (pa.ArrowInvalid, OSError) as error:
        raise SourceError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
    return TableFile(path, columns, lambda: _row_groups(path), rows_are_lines=True)


def _row_groups(path: Path) -> Iterator[pa.Table]:
    row = 1
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=BATCH_ROWS):
            yield _numbered(pa.Table.from_batches([batch]), row)
            row += batch.num_rows


def jsonl_sql(columns: Sequence[str]) -> str:
    """SQL over a table of lines: source_row, line_problem and the columns as texts."""
    shape = "{" + ", ".join(f'{json.dumps(name, ensure_ascii=False)}: "VARCHAR"' for name in columns) + "}"
    quoted_shape = "'" + shape.replace("'", "''") + "'"
    values = ", ".join(
        f"doc['{name.replace(chr(39), chr(39) * 2)}'] as \"{name.replace(chr(34), chr(34) * 2)}\"" for name in columns
    )
    return f"""
        select source_row, case when line_problem is null and doc is null
            then 'line: not a JSON object: ' || left(line, {SHOWN}) else line_problem end as line_problem, {values}
        from (select *, case when json_valid(line) and json_type(line) = 'OBJECT'
            then json_transform(line, {quoted_shape}) end as doc from batch)
    """
