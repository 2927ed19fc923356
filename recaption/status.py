"""How far captions are, read from the rows themselves: done, left, rate, failures, tokens, cost, by shard."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from engine.catalogue import Catalogue
from engine.due import shard_sql
from engine.terminal import printable, show_rows
from engine.views import quoted
from engine.wide import unwithdrawn_sql

if TYPE_CHECKING:
    import duckdb

RATE_SECONDS = 600  # of the newest rows: what the rate is taken from
LEAST_RATE_SECONDS = 30.0  # rows are written every ten seconds: what is nearer says nothing of a rate
FIRST_WRITE_SECONDS = 1  # rows of the first write within that time were made before it
NAMED_REASONS = 6


@dataclass(frozen=True)
class Work:
    """One step by one model with one setting. clips: that have its rows; seconds: between its first and newest row.

    busy_seconds: that the model took. recent: clips finished in `recent_seconds`, of which the newest row is the end.
    """

    stage: str
    kind: str
    model: str
    fingerprint: str
    clips: int
    texts: int
    prompt_tokens: int
    output_tokens: int
    busy_seconds: float
    recent: int
    recent_seconds: float
    age_seconds: float
    failed: dict[str, int]
    left: int

    @property
    def per_second(self) -> float:
        """Clips finished a second, lately; 0 where that cannot be said."""
        return self.recent / self.recent_seconds if self.recent_seconds >= LEAST_RATE_SECONDS else 0.0

    @property
    def eta_seconds(self) -> float | None:
        return self.left / self.per_second if self.left and self.per_second else None

    def usd(self, read: float, written: float) -> float:
        """At prices in USD for a million tokens."""
        return (self.prompt_tokens * read + self.output_tokens * written) / 1e6


_Counts = dict[int | None, int]  # by shard; None: all


def works_of(catalogue: Catalogue, selection: str | None, shards: int = 1) -> dict[int | None, list[Work]]:
    """All that was captioned of the selected clips, the newest first: under None, and for each shard by its number."""
    with catalogue.connect() as connection:
        chosen = f"selections where selection = {quoted(selection)}" if selection else "clips"
        numbers = f"unnest([null, {shard_sql('clip_id', shards)}])" if shards > 1 else "null"
        connection.execute(f"create temp table wanted as select clip_id, ({numbers})::bigint as shard from {chosen}")
        totals: _Counts = dict(connection.execute("select shard, count(*) from wanted group by shard").fetchall())
        rows = connection.execute(_WORKS).fetchall() + connection.execute(_IN_VAIN).fetchall()
        wanted = {row[3]: _wanted(connection, row[3]) or totals for row in rows}
        failed = {fingerprint: _failed(connection, fingerprint) for fingerprint in wanted}
    works = {shard: list[Work]() for shard in (None, *range(shards if shards > 1 else 0))}
    for shard, kind, model, fingerprint, *numbers, done in rows:
        gone, reasons = failed[fingerprint]
        left = max(0, wanted[fingerprint].get(shard, 0) - done - gone.get(shard, 0))
        works[shard].append(
            Work(_STAGES.get(kind, "caption"), kind, model, fingerprint, *numbers, failed=reasons, left=left)
        )
    for shard in range(len(works) - 1):
        begun = {(work.fingerprint, work.kind) for work in works[shard]}
        for work in works[None]:
            if (work.fingerprint, work.kind) not in begun:
                left = wanted[work.fingerprint].get(shard, 0) - failed[work.fingerprint][0].get(shard, 0)
                works[shard].append(replace(work, **_NOTHING, left=max(0, left)))
    return works


_NOTHING: dict[str, Any] = {
    "clips": 0, "texts": 0, "prompt_tokens": 0, "output_tokens": 0, "busy_seconds": 0.0, "recent": 0,
    "recent_seconds": 0.0,
}  # fmt: skip
# Clips of which a text was withdrawn are done, and no longer counted among those that have one.
_WRITTEN = f"""
    select clip_id, kind, model, fingerprint, created_at, prompt_tokens, output_tokens, seconds,
        {unwithdrawn_sql("captions", "c")} as stands
    from history.captions c where kind not in ('segment', 'given')
    union all
    select clip_id, 'answer', model, fingerprint, created_at, prompt_tokens, output_tokens, seconds, true
    from history.answers
