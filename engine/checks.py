"""What must hold between the rows of a catalogue, as SQL: each check gives (where, detail) of what does not."""

from __future__ import annotations

from dataclasses import dataclass

from engine.catalogue import Snapshot
from engine.write import broken_rule_sql
from schemas.spec import TableSpec
from schemas.tables import ALL

DUE_AGAIN = "`curate verify --repair` makes its input due again"


@dataclass(frozen=True)
class Check:
    """A query over the views whose rows are problems of one kind in one table."""

    kind: str
    table: str
    sql: str
    remedy: str


@dataclass(frozen=True)
class Reference:
    """A column that names a row of another table."""

    table: str
    column: str
    to: str
    remedy: str
    outlives: bool = False
    """the row is kept when what it names goes: then it is stale, and no error"""


_ADD = "run `curate add` on the folder again"
REFERENCES = (
    Reference("aliases", "video_id", "videos", _ADD),
    Reference("scans", "video_id", "videos", _ADD),
    Reference("cuts", "video_id", "scans", DUE_AGAIN),
    Reference("clips", "video_id", "scans", DUE_AGAIN),
    Reference("measures", "clip_id", "clips", DUE_AGAIN),
    Reference("clips", "request_id", "requests", "read the dataset file again"),
    Reference("duplicates", "clip_id", "clips", "run `curate dedup` again: the clip was scanned anew", outlives=True),
    Reference("selections", "clip_id", "clips", "select again: the clip was scanned anew", outlives=True),
    Reference("captions", "clip_id", "clips", "caption again: the clip was scanned anew", outlives=True),
    Reference("answers", "clip_id", "clips", "ask again: the clip was scanned anew", outlives=True),
    Reference("pairs", "sample_id", "samples", "make the pairs again"),
)


@dataclass(frozen=True)
class Count:
    """A commit row says how many rows of another table belong to it; a row that was refused counts.

    `refused_with`: a further table whose refused rows have none here.
    """

    commits: str
    parent: str
    number: str
    table: str
    rows: str = "true"
    refused_with: str | None = None


COUNTS = (
    Count("scans", "video_id", "num_clips", "clips"),
    Count("scans", "video_id", "num_clips", "measures", refused_with="clips"),
    Count("scans", "video_id", "num_cuts", "cuts", "kind <> 'flash_rejected'"),
    Count("dedups", "method", "num_clips", "duplicates"),
    Count("funnels", "selection", "clips_left", "selections"),
)


def checks(snapshot: Snapshot) -> list[Check]:
    """All checks of rows that a snapshot needs; tables without parts need none."""
    held = [spec for spec in ALL if snapshot.parts(spec.name)]
    names = {spec.name for spec in held}
    return [
        *(_keys(spec) for spec in held),
        *(_rules(spec) for spec in held),
        *(_reference(reference) for reference in REFERENCES if reference.table in names),
        *(_count(count) for count in COUNTS if count.commits in names),
    ]


def _where(columns: tuple[str, ...]) -> str:
    return f"concat_ws('|', {', '.join(columns)})"


def _keys(spec: TableSpec) -> Check:
    key = ", ".join(spec.key)
    sql = f"select {_where(spec.key)}, count(*) || ' rows' from {spec.name} group by {key} having count(*) > 1"
    return Check("duplicate_key", spec.name, sql, "run `curate compact`")


def _rules(spec: TableSpec) -> Check:
    sql = (
        f"select {_where(spec.key)}, rule from (select *, {broken_rule_sql(spec)} as rule from {spec.name}) "
        "where rule is not null"
    )
    return Check("broken_rule", spec.name, sql, "run its stage again: an older longtake wrote it")


def _reference(reference: Reference) -> Check:
    r = reference
    target = "clip_id" if r.column == "clip_id" else r.column
    sql = (
        f"select t.{r.column}, count(*) || ' rows name a row of {r.to} that is not there' from {r.table} t "
        f"anti join {r.to} o on o.{target} = t.{r.column} where t.{r.column} is not null group by t.{r.column}"
    )
    return Check("stale" if r.outlives else "dangling", r.table, sql, r.remedy)


def lost_sql(count: Count) -> str:
    """Parents of which fewer rows stand than their commit row says, with both numbers.

    A row that broke a rule is a reject of the same result, and counts.
    """
    c = count
    says = f"select {c.parent}, fingerprint, created_at, {c.number} as says from {c.commits}"
    tables = ", ".join(f"'{table}'" for table in (c.table, c.refused_with) if table)
    if c.commits == "funnels":
        says += " qualify row_number() over (partition by selection order by step desc) = 1"
    return f"""
        select s.{c.parent} as parent, s.says, coalesce(t.found, 0) + coalesce(r.refused, 0) as found
        from ({says}) s
        left join (select {c.parent}, count(*) as found from {c.table} where {c.rows} group by {c.parent}) t
            on t.{c.parent} = s.{c.parent}
        left join (
            select split_part(split_part(key, '|', 1), '_', 1) as parent, fingerprint, created_at, count(*) as refused
            from history.rejects where split_part(reason, '.', 1) in ({tables}) group by all
        ) r on r.parent = s.{c.parent} and r.fingerprint = s.fingerprint and r.created_at = s.created_at
        where s.says > coalesce(t.found, 0) + coalesce(r.refused, 0)
    """


def _count(count: Count) -> Check:
    sql = f"select parent, '{count.commits}.{count.number} is ' || says || ', found ' || found from ({lost_sql(count)})"
    return Check("count", count.table, sql, DUE_AGAIN)
