"""`curate stats`: what datasets publish of themselves, for any selection, in single passes of DuckDB."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from curate.doors.categories import FINGERPRINT, QUESTION_SQL
from curate.doors.published import CATEGORY_SHARES, CATEGORY_WORDS, PUBLISHED, SECONDS_SHARES, WORDS_SHARES
from curate.doors.writing.rows import opened
from engine.catalogue import Catalogue

KIND_ORDER = ("dense", "refined", "rewritten", "raw", "given", "grounded", "student")
NEAR_DUPLICATE = "two captions that share 4 of 4 smallest hashes of their word triples"
_WORDS = "list_filter(regexp_split_to_array(lower(text), '[^\\w'']+'), lambda w: w <> '')"


@dataclass(frozen=True)
class Table:
    """Figures for people. `shares`: (label, yours, published) in percent, for a chart."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    remark: str = ""
    shares: list[tuple[str, float | None, float | None]] = field(default_factory=list)


def statistics(catalogue: Catalogue, selection: str | None) -> list[Table]:
    """All tables, in their order; those of which nothing is known are left out.

    Raises:
        WrongUse: there is no such selection.
    """
    with opened(catalogue, selection) as connection:
        connection.execute(_LENGTHS_SQL)
        connection.execute(captions_sql())
        tables = [
            _overview(connection), _shares(connection, "Lengths", "seconds", "lengths", SECONDS_SHARES, "s"),
            _kinds(connection), _shares(connection, "Caption words", "words", "best", WORDS_SHARES, "words"),
            *_categories(connection), _diversity(connection), _flow(connection), _subsets(connection, selection),
        ]  # fmt: skip
        return [table for table in tables if table.rows]


_LENGTHS_SQL = """
    create table lengths as select e.number,
        coalesce(c.end_us - c.start_us, r.span_end_us - r.span_start_us, v.duration_us) / 1e6 as seconds,
        coalesce(n.flow_lvd, m.flow_raft_lvd, try_cast(r.given['total score'] as float)) as flow
    from entries e left join requests r using (request_id) left join clips c on c.clip_id = e.clip_id
    left join videos v on v.video_id = c.video_id left join measures m on m.clip_id = e.clip_id
    left join (select clip_id, arg_max(flow_lvd, created_at) as flow_lvd from flows group by clip_id) n
        on n.clip_id = e.clip_id
"""


def captions_sql() -> str:
    """`said`: every whole text of an entry; `best`: one for each entry, by KIND_ORDER."""
    order = " ".join(f"when '{kind}' then {place}" for place, kind in enumerate(KIND_ORDER))
    return f"""
        create view said as
            select e.number, c.kind, c.model, c.text, len({_WORDS.replace("text", "c.text")}) as words, c.caption_id
            from entries e join captions c on c.clip_id = e.clip_id or c.clip_id = e.request_id
            where c.segment is null;
        create view best as select * from said qualify row_number() over (
            partition by number order by case kind {order} else {len(KIND_ORDER)} end, model, caption_id) = 1;
    """


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return connection.execute(sql).fetchall()


def _overview(connection: duckdb.DuckDBPyConnection) -> Table:
    clips, hours, mean, median, low, flow = _rows(
        connection,
        "select count(*), sum(seconds) / 3600, avg(seconds), median(seconds), min(seconds), "
        "avg(flow) filter (seconds > 10) from lengths",
    )[0]
    words = _rows(connection, "select avg(words) from best")[0][0]
    own = ("yours", clips, _short(hours), _short(mean), _short(median), _short(low), _short(words), _short(flow))
    others = [
        (p.name, int(p.clips or 0), _short((p.clips or 0) * p.seconds / 3600), _short(p.seconds), "", "",
         _short(p.words),
         _short(p.flow)) for p in PUBLISHED
    ]  # fmt: skip
    columns = ("dataset", "clips", "hours", "seconds", "median", "shortest", "caption words", "flow over 10 s")
    remark = "Published: LVD-2M, arXiv 2410.10816, table 1; hours are clips times seconds."
    return Table("Beside published datasets", columns, [own, *others] if clips else [], remark)


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}"


def _shares(
    connection: duckdb.DuckDBPyConnection,
    title: str,
    value: str,
    source: str,
    bins: Sequence[tuple[float, float | None, float]],
    unit: str,
) -> Table:
    edges: list[tuple[float, float | None, float | None]] = [(0, bins[0][0], None), *bins]
    counts = ", ".join(
        f"count(*) filter ({value} >= {low}" + (f" and {value} < {high})" if high else ")") for low, high, _ in edges
    )
    counted = _rows(connection, f"select {counts} from {source}")[0]
    total = sum(counted)
    if not total:
        return Table(title, (), [])
    labels = [f"{low}–{high}" if high else f"over {low}" for low, high, _ in edges]
    percent = [100 * count / total for count in counted]
    shares = [(label, mine, edge[2]) for label, mine, edge in zip(labels, percent, edges, strict=True)]
    rows = [
        (label, count, _short(mine), _short(theirs))
        for (label, mine, theirs), count in zip(shares, counted, strict=True)
    ]
    return Table(title, (unit, "clips", "%", "LVD-2M %"), rows, shares=shares)


def _kinds(connection: duckdb.DuckDBPyConnection) -> Table:
    rows = _rows(
        connection,
        "select kind, model, count(*), round(avg(words), 1)::varchar, min(words), max(words) from said "
        "group by all order by all",
    )
    return Table("Texts", ("kind", "model", "texts", "words", "fewest", "most"), rows)


