"""A catalogue: a folder or prefix of Parquet parts. Opening it lists names; nothing is read that is not asked for."""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import duckdb

from engine.parts import Live, Merge, hash_of, live_of, parse_merge
from engine.store import CatalogueError, Store
from schemas.spec import TableSpec
from schemas.tables import ALL, BY_NAME

FORMAT_VERSION = 2
"""1 knew videos by their SHA-256, 2 knows them by their BLAKE3."""
HEAD = "catalogue.json"
DERIVED = "derived"
_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+://")
_LISTINGS = 4


@cache
def tool_version() -> str:
    """Version of longtake, as it stands in every row."""
    try:
        return version("longtake")
    except PackageNotFoundError:
        return "0+source"


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Snapshot:
    """What was live in every table when the catalogue was listed; it stays readable for the grace of a merge."""

    tables: Mapping[str, Live]
    derived: tuple[str, ...] = ()

    def parts(self, table: str) -> list[str]:
        """Names of a table's live parts, relative to the catalogue."""
        return [f"{table}/{part.name}" for part in self.tables[table].parts]

    @cached_property
    def state(self) -> str:
        """16 hex digits over all live parts: equal states hold equal rows."""
        return self.state_of(*self.tables)

    def state_of(self, *tables: str) -> str:
        """The same over the live parts of some tables."""
        return hash_of(name for table in tables for name in self.parts(table))

    def is_current(self, spec: TableSpec) -> bool:
        """Whether every live row is known to be a current one: one merge made them all and nothing came since."""
        live = self.tables[spec.name]
        names = {part.name for part in live.parts}
        makers = [merge for merge in live.merges if names & set(merge.adds)]
        if not names or len(makers) != 1 or set(makers[0].adds) != names or not makers[0].current:
            return False
        if spec.committed_by is None or spec.committed_by.table == spec.name:
            return True
        return makers[0].commits == self.state_of(spec.committed_by.table)

    def without(self, names: set[str]) -> Snapshot:
        """The same without some parts, named relative to the catalogue."""
        left = {
            table: replace(live, parts=tuple(p for p in live.parts if f"{table}/{p.name}" not in names))
            for table, live in self.tables.items()
        }
        return Snapshot(left, tuple(name for name in self.derived if name not in names))


