"""A csv file as tables of texts, block by block. Arrow reads a sound block; in a damaged one records are read one at a
time, and what is damaged costs its own line."""

from __future__ import annotations

import csv
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc

from curate.formats.recognise import opened

BLOCK_BYTES = 16 << 20
LONGEST_RECORD = 2 << 20
PARSED_AT_ONCE = 4 << 20
SHOWN = 80
INDEX = ("source_row", "line_problem")
_QUOTE = b'"'
_MARK = b"\xef\xbb\xbf"
"""Before a file's first byte it says that it is UTF-8; elsewhere it is a character like others."""


@dataclass(frozen=True)
class Batch:
    """`rows`: `source_row`, `line_problem` (null: the row is whole) and the file's columns as texts.

    `lines_of(source_rows)`: on which lines of the file these rows begin.
    """

    rows: pa.Table
    lines_of: Callable[[Sequence[int]], list[int]]


def as_they_are(rows: Sequence[int]) -> list[int]:
    """`lines_of` where a row's number is its line."""
    return list(rows)


@dataclass(frozen=True)
class Dialect:
    """How a csv file is written. `line_break`: the byte that ends a line."""

    columns: tuple[str, ...]
    delimiter: str
    line_break: bytes = b"\n"


def csv_batches(path: Path, dialect: Dialect) -> Iterator[Batch]:
    """Every record behind the header, in the order of the file, none left out. `source_row` counts records from 1.

    A record that does not end, or that spans lines and has not the header's number of cells, gives up its first line;
    the next line begins another one.
    """
    with opened(path) as file:
        block = _Block(file)
        block.fill()
        content = block.content.removeprefix(_MARK)
        blank = len(content) - len(content.lstrip(b"\r\n"))
        ends = _Ends(content, dialect.line_break)
        header = ends.behind(blank) or len(content)
        row, line = 1, 1 + content.count(dialect.line_break, 0, header)
        block.drop(len(block.content) - len(content) + header)
        while block.fill():
            found, used = _read(block, dialect, row, line)
            if found is not None and found.rows.num_rows:
                row += found.rows.num_rows
                yield found
            line += _count(block.content, dialect.line_break, used)
            if not block.content.endswith(dialect.line_break, 0, used):
                line += block.skip_line(dialect.line_break)
            block.drop(used)
        if block.damage:
            yield _of_records([(line, None, unreadable(block.damage))], dialect, row)


def unreadable(error: Exception | str) -> str:
    """The problem of a file that ends in the middle."""
    return f"line: the file cannot be read on from here: {str(error).splitlines()[0]}"