def _categories(connection: duckdb.DuckDBPyConnection) -> list[Table]:
    """By keywords, and by each language model that was asked (`categories.ask`)."""
    cases = " ".join(
        f"when regexp_matches(lower(text), '\\b({words})\\b') then '{name}'" for name, words in CATEGORY_WORDS.items()
    )
    counted = dict(
        _rows(connection, f"select case {cases} else 'others' end as category, count(*) from best group by 1")
    )
    theirs = "LVD-2M's by a zero-shot classifier over eight classes."
    tables = [_of_categories("Categories by keywords", counted, f"Keywords of the caption; {theirs}")]
    by_model: dict[str, dict[str, int]] = {}
    for model, category, count in _rows(connection, f"""
        select a.model, a.answer, count(distinct b.number) from best b join answers a on a.question_id = {QUESTION_SQL}
        where a.fingerprint = '{FINGERPRINT}' and a.answer is not null group by 1, 2 order by 1, 2
    """):  # fmt: skip
        by_model.setdefault(model, {})[category] = count
    for model, found in by_model.items():
        remark = f"{model} was asked about {sum(found.values()):,} of {sum(counted.values()):,} captions; {theirs}"
        tables.append(_of_categories(f"Categories by {model}, zero-shot", found, remark))
    return tables


def _of_categories(title: str, counted: dict[str, int], remark: str) -> Table:
    total = sum(counted.values())
    if not total:
        return Table(title, (), [])
    shares: list[tuple[str, float | None, float | None]] = [
        (name, 100 * counted.get(name, 0) / total, theirs) for name, theirs in CATEGORY_SHARES.items()
    ]
    rows = [(name, counted.get(name, 0), _short(mine), _short(theirs)) for name, mine, theirs in shares]
    return Table(title, ("category", "clips", "%", "LVD-2M %"), rows, remark, shares)


def _diversity(connection: duckdb.DuckDBPyConnection) -> Table:
    """Vocabulary, share of word groups that are unlike all others, and captions nearly alike."""
    words, vocabulary = _rows(
        connection, f"select count(*), count(distinct w) from (select unnest({_WORDS}) as w from best)"
    )[0]
    if not words:
        return Table("Diversity", (), [])
    rows: list[tuple[Any, ...]] = [("words", f"{words:,}"), ("vocabulary", f"{vocabulary:,}")]
    for n in (2, 3):
        gram = " || ' ' || ".join(f"w[i + {k}]" for k in range(n))
        total, distinct = _rows(connection, f"""
            select count(*), approx_count_distinct(g) from (
                select unnest(list_transform(range(1, len(w) - {n - 2}), lambda i: {gram})) as g
                from (select {_WORDS} as w from best))
        """)[0]  # fmt: skip
        if total:
            rows.append((f"distinct groups of {n} words", f"{100 * min(1, distinct / total):.1f} %"))
    alike, exact, count = _rows(connection, f"""
        with grams as (
            select number, text, list_sort(list_distinct(list_transform(range(1, greatest(2, len(w) - 1)),
                lambda i: hash(w[i], coalesce(w[i + 1], ''), coalesce(w[i + 2], '')))))[1:4] as sketch
            from (select number, text, {_WORDS} as w from best)
        ), groups as (
            select number, count(*) over (partition by sketch) as alike,
                count(*) over (partition by text) as same from grams
        )
        select count(*) filter (alike > 1), count(*) filter (same > 1), count(*) from groups
    """)[0]  # fmt: skip
    rows.append(("captions that another clip has word for word", f"{exact:,} of {count:,}"))
    rows.append(("captions nearly alike", f"{alike:,} of {count:,}"))
    return Table("Diversity", ("", ""), rows, f"Nearly alike: {NEAR_DUPLICATE}.")


def _flow(connection: duckdb.DuckDBPyConnection) -> Table:
    bins = ((20, 30), (30, 50), (50, 100), (100, None))
    counts = ", ".join(
        f"count(*) filter (flow >= {low}" + (f" and flow < {high})" if high else ")") for low, high in ((0, 20), *bins)
    )
    counted = _rows(connection, f"select {counts} from lengths")[0]
    if not sum(counted):
        return Table("Flow", (), [])
    labels = ("under 20", *(f"{low}–{high}" if high else f"over {low}" for low, high in bins))
    rows = [(label, count, _short(100 * count / sum(counted))) for label, count in zip(labels, counted, strict=True)]
    remark = "LVD-2M keeps 20 and more; its shares are 25–29, 40, 25–29 and 6 % (its text leaves two of them open)."
    return Table("Flow", ("pixels in 0.5 s", "clips", "%"), rows, remark)


def _subsets(connection: duckdb.DuckDBPyConnection, selection: str | None) -> Table:
    from curate.doors.videochat2.subsets import subset_of  # noqa: PLC0415

    within = "" if selection is None else (
        "where list_has_any(s.clip_ids, (select list(clip_id) from entries where clip_id is not null))")  # fmt: skip
    rows = _rows(
        connection,
        "select o.dataset, coalesce(o.task, ''), o.media, count(*) from origins o join samples s using (sample_id) "
        f"{within} group by all order by all",
    )
    known = [(*row, found.rows if (found := subset_of(row[0])) and found.rows else "") for row in rows]
    return Table("Samples by sub-set", ("dataset", "task", "media", "samples", "VideoChat2-IT"), known)