"""
_WORKS = f"""
    with written as (
        select *, max(created_at) over (partition by fingerprint, shard) as newest
        from ({_WRITTEN}) join wanted using (clip_id)
    ),
    dated as (
        select *, min(created_at) filter (created_at > newest - interval {RATE_SECONDS} second)
            over (partition by fingerprint, shard) as since
        from written
    )
    select shard, kind, model, fingerprint, count(distinct clip_id) filter (stands), count(*) filter (stands),
        coalesce(sum(prompt_tokens), 0), coalesce(sum(output_tokens), 0), coalesce(sum(seconds), 0),
        count(distinct clip_id) filter (created_at > since + interval {FIRST_WRITE_SECONDS} second),
        epoch(max(newest)) - epoch(min(since)), epoch(now()) - epoch(max(newest)), count(distinct clip_id)
    from dated group by shard, kind, model, fingerprint order by shard, max(newest) desc
"""
_STAGES = {"refined": "refine", "rewritten": "rewrite", "answer": "answer", "refine": "refine", "rewrite": "rewrite"}
# Steps of which nothing passed have rejects alone, which say the stage and not the model.
_IN_VAIN = """
    select null, stage, '', fingerprint, 0, 0, 0, 0, 0.0, 0, 0.0, 0.0, 0 from rejects semi join wanted on clip_id = key
    where stage in ('caption', 'refine', 'rewrite', 'answer') and fingerprint not in (
        select fingerprint from history.captions union all select fingerprint from history.answers
    ) group by stage, fingerprint order by max(created_at) desc
"""


def _failed(connection: duckdb.DuckDBPyConnection, fingerprint: str) -> tuple[_Counts, dict[str, int]]:
    """Clips that were turned away for good, and how many rejects there are of each reason, those of texts included."""
    rows = connection.execute(
        "select w.shard, r.reason, count(*), count(w.clip_id) filter (r.permanent) from rejects r "
        "left join wanted w on w.clip_id = r.key where r.fingerprint = ? "
        "and (w.clip_id is not null or r.key not in (select clip_id from clips)) group by all order by 3 desc, 2",
        [fingerprint],
    ).fetchall()
    gone: Counter[int | None] = Counter()
    for shard, _, _, clips in rows:
        gone[shard] += clips
    return gone, {reason: count for shard, reason, count, _ in rows if shard is None}


def _wanted(connection: duckdb.DuckDBPyConnection, fingerprint: str) -> _Counts | None:
    """The clips that have what a step works on; None for one that works on frames."""
    source = connection.execute(
        "select s.fingerprint, s.kind, t.kind from history.captions t join history.captions s on s.caption_id = "
        "t.parents[1] where t.fingerprint = ? and s.fingerprint <> t.fingerprint limit 1",
        [fingerprint],
    ).fetchall()
    if not source:
        return None
    before, kind, made = source[0]
    pieces = "" if made in ("refined", "rewritten") else "and len(parents) > 1"  # merged windows
    rows = connection.execute(
        "select shard, count(distinct clip_id) from history.captions c join wanted using (clip_id) "
        f"where fingerprint = ? and kind = ? {pieces} and {unwithdrawn_sql('captions', 'c')} group by shard",
        [before, kind],
    ).fetchall()
    return dict(rows)


def status(catalogue: Catalogue, selection: str | None, shards: int, price: tuple[float, float]) -> None:
    """Print it as tables: one row a step, then one a shard."""
    by_shard = works_of(catalogue, selection, shards)
    works = by_shard.pop(None, [])
    if not works:
        print("nothing is captioned yet")
        return
    titles = ("what", "model", "settings", "clips", "left", "clips/s", "time left", "tokens read", "written", "USD")
    show_rows(titles, [_line(work, price) for work in works])
    for work in works:
        for reason, count in list(work.failed.items())[:NAMED_REASONS]:
            print(f"turned away · {work.stage} · {printable(work.model)} · {reason} {count:,}")
    if shards > 1:
        rows = [
            (f"{index}/{shards}", work.kind, printable(work.model), work.clips, work.left, _rate(work))
            for index in range(shards)
            for work in by_shard.get(index, [])
        ]
        show_rows(("shard", "what", "model", "clips", "left", "clips/s"), rows)


def _line(work: Work, price: tuple[float, float]) -> tuple[object, ...]:
    usd = work.usd(*price)
    return (
        work.kind, printable(work.model), work.fingerprint[:8], work.clips, work.left, _rate(work),
        _time(work.eta_seconds), work.prompt_tokens, work.output_tokens, f"{usd:.2f}" if any(price) else "",
    )  # fmt: skip


def _rate(work: Work) -> str:
    return f"{work.per_second:.2f}" if work.per_second else ""


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}"
