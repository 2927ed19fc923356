"""A clip dataset's file as batches of rows whose values are texts: csv, tsv, jsonl and Parquet, with their lines."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from curate.doors.csv_blocks import INDEX, SHOWN, Batch, Dialect, as_they_are, csv_batches, numbered, unreadable
from curate.doors.found import BadRow
from curate.doors.record_files import Record, dumped, lines_in, records_of, too_long
from curate.formats.format import quoted_name
from curate.formats.recognise import csv_header, distinct, opened
from curate.sources import SourceError
from engine.views import quoted

BATCH_ROWS = 20_000
BLOCK_BYTES = 16 << 20


@dataclass(frozen=True)
class TableFile:
    """`batches()`: rows whose values are texts, or, where there are `names`, lines of JSON with these names
    (`jsonl_sql`)."""

    path: Path
    columns: tuple[str, ...]
    batches: Callable[[], Iterator[Batch]]
    names: tuple[str, ...] | None = None

    def with_names_of(self, connection: duckdb.DuckDBPyConnection) -> TableFile:
        """The same with names that lines of the registered `batch` have besides: further down, objects may hold more.

        Rows that lack a name have null there.
        """
        if self.names is None:
            return self
        keys = connection.sql("""
            select distinct unnest(case when json_type(sound) = 'OBJECT' then json_keys(sound) end) as key
            from (select case when json_valid(line) then line end as sound from batch) order by key
        """).fetchall()
        new = [key for (key,) in keys if key not in self.names and is_sql_text(key)]
        if not new:
            return self
        names = (*self.names, *new)
        return replace(self, columns=distinct(names, INDEX), names=names)

    @property
    def is_text(self) -> bool:
        """Whether batches hold the columns themselves, as texts."""
        return self.names is None and not _is_parquet(self.path)


def csv_file(path: Path) -> TableFile:
    """A csv or tsv file whose first line names its columns.

    Raises:
        SourceError: it is empty.
    """
    header, delimiter, line_break = csv_header(path)
    columns = distinct(header, INDEX)
    dialect = Dialect(columns, delimiter, line_break)
    return TableFile(path, columns, lambda: csv_batches(path, dialect))


def csv_records(path: Path) -> Iterator[tuple[int, Record | BadRow]]:
    """Rows of a csv file as records, with their lines."""
    for batch in csv_file(path).batches():
        rows = batch.rows.to_pylist()
        for row, line in zip(rows, batch.lines_of([row["source_row"] for row in rows]), strict=True):
            del row["source_row"]
            problem = row.pop("line_problem")
            yield line, BadRow("bad_line", problem) if problem else row


def jsonl_file(path: Path, names: Sequence[str]) -> TableFile:
    """A file with a JSON object a line, read as one column `line`; SQL takes it apart (`jsonl_sql`)."""
    return TableFile(path, distinct(names, INDEX), lambda: _lines(path), names=tuple(names))


def _lines(path: Path) -> Iterator[Batch]:
    numbers, texts, size, number = list[int](), list[bytes | None](), 0, 0
    problems = dict[int, str]()
    try:
        with opened(path) as file:
            for number, raw in lines_in(file):
                if raw is None:
                    problems[len(texts)] = f"line: {too_long()}"
                numbers.append(number)
                texts.append(raw)
                size += len(raw or b"")
                if size >= BLOCK_BYTES:
                    yield _of_lines(numbers, texts, problems)
                    numbers, texts, problems, size = [], [], {}, 0
    except (EOFError, zlib.error, OSError) as error:
        problems[len(texts)] = unreadable(error)
        numbers.append(number + 1)
        texts.append(None)
    if numbers:
        yield _of_lines(numbers, texts, problems)


def _of_lines(numbers: list[int], texts: list[bytes | None], problems: dict[int, str]) -> Batch:
    try:
        lines = pa.array(texts, pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:  # some line is no UTF-8
        read = list[str | None]()
        for place, raw in enumerate(texts):
            try:
                read.append(None if raw is None else raw.decode())
            except UnicodeDecodeError as error:
                read.append(None)
                problems[place] = f"line: not UTF-8: {error.reason} at byte {error.start}"
        lines = pa.array(read, pa.string())
    wrong = pa.array([problems.get(place) for place in range(len(numbers))], pa.string())
    return Batch(pa.table([pa.array(numbers, pa.int64()), wrong, lines], names=[*INDEX, "line"]), as_they_are)


def json_array_file(path: Path, names: Sequence[str]) -> TableFile:
    """The same for a file that is one JSON array of objects."""
    return TableFile(path, distinct(names, INDEX), lambda: _items(path), names=tuple(names))


def _items(path: Path) -> Iterator[Batch]:
    found = records_of(path)
    while some := list(islice(found, BATCH_ROWS)):
        rows = [_as_line(line, record) for line, record in some]
        numbers, problems, lines = zip(*rows, strict=True)
        texts = [pa.array(numbers, pa.int64()), pa.array(problems, pa.string()), pa.array(lines, pa.string())]
        yield Batch(pa.table(texts, names=[*INDEX, "line"]), as_they_are)


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
    return TableFile(path, columns, lambda: _row_groups(path, columns))


def _row_groups(path: Path, columns: Sequence[str]) -> Iterator[Batch]:
    row = 1
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                yield Batch(numbered(pa.Table.from_batches([batch]), row), as_they_are)
                row += batch.num_rows
    except (pa.ArrowInvalid, OSError) as error:
        nothing = [pa.nulls(1, pa.string())] * len(columns)
        rows = pa.table([pa.array([row]), pa.array([unreadable(error)]), *nothing], names=[*INDEX, *columns])
        yield Batch(rows, as_they_are)


def rows_sql(file: TableFile) -> str:
    """SQL over a batch: source_row, line_problem and the file's columns as texts."""
    if file.names is not None:
        return jsonl_sql(file.names)
    if file.is_text:
        return "from batch"
    columns = ", ".join(
        f"case when typeof({quoted_name(c)}) like '%[%' or typeof({quoted_name(c)}) like 'STRUCT%' "
        f"or typeof({quoted_name(c)}) like 'MAP%' then to_json({quoted_name(c)})::varchar "
        f"else {quoted_name(c)}::varchar end as {quoted_name(c)}"
        for c in file.columns
    )
    return f"select source_row, line_problem, {columns} from batch"


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() in (".parquet", ".pq")