class Catalogue:
    """A catalogue that exists. It holds no lock, no connection and no rows; many processes may hold the same."""

    def __init__(self, store: Store) -> None:
        self.store = store

    @classmethod
    def open(cls, url: str | Path, *, create: bool = False) -> Catalogue:
        """Open the catalogue in a folder or under an fsspec url; `create` makes it where there is none.

        Raises:
            CatalogueError: there is none, it was written by a newer longtake, or it cannot be read.
        """
        store = Store(url)
        try:
            head = store.read(HEAD)
        except FileNotFoundError:
            if not create:
                raise CatalogueError(_no_catalogue(store)) from None
            head = json.dumps(
                {
                    "format_version": FORMAT_VERSION,
                    "created_by": f"longtake {tool_version()}",
                    "created_at": now().isoformat(),
                }
            ).encode()
            store.publish(HEAD, head)
        except NotADirectoryError:
            raise CatalogueError(_no_catalogue(store)) from None
        _check_format(head, store)
        return cls(store)

    @property
    def url(self) -> str:
        """Absolute path, or url where the catalogue is not local."""
        return self.store.url

    def snapshot(self) -> Snapshot:
        """List what is live now.

        Raises:
            CatalogueError: a merge names a part that is not there.
        """
        broken: list[str] = []
        for attempt in range(_LISTINGS):
            snapshot = self.look()
            broken = [
                f"{table}/{name}" for table, live in snapshot.tables.items() for name in (*live.missing, *live.damaged)
            ]
            if not broken:
                return snapshot
            time.sleep(0.05 * attempt)  # a merge may have been published while its folder was being listed
        raise CatalogueError(
            f"{self.url}: {broken[0]} is missing or damaged. `curate verify --repair` makes its rows due again."
        )

    def look(self) -> Snapshot:
        """The same, whatever is missing."""
        listed = self.store.list_many([*(spec.name for spec in ALL), DERIVED])
        tables = {spec.name: self._live(spec.name, listed[spec.name]) for spec in ALL}
        return Snapshot(tables, tuple(listed[DERIVED]))

    def _live(self, table: str, names: list[str]) -> Live:
        merges: list[Merge] = []
        damaged: list[str] = []
        for name in names:
            if merge_id := parse_merge(name.rsplit("/", 1)[-1]):
                try:
                    merges.append(Merge.from_json(merge_id, self.store.read(name)))
                except FileNotFoundError:
                    continue  # a compact removed it since the listing: nothing that it names is left
                except (ValueError, KeyError, TypeError):
                    damaged.append(name.rsplit("/", 1)[-1])
        return live_of({name.rsplit("/", 1)[-1] for name in names}, merges, damaged)

    def state(self) -> str:
        """16 hex digits over the names of all live parts: equal states hold equal rows."""
        return self.snapshot().state

    def live_parts(self, table: str) -> list[str]:
        """Names of a table's live parts, relative to the catalogue."""
        return self.snapshot().parts(BY_NAME[table].name)

    def connect(
        self,
        memory_limit: str | None = None,
        threads: int | None = None,
        *,
        snapshot: Snapshot | None = None,
    ) -> duckdb.DuckDBPyConnection:
        """A DuckDB connection with a view for every table, `history.<table>`, `clip` and `caption` (docs/catalogue.md).

        It shows the catalogue as it is now, and goes on doing so. For queries of our own; those of a person go
        through `engine.query`, which keeps them away from files and network.
        """
        from engine.views import create_views  # noqa: PLC0415 — views are built on the snapshot

        connection = self.connect_bare(memory_limit, threads)
        create_views(connection, self.store.duckdb_path, snapshot or self.snapshot())
        return connection

    def connect_bare(self, memory_limit: str | None = None, threads: int | None = None) -> duckdb.DuckDBPyConnection:
        """The same without the views."""
        connection = duckdb.connect(config=connection_settings(memory_limit, threads))
        connection.execute("set TimeZone = 'UTC'")
        self.store.let_duckdb_read(connection)
        return connection

    def resolve_uri(self, uri: str) -> str:
        """Absolute path or url of a file that a row names: relative uris lie in the catalogue."""
        return uri if _URL.match(uri) or Path(uri).is_absolute() else self.store.url_of(uri)


def connection_settings(
    memory_limit: str | None, threads: int | None
) -> dict[str, str | bool | int | float | list[str]]:
    """DuckDB's settings: spills go to a folder of their own, which DuckDB makes when it needs it and removes."""
    spill = Path(tempfile.gettempdir()) / f"longtake-{os.getpid()}-{time.monotonic_ns()}"
    settings: dict[str, str | bool | int | float | list[str]] = {"temp_directory": str(spill)}
    if memory_limit is not None:
        settings["memory_limit"] = memory_limit
    if threads is not None:
        settings["threads"] = threads
    return settings


def _no_catalogue(store: Store) -> str:
    return (
        f"{store.url} is no catalogue: it has no {HEAD}. "
        f"`curate add FOLDER -c {store.url}` makes one from a folder of videos."
    )


def _check_format(head: bytes, store: Store) -> None:
    try:
        format_version = int(json.loads(head)["format_version"])
    except (ValueError, KeyError, TypeError) as error:
        raise CatalogueError(f"{store.url_of(HEAD)} is damaged: {error}") from error
    if format_version > FORMAT_VERSION:
        raise CatalogueError(
            f"{store.url} was written by a newer longtake (format {format_version}, "
            f"this one reads {FORMAT_VERSION}): upgrade longtake"
        )
    if format_version < FORMAT_VERSION:
        raise CatalogueError(
            f"{store.url} was written by an older longtake (format {format_version}, this one reads {FORMAT_VERSION}), "
            "whose ids of videos were another hash: make it anew, or go on with the longtake that wrote it"
        )
