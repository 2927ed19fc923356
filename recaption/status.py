"""How far captions are, read from the rows themselves: done, left, rate, failures, tokens, cost, by shard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.catalogue import Catalogue
from engine.due import Shard
from engine.terminal import printable, show_rows
from engine.views import quoted

if TYPE_CHECKING:
    import duckdb

RATE_SECONDS = 600  # of the newest rows: what the rate is taken from
LEAST_RATE_SECONDS = 1.0  # rows nearer than this were written in one piece: they say nothing of a rate
NAMED_REASONS = 6


@dataclass(frozen=True)
class Work:
    """One step by one model with one setting. clips: that have its rows; seconds: between its first and newest row.

    busy_seconds: that the model took. recent: clips finished within `recent_seconds` before the newest row.
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


def works_of(catalogue: Catalogue, selection: str | None, shard: Shard | None = None) -> list[Work]:
    """All that was captioned of the selected clips, the newest first."""
    with catalogue.connect() as connection:
        chosen = f"selections where selection = {quoted(selection)}" if selection else "clips where true"
        share = f" and {shard.condition('clip_id')}" if shard else ""
        connection.execute(f"create temp table wanted as select clip_id from {chosen}{share}")
        total = connection.execute("select count(*) from wanted").fetchall()[0][0]
        return [_work(connection, row, total) for row in connection.execute(_WORKS).fetchall()]


_WRITTEN = """
    select clip_id, kind, model, fingerprint, created_at, prompt_tokens, output_tokens, seconds, prompt_id
    from history.captions semi join wanted using (clip_id) where kind not in ('segment', 'given')
    union all
    select clip_id, 'answer', model, fingerprint, created_at, prompt_tokens, output_tokens, seconds, question_id
    from history.answers semi join wanted using (clip_id)
"""
_WORKS = f"""
    with written as ({_WRITTEN}), newest as (select fingerprint, max(created_at) as at from written group by all)
    select w.kind, w.model, w.fingerprint, count(distinct clip_id), count(*), coalesce(sum(prompt_tokens), 0),
        coalesce(sum(output_tokens), 0), coalesce(sum(seconds), 0),
        count(distinct clip_id) filter (w.created_at > n.at - interval {RATE_SECONDS} second),
        least({RATE_SECONDS}, epoch(n.at) - epoch(min(w.created_at))), epoch(now()) - epoch(n.at)
    from written w join newest n using (fingerprint) group by w.kind, w.model, w.fingerprint, n.at order by n.at desc
"""
_STAGES = {"refined": "refine", "rewritten": "rewrite", "answer": "answer"}


def _work(connection: duckdb.DuckDBPyConnection, row: Sequence[Any], total: int) -> Work:
    kind, model, fingerprint, clips, texts, read, written, busy, recent, recent_s, age = row
    failed = connection.execute(
        "select reason, count(*), count(*) filter (permanent and key in (select clip_id from wanted)) from rejects "
        "where fingerprint = ? group by reason order by 2 desc, 1",
        [fingerprint],
    ).fetchall()
    gone = sum(count for _, _, count in failed)
    left = max(0, _wanted(connection, fingerprint, total) - clips - gone)
    reasons = {reason: count for reason, count, _ in failed}
    stage = _STAGES.get(kind, "caption")
    return Work(
        stage, kind, model, fingerprint, clips, texts, read, written, busy, recent, recent_s, age, reasons, left
    )


def _wanted(connection: duckdb.DuckDBPyConnection, fingerprint: str, total: int) -> int:
    """The clips that a step is for: all that are wanted, or those that have what it is made of."""
    source = connection.execute(
        "select s.fingerprint, s.kind, t.kind from history.captions t join history.captions s on s.caption_id = "
        "t.parents[1] where t.fingerprint = ? and s.fingerprint <> t.fingerprint limit 1",
        [fingerprint],
    ).fetchall()
    if not source:
        return total
    before, kind, made = source[0]
    pieces = "" if made in ("refined", "rewritten") else "and len(parents) > 1"  # merged windows
    return connection.execute(
        "select count(distinct clip_id) from history.captions semi join wanted using (clip_id) "
        f"where fingerprint = ? and kind = ? {pieces}",
        [before, kind],
    ).fetchall()[0][0]


def status(catalogue: Catalogue, selection: str | None, shards: int, price: tuple[float, float]) -> None:
    """Print it as tables: one row a step, then one a shard."""
    works = works_of(catalogue, selection)
    if not works:
        print("nothing is captioned yet")
        return
    titles = ("what", "model", "settings", "clips", "left", "clips/s", "time left", "tokens read", "written", "USD")
    show_rows(titles, [_line(work, price) for work in works])
    for work in works:
        for reason, count in list(work.failed.items())[:NAMED_REASONS]:
            print(f"turned away · {work.stage} · {printable(work.model)} · {reason} {count:,}")
    if shards > 1:
        rows = []
        for index in range(shards):
            share = works_of(catalogue, selection, Shard(index, shards))
            rows += [(f"{index}/{shards}", w.kind, printable(w.model), w.clips, w.left, _rate(w)) for w in share]
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
