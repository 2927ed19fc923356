"""Replacing some parts of a table by one: sorted, perhaps without superseded rows, in bounded memory."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from engine.catalogue import Catalogue, Snapshot, connection_settings, now
from engine.footers import merged_footer, read_footers
from engine.parts import Merge, content_of, merge_name, part_name
from engine.views import PathOf, columns_of, history_sql, newest_sql, quoted
from schemas.spec import TableSpec

SORTED_BY = {"captions": ("kind", "clip_id", "segment", "caption_id"), "requests": ("dataset", "request_id")}
"""Other tables are sorted by key. One kind of captions is asked for at a time, and by clip."""
ROW_GROUP_ROWS = {"captions": 32_768}
"""Texts are long; elsewhere DuckDB's own 122,880 rows."""
_READ_BYTES = 4 << 20


@dataclass(frozen=True)
class MergeReport:
    """What a merge did to one table."""

    table: str
    parts_before: int
    parts_after: int
    rows_before: int
    rows_after: int
    rows_waiting: int
    """rows without a commit yet, younger than the grace: kept, for their writer may be about to commit"""


@dataclass(frozen=True)
class MergeRules:
    """How parts are merged: whether superseded rows go, and how long a row may wait for its commit."""

    drop_superseded: bool = True
    grace_s: float = 3600
    memory_limit: str = "1GB"
    threads: int | None = None


def merge_table(catalogue: Catalogue, spec: TableSpec, snapshot: Snapshot, rules: MergeRules) -> MergeReport | None:
    """Merge all parts of a table that today's columns can hold; None where another process was faster."""
    with merging_connection(catalogue, snapshot, rules) as connection:
        path_of = catalogue.store.duckdb_path
        names = mergeable(connection, spec, snapshot, path_of)
        before = _count(connection, history_sql(connection, spec, names, path_of))
        kept = KeptRows(connection, catalogue, spec, names, path_of)
        waiting = kept.create(rules, now())
        complete = len(names) == len(snapshot.parts(spec.name))
        footer = merged_footer(read_footers(connection, names, path_of))
        merge = publish_merge(
            catalogue,
            spec,
            connection,
            "select * from kept",
            replaces=names,
            footer=footer,
            current=rules.drop_superseded and not waiting and complete,
            commits=_commits_state(spec, snapshot),
        )
        if merge is None:
            return None
        after = _count(connection, "select * from kept") if rules.drop_superseded else before
    return MergeReport(spec.name, len(names), len(merge.adds), before, after, waiting)


def merging_connection(
    catalogue: Catalogue, snapshot: Snapshot, rules: MergeRules
) -> duckdb.DuckDBPyConnection:
    """A connection that keeps to a memory limit and spills the rest."""
    return catalogue.connect(rules.memory_limit, rules.threads, snapshot=snapshot)


def mergeable(
    connection: duckdb.DuckDBPyConnection, spec: TableSpec, snapshot: Snapshot, path_of: PathOf
) -> list[str]:
    """Live parts that lose nothing when they are written with today's columns; those of a newer longtake stay."""
    known = set(spec.schema.names)
    fits: dict[str, bool] = {spec.schema_id: True}
    names = []
    for part in snapshot.tables[spec.name].parts:
        name = f"{spec.name}/{part.name}"
        if part.schema_id not in fits:
            fits[part.schema_id] = columns_of(connection, name, path_of) <= known
        if fits[part.schema_id]:
            names.append(name)
    return names


