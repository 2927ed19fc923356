"""What DuckDB shows of a catalogue: current rows of each table, `history.<table>`, and the wide `clip`, `caption`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set

import duckdb
import pyarrow as pa

from engine.catalogue import Snapshot
from engine.wide import caption_sql, clip_sql, derived_clip_of, unwithdrawn_sql
from schemas.spec import TableSpec
from schemas.tables import ALL, BY_NAME, SETTLED_BY, WITHDRAWN_BY

PathOf = Callable[[str], str]

_SQL_TYPES = {
    pa.string(): "VARCHAR",
    pa.bool_(): "BOOLEAN",
    pa.int8(): "TINYINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.uint64(): "UBIGINT",
    pa.binary(): "BLOB",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.timestamp("us", tz="UTC"): "TIMESTAMP WITH TIME ZONE",
}


def create_views(connection: duckdb.DuckDBPyConnection, path_of: PathOf, snapshot: Snapshot) -> None:
    """Create every view of a snapshot. Reads one footer for each set of columns that a table's parts have."""
    create_table_views(connection, path_of, snapshot, _commits_first())
    derived = derived_clip_of(snapshot)
    clip = f"select * from {read_parquet(derived, path_of)}" if derived else clip_sql(snapshot)
    connection.execute(f"create view clip as {clip}")
    connection.execute(f"create view caption as {caption_sql()}")


def create_table_views(
    connection: duckdb.DuckDBPyConnection, path_of: PathOf, snapshot: Snapshot, specs: Iterable[TableSpec]
) -> None:
    """Create `history.<table>` and `<table>` of some tables; one that commits another comes before it."""
    specs = list(specs)
    connection.execute("create schema if not exists history")
    for spec in specs:
        rows = history_sql(connection, spec, snapshot.parts(spec.name), path_of)
        connection.execute(f"create view history.{spec.name} as {rows}")
    names = {spec.name for spec in specs}
    for spec in specs:
        connection.execute(f"create view {spec.name} as {current_sql(spec, snapshot, names)}")


def _commits_first() -> list[TableSpec]:
    """Rejects last: they look at what settles them; commit tables before what they commit."""
    rank = {spec.name: 0 for spec in ALL if spec.committed_by and spec.committed_by.table == spec.name}
    return sorted(ALL, key=lambda spec: (rank.get(spec.name, 1), spec.name == "rejects"))


def sql_type(type_: pa.DataType) -> str:
    """DuckDB's name of an Arrow type that the tables use."""
    if pa.types.is_list(type_):
        return f"{sql_type(type_.value_type)}[]"
    if pa.types.is_map(type_):
        return f"MAP({sql_type(type_.key_type)}, {sql_type(type_.item_type)})"
    return _SQL_TYPES[type_]


def quoted(text: str) -> str:
    """A SQL string."""
    return "'" + text.replace("'", "''") + "'"


def read_parquet(names: Iterable[str], path_of: PathOf) -> str:
    """SQL that reads some files of the store, which have the same columns."""
    return f"read_parquet([{', '.join(quoted(path_of(name)) for name in names)}])"


def history_sql(connection: duckdb.DuckDBPyConnection, spec: TableSpec, names: Iterable[str], path_of: PathOf) -> str:
    """All rows of some parts with the columns of today.

    Parts of another set of columns show null for what they lack, and not what is unknown today. One footer is read
    for each such set.
    """
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.rsplit("/", 1)[-1].split("-")[1], []).append(name)
    selects = []
    for schema_id, group in groups.items():
        source = read_parquet(group, path_of)
        if schema_id == spec.schema_id:
            selects.append(f"select {', '.join(f.name for f in spec.schema)} from {source}")
            continue
        known = columns_of(connection, group[0], path_of)
        columns = (_column(f, f.name in known) for f in spec.schema)
        selects.append(f"select {', '.join(columns)} from {source}")
    if not selects:
        selects = [f"select {', '.join(_column(f, False) for f in spec.schema)} where false"]
    return " union all ".join(selects)


def columns_of(connection: duckdb.DuckDBPyConnection, name: str, path_of: PathOf) -> set[str]:
    """Names of the columns of one part."""
    described = connection.execute(f"describe select * from {read_parquet([name], path_of)}")
    return {row[0] for row in described.fetchall()}


def _column(field: pa.Field, known: bool) -> str:
    return f"cast({field.name if known else 'null'} as {sql_type(field.type)}) as {field.name}"


def current_sql(spec: TableSpec, snapshot: Snapshot, names: Set[str]) -> str:
    """The current rows of a table: of the newest commit of each parent, else the newest of each key; each key once.

    Rejects that are settled are not among them, nor rows that are withdrawn, where `rejects` is among the tables
    `names` that have views.
    """
    source = f"history.{spec.name}"
    if snapshot.is_current(spec) or not snapshot.parts(spec.name):
        rows = f"select * from {source}"
    else:
        rows = newest_sql(spec, source)
    if spec.name == "rejects":
        return f"select * from ({rows}) r where {_unsettled(snapshot)}"
    if spec.name in WITHDRAWN_BY and "rejects" in names and snapshot.parts("rejects"):
        return f"select * from ({rows}) r where {unwithdrawn_sql(spec.name, 'r')}"
    return rows


def newest_sql(spec: TableSpec, source: str, commits: str | None = None) -> str:
    """SQL for the current rows among those of `source`; `commits` is the view of the committing table."""
    key = ", ".join(spec.key)
    newest = "created_at desc, fingerprint desc"
    by = spec.committed_by
    if by is None or (by.table == spec.name and by.parent == spec.key):
        return f"select * from {source} qualify row_number() over (partition by {key} order by {newest}) = 1"
    parent = ", ".join(by.parent)
    if by.table == spec.name:
        return (
            f"select * from {source} qualify rank() over (partition by {parent} order by {newest}) = 1 "
            f"and row_number() over (partition by {key}, fingerprint, created_at) = 1"
        )
    same = " and ".join(f"h.{c} = c.{c}" for c in (*by.parent, "fingerprint", "created_at"))
    return (
        f"select h.* from {source} h semi join {commits or by.table} c on {same} "
        f"qualify row_number() over (partition by {', '.join(f'h.{c}' for c in spec.key)}) = 1"
    )


def _unsettled(snapshot: Snapshot) -> str:
    """A condition on a reject r: its stage has not finished the same key since."""
    conditions = [
        f"not exists (select 1 from {table} s where r.stage = {quoted(stage)} "
        f"and s.{column} = r.key and s.created_at >= r.created_at)"
        for stage, settlers in SETTLED_BY.items()
        for table, column in settlers
        if snapshot.parts(table) and BY_NAME[table]
    ]
    return " and ".join(conditions) or "true"
