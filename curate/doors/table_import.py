"""A clip dataset's file into `requests` and `captions`: streamed batch by batch through SQL, in bounded memory."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from curate.doors.found import Refused
from curate.doors.given_texts import captions_of
from curate.doors.new_parts import NewParts
from curate.doors.reading.texts import Text, texts_of
from curate.doors.table_files import TableFile, jsonl_sql
from curate.doors.table_sql import asked_sql
from curate.formats.format import MACROS, Format, quoted_name
from curate.formats.lines import lines_of_records
from curate.formats.recognise import opened

REQUEST_COLUMNS = (
    "request_id", "dataset", "source_row", "url", "video_key", "span_start_us", "span_end_us", "hdvg_start_frame",
    "hdvg_end_frame", "own_key", "given",
)  # fmt: skip


@dataclass
class _Pending:
    """Rejects of rows of which the line is not known yet."""

    rows: array = field(default_factory=lambda: array("q"))
    problems: list[tuple[str, str, str | None]] = field(default_factory=list)


def import_table(file: TableFile, format_: Format, dataset: str, parts: NewParts, refused: Refused) -> int:
    """Stream a file into new parts; returns the number of its rows that became requests.

    Raises:
        Unreadable: a csv file that only its slow reader can read; nothing that was added may be published.
    """
    texts = texts_of(format_.name, frozenset(column.lower() for column in file.columns))
    in_captions = {text.column for text in texts}
    kept = [column for column in file.columns if column.lower() not in in_captions]
    pending, written = _Pending(), 0
    with _connection() as connection:
        for asked in _asked(file, lambda rows: asked_sql(format_, rows, dataset, kept, texts)):
            written += _add(connection, asked, texts, parts, pending)
    _refuse(file, pending, refused)
    return written


def _asked(file: TableFile, sql_of: Callable[[str], str]) -> Iterator[pa.Table]:
    """The file's rows as `asked_sql` has them, batch by batch."""
    with _connection() as connection:
        sql = sql_of(f"({_rows_sql(file)})")
        for batch in file.batches():
            connection.register("batch", batch)
            yield connection.sql(sql).to_arrow_table()


def _connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"memory_limit": "700MB"})
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set preserve_insertion_order = true")
    connection.execute(MACROS)
    return connection


def _rows_sql(file: TableFile) -> str:
    if file.path.suffix.lower() in (".parquet", ".pq"):
        columns = ", ".join(
            f"case when typeof({quoted_name(c)}) like '%[%' or typeof({quoted_name(c)}) like 'STRUCT%' "
            f"or typeof({quoted_name(c)}) like 'MAP%' then to_json({quoted_name(c)})::varchar "
            f"else {quoted_name(c)}::varchar end as {quoted_name(c)}"
            for c in file.columns
        )
        return f"select source_row, line_problem, {columns} from batch"
    return jsonl_sql(file.columns) if file.is_jsonl else "from batch"


def _add(
    connection: duckdb.DuckDBPyConnection, asked: pa.Table, texts: tuple[Text, ...], parts: NewParts, pending: _Pending
) -> int:
    usable = asked["problem"].is_null()
    requests = asked.filter(usable).select(REQUEST_COLUMNS)
    for captions in captions_of(connection, asked, texts):
        parts.add("captions", captions, is_sound=True)
    broken = parts.add("requests", requests)
    by_id = {row["key"]: row for row in broken}
    if by_id or requests.num_rows < asked.num_rows:
        for row in asked.select(["source_row", "problem", "video_key", "request_id"]).to_pylist():
            problem, reject = row["problem"], by_id.get(row["request_id"])
            if problem is None and reject is None:
                continue
            pending.rows.append(row["source_row"])
            reason, detail = _named(problem) if problem or reject is None else (reject["reason"], reject["detail"])
            pending.problems.append((reason, detail, row["video_key"]))
    return requests.num_rows - len(broken)


def _named(problem: str | None) -> tuple[str, str]:
    """`bad_<column>` and the detail of a problem "column: what"."""
    problem = problem or ""
    column, _, _ = problem.partition(": ")
    return f"bad_{column.replace(' ', '_')}", f"column {problem}" if column != "line" else problem


def _refuse(file: TableFile, pending: _Pending, refused: Refused) -> None:
    lines: dict[int, int] = {}
    if not file.rows_are_lines and pending.rows:
        with opened(file.path) as content:
            found, _ = lines_of_records(content, {row + 1 for row in pending.rows})
        lines = {record - 1: line for record, line in found.items()}
    for row, (reason, detail, key) in zip(pending.rows, pending.problems, strict=True):
        refused.add(int(lines.get(row) or row), reason, detail, key)