class KeptRows:
    """The view `kept`: the rows of some parts that a merge keeps."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        catalogue: Catalogue,
        spec: TableSpec,
        names: Sequence[str],
        path_of: PathOf,
    ) -> None:
        self.connection, self.catalogue, self.spec, self.names, self.path_of = (
            connection, catalogue, spec, names, path_of,
        )  # fmt: skip

    def create(self, rules: MergeRules, at: datetime) -> int:
        """Create the view; returns how many rows in it wait for their commit."""
        rows = self._rows(self.names)
        by = self.spec.committed_by
        if not rules.drop_superseded:
            self.connection.execute(f"create temp view kept as {rows}")
            return 0
        if by is None or by.table == self.spec.name:
            self.connection.execute(f"create temp view kept as {newest_sql(self.spec, f'({rows})')}")
            return 0
        self.connection.execute(f"create temp view merged as {rows}")
        self.connection.execute(f"create temp view waiting as {self._waiting_sql(rules.grace_s, at)}")
        waiting = _count(self.connection, "select * from waiting")
        kept = newest_sql(self.spec, "merged")
        self.connection.execute(
            f"create temp view kept as {f'({kept}) union all from waiting' if waiting else kept}"
        )
        return waiting

    def _waiting_sql(self, grace_s: float, at: datetime) -> str:
        """Rows newer than the newest commit of their parent, which may still be committed.

        A part that was written within the grace keeps all of them, however old its rows say they are.
        """
        by = self.spec.committed_by
        assert by is not None
        ages = self.catalogue.store.ages(self.spec.name)
        young = [n for n in self.names if "-m" not in n.rsplit("/", 1)[-1] and ages.get(n, 0) < grace_s]
        old = [name for name in self.names if name not in set(young)]
        since = (at - timedelta(seconds=grace_s)).isoformat()
        parent = ", ".join(by.parent)
        same = " and ".join(f"w.{c} = c.{c}" for c in by.parent)
        key = ", ".join(f"w.{c}" for c in (*self.spec.key, "fingerprint", "created_at"))
        return f"""
            select w.* from (
                {self._rows(young)} union all
                select * from ({self._rows(old)}) where created_at > timestamptz {quoted(since)}
            ) w
            left join (select {parent}, max(created_at) as committed_at from {by.table} group by {parent}) c on {same}
            where committed_at is null or w.created_at > committed_at
            qualify row_number() over (partition by {key}) = 1
        """

    def _rows(self, names: Sequence[str]) -> str:
        return f"select * from ({history_sql(self.connection, self.spec, names, self.path_of)})"


def publish_merge(
    catalogue: Catalogue,
    spec: TableSpec,
    connection: duckdb.DuckDBPyConnection,
    rows: str,
    *,
    replaces: Sequence[str],
    footer: Mapping[str, str],
    current: bool = False,
    commits: str | None = None,
) -> Merge | None:
    """Write the rows of a query as a merged part and make it replace others; None where they are live no more.

    The merge itself is published last. Before it nothing has changed, after it everything has.
    """
    merge_id = secrets.token_hex(8)
    added = ()
    with tempfile.TemporaryDirectory(prefix="longtake-") as folder:
        file = Path(folder) / "merged.parquet"
        order = SORTED_BY.get(spec.name, spec.key)
        if copy_sorted(connection, rows, order, file, footer, ROW_GROUP_ROWS.get(spec.name, 122_880)):
            added = (part_name(spec.schema_id, content_of_file(file), merge_id),)
            catalogue.store.publish_file(f"{spec.name}/{added[0]}", file)
    names = tuple(name.rsplit("/", 1)[-1] for name in replaces)
    if not set(names) <= {part.name for part in catalogue.look().tables[spec.name].parts}:
        return None
    merge = Merge(merge_id, now().isoformat(), names, added, current, commits)
    catalogue.store.publish(f"{spec.name}/{merge_name(merge_id)}", merge.to_json())
    won = {merge.merge_id for merge in catalogue.look().tables[spec.name].merges}
    return merge if merge_id in won else None


def copy_sorted(
    connection: duckdb.DuckDBPyConnection,
    rows: str,
    order: Sequence[str],
    file: Path,
    footer: Mapping[str, str],
    row_group_rows: int,
) -> int:
    """Write the rows of a query to a local Parquet file, sorted; returns how many they are."""
    metadata = ", ".join(f"{quoted(key)}: {quoted(value)}" for key, value in footer.items())
    copied = connection.execute(
        f"copy (select * from ({rows}) order by {', '.join(order)}) to {quoted(str(file))} "
        f"(format parquet, compression zstd, row_group_size {row_group_rows}, kv_metadata {{{metadata}}})"
    ).fetchone()
    return copied[0] if copied else 0


def content_of_file(file: Path) -> str:
    with file.open("rb") as opened:
        return content_of(iter(lambda: opened.read(_READ_BYTES), b""))


def _commits_state(spec: TableSpec, snapshot: Snapshot) -> str | None:
    by = spec.committed_by
    return None if by is None or by.table == spec.name else snapshot.state_of(by.table)


def _count(connection: duckdb.DuckDBPyConnection, rows: str) -> int:
    counted = connection.execute(f"select count(*) from ({rows})").fetchone()
    return counted[0] if counted else 0
