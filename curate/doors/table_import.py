"""A clip dataset's file into `requests` and `captions`: streamed batch by batch through SQL, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

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
from curate.formats.format import MACROS, Format

REQUEST_COLUMNS = (
    "request_id", "dataset", "source_row", "url", "video_key", "span_start_us", "span_end_us", "hdvg_start_frame",
    "hdvg_end_frame", "own_key", "given",
)  # fmt: skip


def import_table(file: TableFile, format_: Format, dataset: str, parts: NewParts, refused: Refused) -> int:
    """Stream a file into new parts; returns the number of its rows that became requests.

    One thread reads and understands a batch while this one writes the batch before: both are work outside Python.
    """
    texts = texts_of(format_.name, frozenset(column.lower() for column in file.columns))
    in_captions = {text.column for text in texts}
    kept = [column for column in file.columns if column.lower() not in in_captions]
    sql = asked_sql(format_, f"({rows_sql(file)})", dataset, kept, texts)
    with _connection() as connection:
        batches = ahead(_asked(file, sql))
        return sum(_add(connection, batch, asked, texts, parts, refused) for batch, asked in batches)


def _asked(file: TableFile, sql: str) -> Iterator[tuple[Batch, pa.Table]]:
    """The file's rows, and what `asked_sql` makes of them, batch by batch."""
    with _connection() as connection:
        for batch in file.batches():
            connection.register("batch", batch.rows)
            yield batch, connection.sql(sql).to_arrow_table()


def _connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"memory_limit": "700MB"})
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set preserve_insertion_order = true")
    connection.execute(MACROS)
    return connection


def _add(
    connection: duckdb.DuckDBPyConnection, batch: Batch, asked: pa.Table, texts: tuple[Text, ...], parts: NewParts,
    refused: Refused,
) -> int:  # fmt: skip
    usable = asked["problem"].is_null()
    requests = asked.filter(usable).select(REQUEST_COLUMNS)
    for captions in captions_of(connection, asked, texts):
        parts.add("captions", captions, is_sound=True)
    broken = parts.add("requests", requests)
    if broken or requests.num_rows < asked.num_rows:
        _refuse(batch, asked, {row["key"]: row for row in broken}, refused)
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
