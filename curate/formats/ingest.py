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
import pyarrow as pa

from curate.formats.asked import asked_sql
from curate.formats.format import MACROS, Format
from curate.formats.lines import lines_of_records
from curate.formats.recognise import Recognised, opened, recognise
from curate.formats.requests_part import BATCH_ROWS, RequestsPart
from curate.sources import SourceError
from engine.catalogue import Catalogue, now, tool_version
from engine.merge import content_of_file
from engine.parts import part_name
from engine.work import Row
from engine.write import write
from schemas.ids import content_id, fingerprint_of
from schemas.tables import REQUESTS

STAGE = "ingest"
VERSION = 1
FINGERPRINT = fingerprint_of(STAGE, VERSION)
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
        try:
            num_requests, bad = _write_requests(catalogue, connection, recognised, dataset, reading.base_url)
            rejects = _write_rejects(catalogue, connection, recognised, bad, ingest_id)
        except (duckdb.Error, pa.ArrowException) as error:
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


def _write_requests(
    catalogue: Catalogue, connection: duckdb.DuckDBPyConnection, file: Recognised, dataset: str, base_url: str | None
) -> tuple[int, list[tuple[int, str, str | None]]]:
    """Write the rows that can be used as one part; their number, and the rows that cannot."""
    sql = asked_sql(file, dataset, base_url, FINGERPRINT, tool_version())
    same = _provenance() | {"dataset": dataset}
    footer = {"stage": STAGE, "fingerprints": FINGERPRINT, "tool_version": tool_version()}
    with catalogue.store.scratch("requests") as folder:
        path = folder / "requests.parquet"
        part = RequestsPart(path, file.columns, same, footer)
        try:
            part.add(connection.sql(sql).to_arrow_reader(BATCH_ROWS))
        finally:
            part.close()
        if part.num_rows:
            catalogue.store.adopt(f"requests/{part_name(REQUESTS.schema_id, content_of_file(path))}", path)
    return part.num_rows, part.bad


def _write_rejects(
    catalogue: Catalogue,
    connection: duckdb.DuckDBPyConnection,
    file: Recognised,
    bad: list[tuple[int, str, str | None]],
    ingest_id: str,
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
    lines, refused_lines = _lines(file, {row for row, _, _ in bad}, set(refused))
    found = list[Found]()
    for at, (reason, detail) in refused.items():
        found.append(Found(refused_lines[at], reason, detail, None))
    for row, problem, key in sorted(bad, key=lambda row: row[0]):
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
