"""Selections: a recipe over the wide `clip` view, frozen under a name, with a funnel of what each bound costs."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import duckdb
import pyarrow as pa

from curate.recipes import Condition, SelectRecipe
from engine.catalogue import Catalogue, now, tool_version
from engine.query import QueryError, fenced, one_line, run
from engine.write import write
from schemas.ids import fingerprint_of

STAGE = "select"
VERSION = 1
DEFAULT_ORDER = "video_id, start_us"
DEPENDS_ON = ("videos", "scans", "clips", "measures", "answers", "captions", "duplicates", "dedups")
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")


@dataclass(frozen=True)
class FunnelStep:
    """What one condition does: to all clips alone, and in its place behind the conditions before it.

    Step 0 is every clip, before any condition.
    """

    step: int
    condition: str
    sql: str
    clips_unmeasured: int
    clips_turned_away_alone: int
    hours_turned_away_alone: float
    clips_left: int
    hours_left: float


def select(catalogue: Catalogue, recipe: SelectRecipe, name: str, *, order: str = DEFAULT_ORDER) -> list[FunnelStep]:
    """Freeze the clips that keep every condition of the recipe under a name, ranked by `order`; give the funnel.

    Asking for the same again on an unchanged catalogue writes nothing. The SQL and the state of the catalogue stand
    in the footer of the part.

    Raises:
        ValueError: the name is none, or a condition or the order is no SQL over `clip`.
    """
    if not _NAME.match(name):
        raise ValueError(f"a selection is named by letters, digits, '.', '_' and '-', got {name!r}")
    conditions = recipe.conditions()
    state = catalogue.snapshot().state_of(*DEPENDS_ON)
    settings = {"conditions": [asdict(c) for c in conditions], "order": order, "state": state}
    with fenced(catalogue) as connection:
        _check(connection, conditions, order)
        funnel = _funnel(connection, conditions)
        fingerprint = fingerprint_of(STAGE, VERSION, settings)
        if not _is_frozen(connection, name, fingerprint):
            chosen = _chosen(connection, conditions, order)
            _freeze(catalogue, name, chosen, funnel, fingerprint, settings)
    return funnel


def _check(connection: duckdb.DuckDBPyConnection, conditions: Sequence[Condition], order: str) -> None:
    """Each piece of SQL must stand on its own, so that the error names the one that does not."""
    pieces = [(f"condition {c.name}", f"select clip_id from clip where ({c.sql}\n)") for c in conditions]
    for what, sql in [*pieces, ("order", f"select clip_id from clip order by {order}")]:
        try:
            run(connection, f"explain {sql}")
        except QueryError as error:
            raise ValueError(f"{what}: {error}") from error


def _funnel(connection: duckdb.DuckDBPyConnection, conditions: Sequence[Condition]) -> list[FunnelStep]:
    """One pass over `clip` counts for every condition: null, not true, and true together with all before it."""
    names = [f"c{i}" for i in range(len(conditions))]
    held = "".join(f", ({c.sql}\n) as {name}" for name, c in zip(names, conditions, strict=True))
    counts = ["count(*)", "coalesce(sum(seconds), 0)"]
    for i, name in enumerate(names):
        so_far = " and ".join(names[: i + 1])
        counts += [
            f"count(*) filter ({name} is null)",
            f"count(*) filter ({name} is not true)",
            f"coalesce(sum(seconds) filter ({name} is not true), 0)",
            f"count(*) filter ({so_far})",
            f"coalesce(sum(seconds) filter ({so_far}), 0)",
        ]
    sql = f"with held as (select seconds{held} from clip) select {', '.join(counts)} from held"
    try:
        row = run(connection, sql).fetchall()[0]
    except duckdb.Error as error:  # a condition that only fails on some row, such as a cast
        raise ValueError(f"a condition failed while it was computed: {one_line(error)}") from error
    steps = [FunnelStep(0, "all clips", "true", 0, 0, 0.0, row[0], row[1] / 3600)]
    for i, condition in enumerate(conditions):
        unmeasured, away, away_s, left, left_s = row[2 + 5 * i : 7 + 5 * i]
        hours_away, hours_left = away_s / 3600, left_s / 3600
        steps.append(FunnelStep(i + 1, condition.name, condition.sql, unmeasured, away, hours_away, left, hours_left))
    return steps


def _is_frozen(connection: duckdb.DuckDBPyConnection, name: str, fingerprint: str) -> bool:
    sql = "select count(*) from funnels where selection = ? and fingerprint = ?"
    return run(connection, sql, [name, fingerprint]).fetchall()[0][0] > 0


def _chosen(connection: duckdb.DuckDBPyConnection, conditions: Sequence[Condition], order: str) -> pa.Table:
    kept = " and ".join(f"({c.sql}\n)" for c in conditions) or "true"
    sql = f"select clip_id, row_number() over (order by {order}) as rank from clip where {kept} order by rank"
    return run(connection, sql).to_arrow_table()


def _freeze(
    catalogue: Catalogue,
    name: str,
    chosen: pa.Table,
    funnel: Sequence[FunnelStep],
    fingerprint: str,
    settings: dict[str, object],
) -> None:
    """Write the chosen clips, then the funnel, from which on they count."""
    provenance = {"fingerprint": fingerprint, "tool_version": tool_version(), "created_at": now()}
    rows = chosen
    for column, value in {"selection": name, **provenance}.items():
        rows = rows.append_column(column, pa.repeat(pa.scalar(value), chosen.num_rows))
    steps = [asdict(step) | {"selection": name} | provenance for step in funnel]
    footer = {"selection": json.dumps(settings, ensure_ascii=False)}
    write(catalogue, {"selections": rows, "funnels": steps}, stage=STAGE, footer=footer)
