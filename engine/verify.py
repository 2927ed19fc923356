"""`curate verify`: everything about a catalogue that can be checked, and what to do about what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

import duckdb
import fsspec

from engine.catalogue import Catalogue, Snapshot
from engine.checks import DUE_AGAIN, checks
from engine.parts import content_of
from engine.query import one_line
from engine.views import columns_of
from engine.wide import clip_state, derived_content, derived_state
from schemas.ids import video_id_of
from schemas.tables import ALL, BY_NAME

SHOWN = 100
"""Problems of one check that are listed one by one."""
NOTICES = frozenset({"stale", "leftover", "newer_columns"})
_FILE_REMEDY = "put the file back, or run `curate add` on its folder"
_READ_BYTES = 4 << 20
_ROWS_AT_ONCE = 10_000


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. `where` is a part, a key or a file; `remedy` is what to do."""

    kind: str
    table: str
    where: str
    detail: str
    remedy: str

    @property
    def is_error(self) -> bool:
        """False for a notice: nothing is lost or wrong, something is merely out of date or left over."""
        return self.kind not in NOTICES


def verify(catalogue: Catalogue, *, media: bool = True) -> list[Problem]:
    """Check parts, rows, references, counts and video files. `media=False` compares files by size alone.

    Every part and, with `media`, every video is read from end to end.
    """
    snapshot = catalogue.look()
    problems = list(_parts(catalogue, snapshot))
    sound = snapshot.without({problem.where for problem in problems if problem.kind != "newer_columns"})
    with catalogue.connect(snapshot=sound) as connection:
        for check in checks(sound):
            problems += _rows(connection, check.sql, check.kind, check.table, check.remedy)
        problems += _videos(catalogue, connection, media)
    problems += _leftovers(catalogue, snapshot)
    return problems


def damaged_parts(catalogue: Catalogue, snapshot: Snapshot) -> set[str]:
    """Names of live parts, merges and slices of `clip` that are missing or whose bytes are not those of their name."""
    return {problem.where for problem in _parts(catalogue, snapshot) if problem.kind != "newer_columns"}


def _parts(catalogue: Catalogue, snapshot: Snapshot) -> Iterator[Problem]:
    for table, live in snapshot.tables.items():
        for name in live.missing:
            yield Problem("missing_part", table, f"{table}/{name}", "a merge wrote it and it is gone", DUE_AGAIN)
        for name in live.damaged:
            yield Problem(
                "damaged_merge", table, f"{table}/{name}", "it cannot be read", "`curate verify --repair` restores it"
            )
        for part in live.parts:
            yield from _part(catalogue, table, f"{table}/{part.name}", part.content)
    for name in snapshot.derived:
        content = derived_content(name)
        if content is not None and _content(catalogue, name) != content:
            yield Problem(
                "damaged_slice", "clip", name, "its bytes have changed", "delete it; `curate compact` writes it again"
            )


def _part(catalogue: Catalogue, table: str, name: str, content: str) -> Iterator[Problem]:
    found = _content(catalogue, name)
    if found != content:
        yield Problem("damaged_part", table, name, f"its bytes have changed: {found} is their hash", DUE_AGAIN)
        return
    spec = BY_NAME[table]
    if f"-{spec.schema_id}-" in name:
        return
    with duckdb.connect() as connection:
        catalogue.store.let_duckdb_read(connection)
        try:
            columns = columns_of(connection, name, catalogue.store.duckdb_path)
        except duckdb.Error as error:
            yield Problem("damaged_part", table, name, one_line(error), DUE_AGAIN)
            return
    if unknown := sorted(columns - set(spec.schema.names)):
        detail = f"it has columns that this longtake does not know: {', '.join(unknown)}"
        yield Problem("newer_columns", table, name, detail, "upgrade longtake to see them")


def _content(catalogue: Catalogue, name: str) -> str:
    try:
        with catalogue.store.open(name) as file:
            return content_of(iter(lambda: file.read(_READ_BYTES), b""))
    except OSError as error:
        return str(error)


def _rows(connection: duckdb.DuckDBPyConnection, sql: str, kind: str, table: str, remedy: str) -> Iterator[Problem]:
    cursor = connection.execute(f"select *, count(*) over () from ({sql}) limit {SHOWN}")
    rows = cursor.fetchall()
    for where, detail, _ in rows:
        yield Problem(kind, table, str(where), str(detail), remedy)
    if rows and rows[0][2] > SHOWN:
        yield Problem(kind, table, "…", f"and {rows[0][2] - SHOWN} more", remedy)


def _videos(catalogue: Catalogue, connection: duckdb.DuckDBPyConnection, media: bool) -> Iterator[Problem]:
    cursor = connection.execute(
        "select 'videos', video_id, uri, bytes from videos where coalesce(kept, 'full') = 'full' "
        "union all select 'clip_files', content, uri, bytes from clip_files order by 1, 3"
    )
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        for table, content, uri, num_bytes in rows:
            if detail := _file_differs(catalogue.resolve_uri(uri), content, num_bytes, media):
                yield Problem("file", table, uri, detail, _FILE_REMEDY)


def _file_differs(url: str, video_id: str, num_bytes: int, media: bool) -> str | None:
    """What is wrong with a video file; None where nothing is."""
    try:
        filesystem, path = fsspec.core.url_to_fs(url)
        size = filesystem.size(path)
        if size is not None and size != num_bytes:
            return f"it has {size} bytes, its row says {num_bytes}"
        if media:
            with filesystem.open(path, "rb") as file:
                found, _ = video_id_of(cast("BinaryIO", file))
            if found != video_id:
                return f"its content is {found}, its row says {video_id}"
    except FileNotFoundError:
        return "it is gone"
    except (OSError, ValueError, ImportError) as error:
        return f"it cannot be read: {error}"
    return None


def _leftovers(catalogue: Catalogue, snapshot: Snapshot) -> Iterator[Problem]:
    remedy = "`curate compact` removes it once it is older than its grace"
    for spec in ALL:
        live = snapshot.tables[spec.name]
        for name in live.unknown:
            yield Problem("leftover", spec.name, f"{spec.name}/{name}", "part of a merge that did not happen", remedy)
        for name in catalogue.store.leftovers(spec.name):
            yield Problem("leftover", spec.name, name, "temporary file of a killed process, or of a living one", remedy)
    for name in snapshot.derived:
        if derived_state(name) != clip_state(snapshot):
            yield Problem("leftover", "clip", name, "`clip` as it was in an earlier state", remedy)