def jsonl_sql(names: Sequence[str]) -> str:
    """The same where rows are lines of JSON: an object is taken apart at once, but for names that differ only in case,
    which one value of SQL cannot hold. Functions of JSON see only what is JSON (`sound`): a branch of a `case` may be
    looked at whatever its condition."""
    columns = distinct(names, INDEX)
    first = {name: column for name, column in zip(names, columns, strict=True) if name == column}
    shape = json.dumps(dict.fromkeys(first, "VARCHAR"), ensure_ascii=False)
    values = ", ".join(
        (f"doc[{quoted(name)}]" if name in first else f"json_extract_string(sound, {quoted(_path_of(name))})")
        + f" as {quoted_name(column)}"
        for name, column in zip(names, columns, strict=True)
    )
    return f"""
        select source_row, case when line_problem is null and doc is null
            then 'line: not a JSON object: ' || left(line, {SHOWN}) else line_problem end as line_problem, {values}
        from (
            select *, case when json_type(sound) = 'OBJECT' then json_transform(sound, {quoted(shape)}) end as doc
            from (select *, case when json_valid(line) then line end as sound from batch)
        )
    """


def is_sql_text(name: str) -> bool:
    """Whether SQL can name a column so. Half of a surrogate pair makes its row a reject; what NUL names is left out."""
    return "\0" not in name and not any("\ud800" <= c <= "\udfff" for c in name)


def _path_of(name: str) -> str:
    return "/" + name.replace("~", "~0").replace("/", "~1")
