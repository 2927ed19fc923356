"""Files of nested records, one at a time with its line: jsonl, JSON arrays, Parquet. Damage costs the damaged row."""

from __future__ import annotations

import codecs
import json
import re
import zlib
from collections.abc import Iterator
from json import JSONDecodeError, JSONDecoder
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import pyarrow as pa
import pyarrow.parquet as pq

from curate.doors.found import BadRow
from curate.formats.recognise import is_array, opened

LONGEST_RECORD = 64 << 20
READ_BYTES = 1 << 20
PARQUET_ROWS = 1000
_NEXT_RECORD = re.compile(r"\}\s*,\s*(?=\{)|\}\s*,[ \t]*\r?\n\s*(?=\S)|\n(?=\s*\{)")
"""Where an item may begin: behind one that ends, or on a line of its own. What ends at the end of a line ends an item
even where the next line does not begin as one: then that is damaged as well, and is said."""
_SPACE = re.compile(r"[ \t\r\n,]*")

Record = dict[str, Any]
Found = tuple[int, Record | BadRow]


def records_of(path: Path) -> Iterator[Found]:
    """(line, record) of a file, or (line, what is wrong there). Parquet counts rows."""
    if path.suffix.lower() in (".parquet", ".pq"):
        yield from _parquet(path)
        return
    line = 0
    try:
        with opened(path) as file:
            for line, record in _array(file) if is_array(path) else _lines(file):
                yield line, record
    except (EOFError, zlib.error, OSError) as error:
        yield line + 1, BadRow("unreadable", f"the file cannot be read on from here: {error}")


def _lines(file: BinaryIO) -> Iterator[Found]:
    for number, raw in lines_in(file):
        yield number, BadRow("not_json", too_long()) if raw is None else parsed(raw.decode("utf-8", "surrogateescape"))


def lines_in(file: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """(number from 1, line) of the lines that are not empty; None for one that is longer than LONGEST_RECORD."""
    number, rest = 0, False
    while raw := file.readline(LONGEST_RECORD):
        number += not rest
        was_rest, rest = rest, not raw.endswith(b"\n") and len(raw) == LONGEST_RECORD
        if was_rest:
            continue
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        if rest:
            yield number, None
        elif raw.strip():
            yield number, raw


def too_long() -> str:
    return f"a line of more than {LONGEST_RECORD >> 20} MB"


def parsed(text: str) -> Record | BadRow:
    """One record of JSON, or what is wrong with it."""
    try:
        record = _DECODER.decode(text.strip())
    except JSONDecodeError as error:
        return BadRow("not_json", f"{error.msg} at character {error.pos}: {_near(text, error.pos)}")
    except (RecursionError, ValueError) as error:
        return BadRow("not_json", _said(error))
    return _as_record(record)


def _as_record(record: Any) -> Record | BadRow:
    if isinstance(record, dict):
        return record
    return BadRow("not_a_record", f"not a JSON object but {type(record).__name__}: {repr(record)[:80]}")


def _said(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]


def _near(text: str, at: int) -> str:
    return repr(text[max(0, at - 20) : at + 20])


def _not_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_DECODER = JSONDecoder(parse_constant=_not_json)


def _array(file: BinaryIO) -> Iterator[Found]:
    """Items of one array, however large. Behind a damaged item it goes on at the next thing that begins like one."""
    buffer = _Buffer(file)
    buffer.skip_open()
    while buffer.skip_space():
        line = buffer.line
        try:
            record, end = _DECODER.raw_decode(buffer.text, buffer.at)
        except (JSONDecodeError, RecursionError, ValueError) as error:
            cut_short = isinstance(error, JSONDecodeError) and (
                error.msg.startswith("Unterminated string") or error.pos >= len(buffer.text) - 16
            )
            if cut_short and buffer.more():
                continue
            what = error.msg if isinstance(error, JSONDecodeError) else _said(error)
            at = error.pos if isinstance(error, JSONDecodeError) else buffer.at
            yield line, BadRow("not_json", f"{what}: {_near(buffer.text, at)}")
            buffer.resume(buffer.at + 1)
            continue
        if end >= len(buffer.text) - 1 and buffer.more():  # a number may go on behind the end of what was read
            continue
        buffer.move(end)
        yield line, _as_record(record)


class _Buffer:
    """Text of a file from the present item on."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.text = ""
        self.at = 0
        self.line = 1
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")

    def more(self) -> bool:
        """Read on, twice as much each time the same item needs more; False at the end or where it is too long."""
        if len(self.text) - self.at > LONGEST_RECORD:
            return False
        block = self._file.read(max(READ_BYTES, len(self.text) - self.at))
        if not block:
            return False
        self.text = self.text[self.at :] + self._decoder.decode(block)
        self.at = 0
        return True

    def _fill(self) -> bool:
        if self.more():
            return True
        rest = self._decoder.decode(b"", final=True)
        self.text, self.at = self.text[self.at :] + rest, 0
        return bool(rest)

    def skip_open(self) -> None:
        self._fill()
        self.text = self.text.removeprefix("\ufeff")
        self.move(self.text.index("[") + 1)

    def skip_space(self) -> bool:
        """Go to the next item; False at the end of the array or of the file."""
        while True:
            match = _SPACE.match(self.text, self.at)
            self.move(match.end() if match else self.at)
            if self.at < len(self.text):
                if self.text[self.at] != "]":
                    return True
                self.move(self.at + 1)  # an array that goes on behind its end is damaged, and read on
            elif not self._fill():
                return False

    def move(self, at: int) -> None:
        self.line += self.text.count("\n", self.at, at)
        self.at = at

    def resume(self, at: int) -> None:
        """Go to the next place at which an item may begin."""
        while not (match := _NEXT_RECORD.search(self.text, at)):
            self.move(max(self.at, len(self.text) - 64))
            at = self.at
            if not self._fill():
                self.move(len(self.text))
                return
        self.move(match.end())


def _parquet(path: Path) -> Iterator[Found]:
    row = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=PARQUET_ROWS):
                for record in batch.to_pylist():
                    row += 1
                    yield row, record
    except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as error:
        yield row + 1, BadRow("unreadable", f"the file cannot be read on from here: {str(error)[:200]}")


def dumped(value: Any) -> str:
    """A value as JSON that a table can hold.

    Raises:
        BadRow: it holds half of a surrogate pair (or bytes that are no UTF-8).
    """
    if not value and isinstance(value, dict):
        return "{}"
    text = _ENCODER.encode(value)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            near = text[max(0, error.start - 20) : error.start + 20]
            raise BadRow("not_utf8", f"a text that is no UTF-8: {near!r}") from None
    return text


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"bytes": len(value)}
    return str(value)


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain)
