"""Replacing some parts of a table by one: sorted, perhaps without superseded rows, in bounded memory."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import duckdb

from engine.catalogue import Catalogue, Snapshot, now
from engine.footers import merged_footer, read_footers
from engine.parts import Merge, content_of, merge_name, part_name
from engine.views import PathOf, columns_of, create_table_views, history_sql, newest_sql, quoted
from schemas.spec import TableSpec
from schemas.tables import BY_NAME

SORTED_BY = {"captions": ("kind", "clip_id", "segment", "caption_id"), "requests": ("dataset", "request_id")}
"""Other tables are sorted by key. One kind of captions is asked for at a time, and by clip."""
ROW_GROUP_ROWS = {"captions": 16_384}
"""Texts are long; elsewhere DuckDB's own 122,880 rows."""
SLICED_BY = {"captions": "clip_id"}
"""Other tables are cut into slices by the first column of their key."""
SLICE_BYTES = 256 << 20
"""Rows sorted at once, as they lie in Parquet before compression; in DuckDB they take two or three times that."""
SAMPLED = 20_000
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
    with catalogue.connect_bare(rules.memory_limit, rules.threads) as connection:
        if spec.committed_by and spec.committed_by.table != spec.name:
            commits = BY_NAME[spec.committed_by.table]
            create_table_views(connection, catalogue.store.duckdb_path, snapshot, [commits])
        names = mergeable(connection, spec, snapshot, catalogue.store.duckdb_path)
        if not names:
            return None
        with catalogue.store.local_copies(names) as path_of:
            before = _count(connection, history_sql(connection, spec, names, path_of))
            kept = KeptRows(connection, catalogue, spec, names, path_of, rules)
            complete = len(names) == len(snapshot.parts(spec.name))
            merged = publish_merge(
                catalogue,
                spec,
                connection,
                (kept.sql(within) for within in slices_of(connection, spec, names, path_of)),
                replaces=names,
                footer=merged_footer(read_footers(connection, names, path_of)),
                current=rules.drop_superseded and not kept.waiting and complete,
                commits=_commits_state(spec, snapshot),
            )
    if merged is None:
        return None
    merge, after = merged
    return MergeReport(spec.name, len(names), len(merge.adds), before, after, kept.waiting)


def mergeable(connection: duckdb.DuckDBPyConnection, spec: TableSpec, snapshot: Snapshot, path_of: PathOf) -> list[str]:
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
    """Which rows of some parts a merge keeps: `sql` says it for those that meet a condition."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        catalogue: Catalogue,
        spec: TableSpec,
        names: Sequence[str],
        path_of: PathOf,
        rules: MergeRules,
    ) -> None:
        self._spec, self._rules = spec, rules
        by = spec.committed_by
        self._has_commits = by is not None and by.table != spec.name and rules.drop_superseded
        ages = catalogue.store.ages(spec.name) if self._has_commits else {}
        young = [n for n in names if "-m" not in n.rsplit("/", 1)[-1] and ages.get(n, 0) < rules.grace_s]
        self._all = history_sql(connection, spec, names, path_of)
        self._young = history_sql(connection, spec, young, path_of)
        self._old = history_sql(connection, spec, [n for n in names if n not in set(young)], path_of)
        self._since = (now() - timedelta(seconds=rules.grace_s)).isoformat()
        self.waiting = _count(connection, self._waiting_sql("true")) if self._has_commits else 0

    def sql(self, within: str) -> str:
        """The kept rows that meet a condition; rows of one key must meet it together."""
        rows = f"(select * from ({self._all}) where {within})"
        if not self._rules.drop_superseded:
            return rows
        kept = newest_sql(self._spec, rows)
        return f"({kept}) union all ({self._waiting_sql(within)})" if self.waiting else kept

    def _waiting_sql(self, within: str) -> str:
        """Rows newer than the newest commit of their parent, which may still be committed, each result once.

        A part that was written within the grace keeps all of them, however old its rows say they are.
        """
        by = self._spec.committed_by
        assert by is not None
        parent = ", ".join(by.parent)
        same = " and ".join(f"w.{c} = c.{c}" for c in by.parent)
        key = ", ".join(f"w.{c}" for c in (*self._spec.key, "fingerprint", "created_at"))
        return f"""
            select w.* from (
                select * from ({self._young}) where {within} union all
                select * from ({self._old}) where {within} and created_at > timestamptz {quoted(self._since)}
            ) w
            left join (select {parent}, max(created_at) as committed_at from {by.table} group by {parent}) c on {same}
            where committed_at is null or w.created_at > committed_at
            qualify row_number() over (partition by {key}) = 1
        """


def slices_of(
    connection: duckdb.DuckDBPyConnection, spec: TableSpec, names: Sequence[str], path_of: PathOf
) -> list[str]:
    """Conditions that cut the rows of some parts into slices of about `SLICE_BYTES`, rows of one key together."""
    paths = ", ".join(quoted(path_of(name)) for name in names)
    (num_bytes,) = connection.execute(
        f"select sum(total_uncompressed_size) from parquet_metadata([{paths}])"
    ).fetchall()[0]
    count = int(num_bytes or 0) // SLICE_BYTES + 1
    column = SLICED_BY.get(spec.name, spec.key[0])
    if count == 1:
        return ["true"]
    sample = connection.execute(
        f"select {column} from ({history_sql(connection, spec, names, path_of)}) using sample {SAMPLED} rows"
    ).fetchall()
    values = sorted(row[0] for row in sample)
    edges = sorted({values[len(values) * place // count] for place in range(1, count)})
    return between(column, edges)


def between(column: str, edges: Sequence[str]) -> list[str]:
    """Conditions that cut a column's values at some edges; the outer ones are open."""
    conditions = []
    for low, high in pairwise([None, *edges, None]):
        limits = [f"{column} >= {quoted(low)}" if low else "", f"{column} < {quoted(high)}" if high else ""]
        conditions.append(" and ".join(limit for limit in limits if limit) or "true")
    return conditions


def publish_merge(
    catalogue: Catalogue,
    spec: TableSpec,
    connection: duckdb.DuckDBPyConnection,
    slices: Iterable[str],
    *,
    replaces: Sequence[str],
    footer: Mapping[str, str],
    current: bool = False,
    commits: str | None = None,
) -> tuple[Merge, int] | None:
    """Write the rows of some queries as merged parts that replace others; None where those are live no more.

    The merge itself is published last. Before it nothing has changed, after it everything has. Returns it with the
    number of rows.
    """
    merge_id, num_rows = secrets.token_hex(8), 0
    added: list[str] = []
    order = SORTED_BY.get(spec.name, spec.key)
    for rows in slices:
        with tempfile.TemporaryDirectory(prefix="longtake-") as folder:
            file = Path(folder) / "merged.parquet"
            copied = copy_sorted(connection, rows, order, file, footer, ROW_GROUP_ROWS.get(spec.name, 122_880))
            if copied:
                added.append(part_name(spec.schema_id, content_of_file(file), merge_id))
                catalogue.store.publish_file(f"{spec.name}/{added[-1]}", file)
            num_rows += copied
    names = tuple(name.rsplit("/", 1)[-1] for name in replaces)
    if not set(names) <= {part.name for part in catalogue.look().tables[spec.name].parts}:
        return None
    merge = Merge(merge_id, now().isoformat(), names, tuple(added), current, commits)
    catalogue.store.publish(f"{spec.name}/{merge_name(merge_id)}", merge.to_json())
    won = {merge.merge_id for merge in catalogue.look().tables[spec.name].merges}
    return (merge, num_rows) if merge_id in won else None


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