class _Block:
    """The part of a file that is read now, and enough behind it to see where its last record ends."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.content = b""
        self.is_last = False
        self.damage = ""

    def fill(self) -> bool:
        """Read on; False behind the end of the file."""
        wanted = BLOCK_BYTES + LONGEST_RECORD - len(self.content)
        pieces = [self.content]
        while wanted > 0 and not self.is_last:
            try:
                piece = self._file.read(wanted)
            except (EOFError, zlib.error, OSError) as error:
                piece, self.damage = b"", str(error)
            self.is_last = not piece
            pieces.append(piece)
            wanted -= len(piece)
        self.content = b"".join(pieces)
        if self.damage:  # the last line is cut short
            self.content = self.content[: self.content.rfind(b"\n") + 1]
        return bool(self.content)

    def skip_line(self, line_break: bytes) -> int:
        """Leave the rest of a line out that is longer than a block; returns how many line breaks that were."""
        while not self.is_last:
            piece = self._file.read(BLOCK_BYTES)
            self.is_last = not piece
            found = piece.find(line_break)
            if found >= 0:
                self.content += piece[found + 1 :]
                return 1
        return 0

    def drop(self, count: int) -> None:
        self.content = self.content[count:]


class _Ends:
    """Where the records of some bytes end: at a line break with an even number of quotes since the record began."""

    def __init__(self, content: bytes, line_break: bytes) -> None:
        found = np.frombuffer(content, np.uint8)
        self._breaks = np.flatnonzero(found == line_break[0])
        self._quotes = np.flatnonzero(found == _QUOTE[0])
        self._is_odd = np.searchsorted(self._quotes, self._breaks) % 2
        places = np.arange(len(self._breaks))
        self._next = [
            np.minimum.accumulate(np.where(self._is_odd == odd, places, len(places))[::-1])[::-1] for odd in (0, 1)
        ]

    def behind(self, begin: int) -> int | None:
        """Where the record that begins here ends; None where no line break does."""
        at = int(np.searchsorted(self._breaks, begin))
        if at == len(self._breaks):
            return None
        at = int(self._next[int(np.searchsorted(self._quotes, begin)) % 2][at])
        return int(self._breaks[at]) + 1 if at < len(self._breaks) else None

    def is_closed(self, begin: int) -> bool:
        """Whether all quotes from here on are closed."""
        return (len(self._quotes) - int(np.searchsorted(self._quotes, begin))) % 2 == 0

    def line(self, begin: int) -> int | None:
        """Where the line that begins here ends."""
        at = int(np.searchsorted(self._breaks, begin))
        return int(self._breaks[at]) + 1 if at < len(self._breaks) else None

    def lines_of_records(self, content: bytes) -> np.ndarray:
        """On which line, from 0, each record begins; empty lines are none."""
        ends = np.flatnonzero(self._is_odd == 0)
        begins = np.r_[0, self._breaks[ends] + 1]
        lines = np.r_[0, ends + 1]
        sizes = np.diff(np.r_[begins, len(content)])
        short = np.flatnonzero(sizes <= 2)
        blank = [i for i in short.tolist() if not content[begins[i] : begins[i] + sizes[i]].strip(b"\r\n")]
        return np.delete(lines, blank)


def _read(block: _Block, dialect: Dialect, row: int, line: int) -> tuple[Batch | None, int]:
    """The records that begin in the block, and how many bytes they take."""
    used = _whole(block, dialect.line_break)
    if used and not block.content.startswith(_MARK):  # Arrow would leave it out
        try:
            return _quick(block.content, used, dialect, row, line), used
        except pa.ArrowInvalid:
            pass
    records, used = _one_by_one(block, dialect, line)
    return _of_records(records, dialect, row), used


def _whole(block: _Block, line_break: bytes) -> int:
    """Up to where the block holds whole records, if every quote is one that opens or closes a cell; 0: nowhere."""
    content = block.content
    if block.is_last and len(content) <= BLOCK_BYTES:
        return len(content) if _count(content, _QUOTE, len(content)) % 2 == 0 else 0
    is_odd, at = _count(content, _QUOTE, BLOCK_BYTES) % 2, BLOCK_BYTES
    while (found := content.rfind(line_break, 0, at)) >= 0:
        is_odd ^= content.count(_QUOTE, found + 1, at) % 2
        if not is_odd:
            return found + 1
        at = found
    return 0


def _count(content: bytes, byte: bytes, end: int) -> int:
    """How often a byte stands before `end`; for bytes that are frequent this takes half the time of bytes.count."""
    return int(np.count_nonzero(np.frombuffer(content, np.uint8, end) == byte[0]))


def _quick(block: bytes, used: int, dialect: Dialect, row: int, line: int) -> Batch:
    """Arrow's reader. Raises ArrowInvalid where a row has not the header's number of cells, or is no UTF-8."""
    table = pc.read_csv(
        pa.BufferReader(pa.py_buffer(block).slice(0, used)),
        read_options=pc.ReadOptions(block_size=PARSED_AT_ONCE, column_names=list(dialect.columns), use_threads=False),
        parse_options=pc.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=True, ignore_empty_lines=True),
        convert_options=pc.ConvertOptions(
            column_types=dict.fromkeys(dialect.columns, pa.string()), strings_can_be_null=False
        ),
    )

    def lines_of(rows: Sequence[int]) -> list[int]:
        content = block[:used]
        lines = _Ends(content, dialect.line_break).lines_of_records(content)
        if len(lines) != table.num_rows:  # quotes within cells: only reading them one by one tells
            whole = _Block(io.BytesIO(content))
            whole.fill()
            lines = np.array([record[0] for record in _one_by_one(whole, dialect, 0)[0]])
        return [line + int(lines[number - row]) for number in rows]

    return Batch(numbered(table, row), lines_of)


def numbered(rows: pa.Table, first: int) -> pa.Table:
    """With `source_row` counted from `first`, and no problem."""
    numbers = pa.array(np.arange(first, first + rows.num_rows))
    return rows.append_column("source_row", numbers).append_column("line_problem", pa.nulls(rows.num_rows, pa.string()))


_Read = tuple[int, list[str] | None, str | None]


def _one_by_one(block: _Block, dialect: Dialect, line: int) -> tuple[list[_Read], int]:
    """(line, cells, problem) of the records that begin in the block, and where the next one begins."""
    content, at = block.content, 0
    limit = len(content) if block.is_last else min(len(content), BLOCK_BYTES)
    ends = _Ends(content, dialect.line_break)
    found = list[_Read]()
    while at < limit:
        end, cells, problem = _record(content, at, ends, dialect, is_last=block.is_last)
        if content[at:end].strip(b"\r\n"):
            found.append((line, cells, problem))
        line += content.count(dialect.line_break, at, end)
        at = end
    return found, at


def _record(
    content: bytes, at: int, ends: _Ends, dialect: Dialect, *, is_last: bool
) -> tuple[int, list[str] | None, str | None]:
    """(where it ends, cells, problem) of the record that begins at `at`."""
    first = ends.line(at) or len(content)
    end = ends.behind(at)
    if end is None and is_last and ends.is_closed(at):
        end = len(content)
    if end is None or end > first:  # a quote may stand in the middle of a cell: then the line may be whole as it is
        alone = _cells(content[at:first], dialect, strict=True)
        if alone is not None and len(alone) == len(dialect.columns):
            return first, *_checked(content[at:first], alone, dialect)
    if end is None or end - at > LONGEST_RECORD:
        return first, None, f"line: a quote that is not closed: {_shown(content[at:first])}"
    cells = _cells(content[at:end], dialect)
    if cells is None or (end > first and len(cells) != len(dialect.columns)):
        return first, None, f"line: a quote that is not closed: {_shown(content[at:first])}"
    return end, *_checked(content[at:end], cells, dialect)


def _checked(raw: bytes, cells: list[str], dialect: Dialect) -> tuple[list[str] | None, str | None]:
    if len(cells) != len(dialect.columns):
        return None, f"line: {len(cells)} columns, the header has {len(dialect.columns)}"
    try:
        raw.decode()
    except UnicodeDecodeError:
        return None, f"line: not UTF-8: {_shown(raw)}"
    return cells, None


def _shown(raw: bytes) -> str:
    return repr(raw[:SHOWN].decode("utf-8", "surrogateescape"))


def _cells(raw: bytes, dialect: Dialect, *, strict: bool = False) -> list[str] | None:
    """The cells of one record; None where it is none, or more than one."""
    csv.field_size_limit(LONGEST_RECORD)
    text = io.StringIO(raw.decode("utf-8", "surrogateescape"), newline="")
    try:
        rows = list(csv.reader(text, delimiter=dialect.delimiter, strict=strict))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def _of_records(records: Sequence[_Read], dialect: Dialect, row: int) -> Batch:
    lines = [line for line, _, _ in records]
    nothing: list[str | None] = [None] * len(dialect.columns)
    cells = zip(*(cells or nothing for _, cells, _ in records), strict=True)
    problems = pa.array([problem for _, _, problem in records], pa.string())
    arrays = [pa.array(values, pa.string()) for values in cells] or [pa.array([], pa.string())] * len(nothing)
    numbers = pa.array(np.arange(row, row + len(records)))
    table = pa.table([numbers, problems, *arrays], names=[*INDEX, *dialect.columns])
    return Batch(table, lambda rows: [lines[number - row] for number in rows])
