"""A dataset's file streams into `requests`; a row that cannot be used becomes a reject that names line and column."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import duckdb

from curate.formats.format import MACROS, Format, quoted_name
from curate.formats.lines import lines_of_records
from curate.formats.recognise import Recognised, opened, recognise
from curate.sources import SourceError
from engine.catalogue import Catalogue, now, tool_version
from engine.merge import content_of_file
from engine.parts import part_name
from engine.views import quoted
from engine.work import Row
from engine.write import broken_rule_sql, write
from schemas.ids import content_id, fingerprint_of
from schemas.tables import REQUESTS

STAGE = "ingest"
VERSION = 1
FINGERPRINT = fingerprint_of(STAGE, VERSION)
ROW_GROUP_ROWS = 20_000
REJECTS_AT_ONCE = 20_000


@dataclass(frozen=True)
class Ingested:
    """What became of a file. `was_known`: the same file was read before."""

    dataset: str
    format: Format
    num_rows: int
    num_requests: int
    num_rejects: int
    seconds: float
    was_known: bool = False


@dataclass(frozen=True)
class Reading:
    """How a person wants a file read. `columns`: meaning -> column. `base_url`: where media lie that the file names."""

    dataset: str | None = None
    columns: Mapping[str, str] | None = None
    base_url: str | None = None


def ingest(catalogue: Catalogue, path: Path, reading: Reading) -> Ingested:
    """Read a dataset's file into `requests`, unless it was read before just so.

    Raises:
        SourceError: the file cannot be read, or its format is not known.
        CatalogueError: the catalogue cannot be written.
    """
    began = time.monotonic()
    with _connection() as connection:
        recognised = recognise(connection, path, reading.columns or {})
        dataset = reading.dataset or recognised.format.name
        stamp = _stamp(path)
        how = [dataset, recognised.format.name, reading.base_url, *sorted((reading.columns or {}).items())]
        ingest_id = content_id(str(path.resolve()), stamp, VERSION, *map(str, how))
        if known := _known(catalogue, ingest_id, recognised.format):
            return known
        _prepare(connection, recognised, dataset, reading.base_url)
        try:
            num_requests = _write_requests(catalogue, connection)
            rejects = _write_rejects(catalogue, connection, recognised, ingest_id)
        except duckdb.Error as error:
            raise SourceError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
    seconds = time.monotonic() - began
    done = {
        "ingest_id": ingest_id, "uri": str(path.resolve()), "source_stamp": stamp, "dataset": dataset,
        "format": recognised.format.name, "num_rows": num_requests + rejects, "num_requests": num_requests,
        "num_rejects": rejects, "seconds": seconds,
    }  # fmt: skip
    write(catalogue, {"ingests": [done | _provenance()]}, stage=STAGE)
    return Ingested(dataset, recognised.format, num_requests + rejects, num_requests, rejects, seconds)


def ingest_urls(catalogue: Catalogue, urls: list[str], dataset: str | None) -> Ingested:
    """The same for urls that were typed."""
    with tempfile.TemporaryDirectory(prefix="longtake-") as folder:
        path = Path(folder) / "typed.txt"
        path.write_text("".join(f"{url}\n" for url in urls), encoding="utf-8")
        return ingest(catalogue, path, Reading(dataset or "typed"))


class Found(NamedTuple):
    """A row that cannot be used."""

    line: int
    reason: str
    detail: str
    video_key: str | None


def _connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set enable_progress_bar = false")
    connection.execute(MACROS)
    return connection


def _known(catalogue: Catalogue, ingest_id: str, format_: Format) -> Ingested | None:
    with catalogue.connect() as connection:
        row = connection.execute(
            "select dataset, num_rows, num_requests, num_rejects from ingests where ingest_id = ?", [ingest_id]
        ).fetchone()
    return Ingested(row[0], format_, row[1], row[2], row[3], 0.0, was_known=True) if row else None


def _stamp(path: Path) -> str:
    stat = path.stat()
    return f"{stat.st_size}-{stat.st_mtime_ns}"


def _provenance() -> Row:
    return {"fingerprint": FINGERPRINT, "tool_version": tool_version(), "created_at": now()}


def _prepare(connection: duckdb.DuckDBPyConnection, file: Recognised, dataset: str, base_url: str | None) -> None:
    """A view `asked`: the columns of `requests`, and `problem`, null where the row can be used."""
    f = file.format
    numbered = f"select row_number() over () as source_row, * from {file.rows_sql}"
    exploded = f.explode(numbered) if f.explode else numbered
    names = ", ".join(quoted(column) for column in file.columns)
    values = ", ".join(quoted_name(column) for column in file.columns)
    url = f"trim({f.url.sql})"
    if base_url:
        url = f"coalesce({url}, {quoted(base_url.rstrip('/') + '/')} || url_encode_path({f.video_key.sql}))"
        connection.execute("create macro url_encode_path(p) as replace(url_encode(p), '%2F', '/')")
    at = now().isoformat()
    connection.execute(f"""
        create view asked as
        select *, {_problem_sql(f, has_base=base_url is not None)} as problem,
            left(sha256(concat_ws(chr(31), dataset, video_key, coalesce(span_start_us::varchar, ''),
                coalesce(span_end_us::varchar, ''), coalesce(frames, ''), coalesce(own_key, ''))), 32) as request_id,
            try_cast(listed(frames)[1] as bigint) as hdvg_start_frame,
            try_cast(listed(frames)[2] as bigint) as hdvg_end_frame,
            {quoted(FINGERPRINT)} as fingerprint, {quoted(tool_version())} as tool_version,
            timestamptz {quoted(at)} as created_at
        from (
            select source_row::bigint as source_row, {quoted(dataset)} as dataset, nullif({url}, '') as url,
                nullif(trim({f.video_key.sql}), '') as video_key, ({f.own_key})::varchar as own_key,
                us_of({f.start.sql}) as span_start_us, us_of({f.end.sql}) as span_end_us,
                ({f.start.sql})::varchar as start_text, ({f.end.sql})::varchar as end_text,
                ({f.frames.sql})::varchar as frames, {f.problem} as row_problem,
                map([{names}], [{values}]) as given
            from ({exploded})
        )
    """)


def _problem_sql(f: Format, *, has_base: bool) -> str:
    """SQL: null, or "column: what is wrong", the first thing that is."""
    column = {
        name: getattr(f, name).column.replace("'", "''") for name in ("url", "video_key", "start", "end", "frames")
    }
    names_media = f.url.sql.startswith("null") and not has_base
    needs_url = "false" if names_media else "url is null"
    return f"""case
        when row_problem is not null then row_problem
        when {needs_url} then '{column["url"]}: missing'
        when not regexp_matches(url, '(?i)^https?://[^/\\s]') then '{column["url"]}: not http or https: '
            || left(url, 200)
        when video_key is null then '{column["video_key"]}: missing'
        when start_text is not null and span_start_us is null then '{column["start"]}: not a time: '
            || left(start_text, 80)
        when end_text is not null and span_end_us is null then '{column["end"]}: not a time: ' || left(end_text, 80)
        when span_start_us is null and span_end_us is not null then '{column["start"]}: missing'
        when span_end_us is null and span_start_us is not null then '{column["end"]}: missing'
        when span_end_us <= span_start_us then '{column["end"]}: the span ends before it starts: ' || start_text
            || ' to ' || end_text
        when frames is not null and (len(listed(frames)) <> 2 or try_cast(listed(frames)[1] as bigint) is null
            or try_cast(listed(frames)[2] as bigint) is null or listed(frames)[1]::bigint < 0
            or not (listed(frames)[2]::bigint = -1 or listed(frames)[2]::bigint > listed(frames)[1]::bigint))
            then '{column["frames"]}: not two frame numbers: ' || left(frames, 80)
        end"""


def _write_requests(catalogue: Catalogue, connection: duckdb.DuckDBPyConnection) -> int:
    columns = ", ".join(field.name for field in REQUESTS.schema)
    footer = {"stage": STAGE, "fingerprints": FINGERPRINT, "tool_version": tool_version()}
    metadata = ", ".join(f"{key}: {quoted(value)}" for key, value in footer.items())
    with catalogue.store.scratch("requests") as folder:
        file = folder / "requests.parquet"
        copied = connection.execute(
            f"copy (select {columns} from asked where problem is null and ({broken_rule_sql(REQUESTS)}) is null) "
            f"to {quoted(str(file))} (format parquet, compression snappy, "
            f"row_group_size {ROW_GROUP_ROWS}, kv_metadata {{{metadata}}})"
        ).fetchone()
        count = int(copied[0]) if copied else 0
        if count:
            catalogue.store.adopt(f"requests/{part_name(REQUESTS.schema_id, content_of_file(file))}", file)
    return count


def _write_rejects(
    catalogue: Catalogue, connection: duckdb.DuckDBPyConnection, file: Recognised, ingest_id: str
) -> int:
    """Rows that break the file's form, and rows that say something impossible; returns how many."""
    refused = dict[int, tuple[str, str]]()
    if file.delimiter is not None:
        broken = connection.execute(
            "select distinct on (line_byte_position) line_byte_position, coalesce(column_name, '?'), "
            "error_type::varchar, "
            "error_message from reject_errors order by line_byte_position, column_idx"
        ).fetchall()
        refused = {
            at: (f"csv.{kind.lower().replace(' ', '_')}", f"column {name}: {said}") for at, name, kind, said in broken
        }
    bad = connection.execute(
        f"select source_row, coalesce(problem, {broken_rule_sql(REQUESTS)}), video_key from asked "
        f"where problem is not null or ({broken_rule_sql(REQUESTS)}) is not null order by source_row"
    ).fetchall()
    lines, refused_lines = _lines(file, {row for row, _, _ in bad}, set(refused))
    found = list[Found]()
    for at, (reason, detail) in refused.items():
        found.append(Found(refused_lines[at], reason, detail, None))
    for row, problem, key in bad:
        found.append(Found(lines[row], *_named(str(problem)), key))
    for start in range(0, len(found), REJECTS_AT_ONCE):
        rows = list(_reject_rows(found[start : start + REJECTS_AT_ONCE], file.path, ingest_id))
        write(catalogue, {"rejects": rows}, stage=STAGE)
    return len(found)


