"""What the report asks the catalogue for: aggregates and a few rows, single passes of DuckDB, whatever its size."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from curate.report.charts import shown
from curate.report.published import Shares
from engine.query import QueryError, run
from schemas.spans import US
from schemas.tables import MEASURES

BINS = 24
_COMPARISON = re.compile(
    r"^\s*(?P<value>[a-z_][a-z0-9_]*|coalesce\([a-z0-9_, ]+\))\s*(<=|>=|<|>)\s*(?P<bound>-?[0-9.]+)\s*$"
)


@dataclass(frozen=True)
class Histogram:
    """Counts of BINS bins of equal width from `low`; what lies beyond the last edge is in the last bin."""

    name: str
    unit: str
    low: float
    width: float
    counts: list[int]
    measured: int
    median: float

    def labels(self) -> list[str]:
        return [shown(self.low + self.width * place) for place in range(len(self.counts))]


@dataclass(frozen=True)
class Threshold:
    """A condition that compares one value with one bound."""

    name: str
    sql: str
    value: str
    bound: float


def one(connection: duckdb.DuckDBPyConnection, sql: str, params: Sequence[Any] = ()) -> tuple[Any, ...]:
    """The single row of a query."""
    return run(connection, sql, list(params)).fetchall()[0]


def rows(connection: duckdb.DuckDBPyConnection, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    return run(connection, sql, list(params)).fetchall()


def histogram(connection: duckdb.DuckDBPyConnection, name: str, unit: str, value: str, source: str) -> Histogram | None:
    """The histogram of a numeric expression over a table, up to its 99th percentile; None where it has no values."""
    low, high, median, count = one(
        connection,
        f"select min(v), approx_quantile(v, 0.99), approx_quantile(v, 0.5), count(v) from "
        f"(select cast({value} as double) as v from {source}) where isfinite(v)",
    )
    if not count:
        return None
    low = min(low, 0.0) if low < high * 0.25 else low  # a scale that can begin at 0 does
    width = (high - low) / BINS if high - low > 1e-6 * abs(high) else 1.0  # all the same: one bar
    counted = dict(
        rows(
            connection,
            f"select least({BINS - 1}, cast(floor((v - {low!r}) / {width!r}) as bigint)) as bin, count(*) from "
            f"(select cast({value} as double) as v from {source}) where isfinite(v) group by bin",
        )
    )
    return Histogram(name, unit, low, width, [counted.get(place, 0) for place in range(BINS)], count, median)


def measures() -> list[tuple[str, str]]:
    """Name and description of every number that clips may have."""
    return [(c.name, c.doc) for c in MEASURES.columns if pa.types.is_floating(c.type)]


def shares(connection: duckdb.DuckDBPyConnection, of: Shares, where: str) -> list[float] | None:
    """Percent of the clips in each bin of a published histogram; None where no clip lies in it."""
    uppers = [*of.edges[1:], None]
    counts = ", ".join(
        f"count(*) filter (v >= {low}" + (f" and v < {high})" if high is not None else ")")
        for low, high in zip(of.edges, uppers, strict=True)
    )
    counted = one(connection, f"select {counts} from (select {of.expression} as v from clip where {where})")
    total = sum(counted)
    return [100 * count / total for count in counted] if total else None


def newest_selection(connection: duckdb.DuckDBPyConnection) -> str | None:
    found = rows(connection, "select selection from funnels order by created_at desc, selection limit 1")
    return found[0][0] if found else None


def funnel(connection: duckdb.DuckDBPyConnection, selection: str) -> list[tuple[Any, ...]]:
    """step, condition, sql, clips_unmeasured, clips_turned_away_alone, clips_left, hours_left."""
    return rows(
        connection,
        "select step, condition, sql, clips_unmeasured, clips_turned_away_alone, clips_left, hours_left "
        "from funnels where selection = ? order by step",
        [selection],
    )


def thresholds(steps: Sequence[tuple[Any, ...]]) -> list[Threshold]:
    """Those conditions of a funnel that compare one value with one bound."""
    found = []
    for _, name, sql, *_rest in steps:
        if match := _COMPARISON.fullmatch(sql):
            found.append(Threshold(name, sql, match["value"], float(match["bound"])))
    return found


@dataclass(frozen=True)
class Moment:
    """A clip or a cut of which frames are to be shown: where its video is, when, and what to say of it."""

    uri: str
    start_us: int
    end_us: int
    text: str


def at_threshold(connection: duckdb.DuckDBPyConnection, of: Threshold, count: int) -> tuple[list[Moment], list[Moment]]:
    """The clips nearest to a bound: those that are kept by it, and those that are turned away."""
    sides = []
    for side in (of.sql, f"not ({of.sql})"):
        try:
            found = rows(
                connection,
                f"select uri, start_us, end_us, video_key, {of.value} from clip where {side} "
                f"order by abs({of.value} - {of.bound}), clip_id limit {count}",
            )
        except (QueryError, duckdb.Error):  # the selection is of an older catalogue, whose columns were others
            found = []
        sides.append(
            [
                Moment(uri, start, end, f"{value:.4g} · {key} at {start / US:.1f} s")
                for uri, start, end, key, value in found
            ]
        )
    return sides[0], sides[1]


def doubtful_cuts(connection: duckdb.DuckDBPyConnection, count: int) -> tuple[list[Moment], list[Moment]]:
    """The cuts with the lowest scores of their detector and kind, in turns, and flashes that nearly were cuts."""
    sql = """
        select v.uri, c.start_us, c.end_us, v.video_key, c.kind, c.detector, c.score from cuts c
        join videos v on v.video_id = c.video_id where {} and score is not null
        qualify row_number() over (partition by c.detector, c.kind order by c.score {}, c.video_id, c.start_us) <= {}
        order by row_number() over (partition by c.detector, c.kind order by c.score {}, c.video_id, c.start_us), c.kind
        limit {}
    """
    found = [
        rows(connection, sql.format(where, order, count, order, count))
        for where, order in (("kind <> 'flash_rejected'", "asc"), ("kind = 'flash_rejected'", "desc"))
    ]
    sides = [
        [
            Moment(uri, start, end, f"{kind}, score {score:.3g} by {detector} · {key} at {start / US:.2f} s")
            for uri, start, end, key, kind, detector, score in side
        ]
        for side in found
    ]
    return sides[0], sides[1]


def duplicate_groups(connection: duckdb.DuckDBPyConnection, count: int, members: int) -> list[list[Moment]]:
    """The largest groups of near-duplicates, the clip to keep first."""
    found = rows(
        connection,
        f"""
        with largest as (
            select group_id, group_size from duplicates where is_keeper and group_size > 1
            order by group_size desc, group_id limit {count}
        )
        select d.group_id, c.uri, c.start_us, c.end_us, c.video_key, d.is_keeper, d.reason, l.group_size
        from largest l join duplicates d on d.group_id = l.group_id join clip c on c.clip_id = d.clip_id
        qualify row_number() over (partition by d.group_id order by d.is_keeper desc, d.clip_id) <= {members}
        order by l.group_size desc, d.group_id, d.is_keeper desc, d.clip_id
        """,
    )
    groups: dict[str, list[Moment]] = {}
    for group, uri, start, end, key, is_keeper, reason, size in found:
        text = f"keep ({reason}), one of {size} · {key}" if is_keeper else key
        groups.setdefault(group, []).append(Moment(uri, start, end, text))
    return list(groups.values())
