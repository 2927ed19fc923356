"""A clip dataset's file into `requests` and `captions`: streamed batch by batch through SQL, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from curate.doors.ahead import ahead
from curate.doors.csv_blocks import Batch
from curate.doors.found import Refused
from curate.doors.given_texts import captions_of
from curate.doors.new_parts import NewParts
from curate.doors.reading.texts import Text, texts_of
from curate.doors.table_files import TableFile, rows_sql
from curate.doors.table_sql import asked_sql
from curate.formats.asked import GIVEN
from curate.formats.format import MACROS, Format, quoted_name
from curate.formats.given import given_of

REQUEST_COLUMNS = (
    "request_id", "dataset", "source_row", "url", "video_key", "span_start_us", "span_end_us", "hdvg_start_frame",
    "hdvg_end_frame", "own_key",
)  # fmt: skip


@dataclass(frozen=True)
class _Plan:
    """How a file is understood. `kept`: its columns that go to `given`. `passed`: texts and these columns come through
    SQL, since it makes other rows of the file's rows; else they are taken as they were read."""

    sql: str
    texts: tuple[Text, ...]
    kept: tuple[str, ...]
    passed: bool


def import_table(file: TableFile, format_: Format, dataset: str, parts: NewParts, refused: Refused) -> int:
    """Stream a file into new parts; returns the number of its rows that became requests.

    One thread reads and understands a batch while this one writes the batch before: both are work outside Python.
    """
    with _connection() as connection:
        found = ahead(_asked(connection.cursor(), file, format_, dataset))
        return sum(_add(connection, asked, parts, refused) for asked in found)


def _plan(file: TableFile, format_: Format, dataset: str) -> _Plan:
    texts = texts_of(format_.name, frozenset(column.lower() for column in file.columns))
    in_captions = {text.column for text in texts}
    kept = tuple(column for column in file.columns if column.lower() not in in_captions)
    passed = (
        format_.explode is not None
        or not file.is_text
        or any(text.sql not in (text.column, quoted_name(text.column)) for text in texts)
    )
    sql = asked_sql(format_, f"({rows_sql(file)})", dataset, kept, texts, passed=passed)
    return _Plan(sql, texts, kept, passed)


@dataclass(frozen=True)
class _Asked:
    """A batch, how it was understood, what `asked_sql` makes of it, and the columns in which its texts and its `given`
    stand, row by row."""

    plan: _Plan
    batch: Batch
    rows: pa.Table
    texts: list[pa.ChunkedArray]
    kept: list[pa.ChunkedArray]


def _asked(connection: duckdb.DuckDBPyConnection, file: TableFile, format_: Format, dataset: str) -> Iterator[_Asked]:
    """`connection`: a cursor of this iterator's own, since it may be used on another thread."""
    plan = _plan(file, format_, dataset)
    with connection:
        for batch in file.batches():
            connection.register("batch", batch.rows)
            file, known = file.with_names_of(connection), file
            if file is not known:
                plan = _plan(file, format_, dataset)
            rows = connection.sql(plan.sql).to_arrow_table()
            if plan.passed:
                texts = [rows[f"text_{n}"] for n in range(len(plan.texts))]
                kept = [rows[f"{GIVEN}{n}"] for n in range(len(plan.kept))]
            else:
                if not rows["source_row"].equals(batch.rows["source_row"]):
                    raise AssertionError(f"{file.path}: SQL gave rows in another order than they were read")
                named = {name.lower(): batch.rows[name] for name in file.columns}
                texts, kept = [named[text.column] for text in plan.texts], [batch.rows[name] for name in plan.kept]
            yield _Asked(plan, batch, rows, texts, kept)


def _connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"memory_limit": "700MB"})
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set preserve_insertion_order = true")
    connection.execute(MACROS)
    return connection


def _add(connection: duckdb.DuckDBPyConnection, asked: _Asked, parts: NewParts, refused: Refused) -> int:
    plan, rows = asked.plan, asked.rows
    given = given_of(plan.kept, asked.kept, rows.num_rows)
    usable = rows["problem"].is_null()
    for captions in captions_of(connection, rows, asked.texts, plan.texts):
        parts.add("captions", captions, is_sound=True)
    requests = rows.select(REQUEST_COLUMNS).append_column("given", given)
    requests = requests if rows["problem"].null_count == rows.num_rows else requests.filter(usable)
    broken = parts.add("requests", requests)
    if broken or requests.num_rows < rows.num_rows:
        _refuse(asked.batch, rows, {row["key"]: row for row in broken}, refused)
    return requests.num_rows - len(broken)


def _refuse(batch: Batch, asked: pa.Table, broken: dict[str, dict[str, str]], refused: Refused) -> None:
    """Turn the rows away that have a problem, or broke a rule of `requests`."""
    rows = asked.select(["source_row", "problem", "video_key", "request_id"])
    if not broken:
        rows = rows.filter(rows["problem"].is_valid())
    found = [row for row in rows.to_pylist() if row["problem"] is not None or row["request_id"] in broken]
    for row, line in zip(found, batch.lines_of([row["source_row"] for row in found]), strict=True):
        rule = broken.get(row["request_id"])
        named = _named(row["problem"]) if rule is None or row["problem"] else (rule["reason"], rule["detail"])
        refused.add(line, *named, row["video_key"])


def _named(problem: str) -> tuple[str, str]:
    """`bad_<column>` and the detail of a problem "column: what"."""
    column, _, _ = problem.partition(": ")
    return f"bad_{column.replace(' ', '_')}", f"column {problem}" if column != "line" else problem