def _named(problem: str) -> tuple[str, str]:
    """`bad_<column>` and the detail of a problem "column: what"; the name of a rule stays as it is."""
    column, found, _ = problem.partition(": ")
    return (f"bad_{column.replace(' ', '_')}", f"column {problem}") if found else (f"requests.{problem}", problem)


def _lines(file: Recognised, rows: set[int], refused: set[int]) -> tuple[dict[int, int], dict[int, int]]:
    """Line of each row of a file, and of each refused byte position; JSON and Parquet count rows."""
    if file.delimiter is None or not (rows or refused):
        return {row: row for row in rows}, {}
    header = 0 if file.delimiter == "\0" else 1
    with opened(file.path) as content:
        found, refused_lines = lines_of_records(content, {row + header for row in rows}, refused)
    return {record - header: line for record, line in found.items()}, refused_lines


def _reject_rows(found: list[Found], path: Path, ingest_id: str) -> Iterator[Row]:
    counted: dict[int, int] = {}
    for line, reason, detail, video_key in found:
        counted[line] = counted.get(line, 0) + 1
        again = f"#{counted[line]}" if counted[line] > 1 else ""
        yield _provenance() | {
            "stage": STAGE, "key": f"{path.name}:{line}{again}", "reason": reason,
            "detail": f"{os.fspath(path)}, line {line}, {detail}", "permanent": True, "source_stamp": ingest_id,
            "video_key": video_key,
        }  # fmt: skip
