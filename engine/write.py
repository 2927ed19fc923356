"""Writing rows: rules are checked, what breaks one becomes a reject, and the row that commits is written last."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from engine.catalogue import Catalogue
from engine.parts import content_of, part_name
from schemas.spec import TableSpec
from schemas.tables import BY_NAME, REJECTS

Rows = Sequence[Mapping[str, Any]] | pa.Table
ROW_GROUP_ROWS = 65_536
ZSTD_LEVEL = 3


@dataclass(frozen=True)
class Written:
    """What a write added: rows by table, and the rejects among them."""

    rows: dict[str, int]
    rejects: list[dict[str, Any]] = field(default_factory=list)


def write(
    catalogue: Catalogue,
    tables: Mapping[str, Rows],
    *,
    stage: str,
    footer: Mapping[str, str] | None = None,
) -> Written:
    """Write one part for each table that has rows: results first, then rejects, then the rows that commit them.

    Rows bring their provenance. A row that breaks a rule of its table is written to `rejects` instead, with the
    reason `<table>.<rule>`. `footer` is kept in the parts' own metadata.

    Raises:
        ValueError: a row has a column that its table has not, or a value of another type; that is a bug.
        CatalogueError: the catalogue cannot be written.
    """
    sound: dict[str, pa.Table] = {}
    rejects: list[dict[str, Any]] = []
    for name, rows in tables.items():
        spec = BY_NAME[name]
        sound[name], refused = split_by_rules(spec, as_table(spec, rows), stage)
        rejects += refused
    if rejects:
        given = sound.pop("rejects", as_table(REJECTS, []))
        sound["rejects"] = pa.concat_tables([given, as_table(REJECTS, rejects)])
    for name in sorted(sound, key=_place):
        if sound[name].num_rows:
            _publish(catalogue, BY_NAME[name], sound[name], stage, footer or {})
    return Written({name: table.num_rows for name, table in sound.items() if table.num_rows}, rejects)


def _place(name: str) -> int:
    """0 for results, 1 for rejects, 2 for a table whose rows commit others."""
    by = BY_NAME[name].committed_by
    if by is not None and by.table == name:
        return 2
    return int(name == "rejects")


def as_table(spec: TableSpec, rows: Rows) -> pa.Table:
    """Rows as an Arrow table with the columns of the spec; columns left out are null.

    Raises:
        ValueError: a column is unknown or a value does not fit its type.
    """
    nullable = pa.schema([field.with_nullable(True) for field in spec.schema])
    given = set[str]().union(*rows) if isinstance(rows, Sequence) else set(rows.column_names)
    unknown = given - set(nullable.names)
    if unknown:
        raise ValueError(f"{spec.name} has no column {sorted(unknown)}; it has {nullable.names}")
    try:
        if isinstance(rows, Sequence):
            columns = [
                _column([row.get(f.name) for row in rows], f.type) if f.name in given else pa.nulls(len(rows), f.type)
                for f in nullable
            ]
            return pa.table(columns, schema=nullable)
        columns = [
            rows[f.name].cast(f.type) if f.name in rows.column_names else pa.nulls(rows.num_rows, f.type)
            for f in nullable
        ]
        return pa.table(columns, schema=nullable)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError) as error:
        raise ValueError(f"{spec.name}: {error}") from error


def _column(values: list[Any], type_: pa.DataType) -> pa.Array:
    """Values as Arrow; a fraction for a whole number raises, where Arrow's own conversion would cut it off."""
    return pa.array(values).cast(type_) if pa.types.is_integer(type_) else pa.array(values, type_)


def split_by_rules(spec: TableSpec, table: pa.Table, stage: str) -> tuple[pa.Table, list[dict[str, Any]]]:
    """The rows that keep every rule, and a reject for each that does not."""
    if not table.num_rows:
        return table, []
    connection = _checker().cursor()
    connection.register("checked", table)
    broken = connection.sql(f"select {broken_rule_sql(spec)} as rule from checked").to_arrow_table()["rule"]
    connection.close()
    if broken.null_count == table.num_rows:
        return table, []
    names = [rule for rule in broken.to_pylist() if rule is not None]
    refused = table.filter(broken.is_valid()).to_pylist()
    return table.filter(broken.is_null()), [
        _reject(spec, row, rule, stage) for row, rule in zip(refused, names, strict=True)
    ]


def conditions_of(spec: TableSpec) -> dict[str, str]:
    """Every condition on a row by the name under which it is rejected, never-null columns first."""
    present = {f"{f.name}_is_missing": f"{f.name} is not null" for f in spec.schema if not f.nullable}
    return present | spec.rules


def broken_rule_sql(spec: TableSpec) -> str:
    """A SQL expression: name of the first rule that a row breaks, null where it keeps all."""
    cases = (f"when ({sql}) is false then '{name}'" for name, sql in conditions_of(spec).items())
    return f"case {' '.join(cases)} end"


@cache
def _checker() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1})


def _reject(spec: TableSpec, row: Mapping[str, Any], rule: str, stage: str) -> dict[str, Any]:
    condition = conditions_of(spec)[rule]
    named = [f.name for f in spec.schema if re.search(rf"\b{f.name}\b", condition)]
    values = ", ".join(f"{name} = {row[name]!r}" for name in named)
    for name in ("fingerprint", "tool_version", "created_at"):
        if row[name] is None:
            raise ValueError(f"{spec.name}: {name} is missing in a row written by {stage}; every row needs it")
    return {
        "stage": stage,
        "key": "|".join("" if row[name] is None else str(row[name]) for name in spec.key),
        "reason": f"{spec.name}.{rule}",
        "detail": f"not true: {condition}; {values}",
        "permanent": True,
        "source_stamp": row.get("source_stamp"),
        "video_key": row.get("video_key"),
        "fingerprint": row["fingerprint"],
        "tool_version": row["tool_version"],
        "created_at": row["created_at"],
    }


def _publish(catalogue: Catalogue, spec: TableSpec, table: pa.Table, stage: str, footer: Mapping[str, str]) -> None:
    content = parquet_bytes(spec, table, {**standard_footer(table, stage), **footer})
    catalogue.store.publish(f"{spec.name}/{part_name(spec.schema_id, content_of([content]))}", content)


def standard_footer(table: pa.Table, stage: str) -> dict[str, str]:
    """What every part says of itself."""
    return {
        "stage": stage,
        "fingerprints": ",".join(sorted(table["fingerprint"].unique().to_pylist())),
        "tool_version": ",".join(sorted(table["tool_version"].unique().to_pylist())),
    }


def parquet_bytes(spec: TableSpec, table: pa.Table, footer: Mapping[str, str]) -> bytes:
    """A table as the bytes of a Parquet file: zstd, row groups of 65,536 rows, the footer as key-value metadata."""
    sink = pa.BufferOutputStream()
    schema = spec.schema.with_metadata({key: value.encode() for key, value in footer.items()})
    pq.write_table(
        table.cast(schema),
        sink,
        compression="zstd",
        compression_level=ZSTD_LEVEL,
        row_group_size=ROW_GROUP_ROWS,
    )
    return sink.getvalue().to_pybytes()
