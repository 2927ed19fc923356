"""SQL for what the rows of a dataset's file ask for, and for what is wrong with them."""

from __future__ import annotations

from curate.formats.format import Format, quoted_name
from curate.formats.recognise import Recognised
from engine.views import quoted
from engine.write import broken_rule_sql
from schemas.tables import REQUESTS

GIVEN = "given_"
"""Columns that begin so hold the file's own, in their order."""


def asked_sql(file: Recognised, dataset: str, base_url: str | None, fingerprint: str, tool_version: str) -> str:
    """A query with the columns of `requests` that come from the row itself, those of the file (`GIVEN`), and `problem`,
    null where the row can be used.

    Rows come in the order of the file. `source_row` is null where every row of the file gives one row: then they are
    counted as they come, since counting in SQL would bind the whole query to one core.
    """
    f = file.format
    rows = f.explode(f"select row_number() over () as source_row, * from {file.rows_sql}") if f.explode else (
        f"select null as source_row, * from {file.rows_sql}")  # fmt: skip
    own = ", ".join(f"{quoted_name(column)} as {GIVEN}{i}" for i, column in enumerate(file.columns))
    names_media = f.url.sql.startswith("null") and base_url is None
    understood = understood_sql(f, rows, dataset, url=_url_sql(f, base_url), row_problem=f.problem, more=own)
    judged = f"""
        select *, {problem_sql(f, needs_url=not names_media)} as own_problem, null::map(varchar, varchar) as given,
            {quoted(fingerprint)} as fingerprint, {quoted(tool_version)} as tool_version,
            current_timestamp as created_at
        from ({understood})
    """
    kept = ", ".join(f"{GIVEN}{i}" for i in range(len(file.columns)))
    return f"""
        select request_id, source_row, url, video_key, span_start_us, span_end_us, hdvg_start_frame, hdvg_end_frame,
            own_key, {kept}, coalesce(own_problem, {broken_rule_sql(REQUESTS)}) as problem
        from ({judged})
    """


def understood_sql(format_: Format, rows: str, dataset: str, *, url: str, row_problem: str, more: str) -> str:
    """A query with the columns of `requests` that the rows of SQL `rows` ask for, those in `more`, and what
    `problem_sql` needs. Whichever door a row comes in by, it has the same request_id."""
    f = format_
    said = f"""
        select source_row::bigint as source_row, {url} as url, nullif(trim({f.video_key.sql}), '') as video_key,
            ({f.own_key})::varchar as own_key, ({f.start.sql})::varchar as start_text,
            ({f.end.sql})::varchar as end_text, ({f.frames.sql})::varchar as frames,
            {row_problem} as row_problem, {more}
        from ({rows})
    """
    timed = f"""
        select *, {quoted(dataset)} as dataset, us_of(start_text) as span_start_us, us_of(end_text) as span_end_us,
            listed(frames) as frame_list
        from ({said})
    """
    return f"""
        select *, try_cast(frame_list[1] as bigint) as hdvg_start_frame,
            try_cast(frame_list[2] as bigint) as hdvg_end_frame,
            left(sha256(concat_ws(chr(31), dataset, video_key, coalesce(span_start_us::varchar, ''),
                coalesce(span_end_us::varchar, ''), coalesce(frames, ''), coalesce(own_key, ''))), 32) as request_id
        from ({timed})
    """


def _url_sql(f: Format, base_url: str | None) -> str:
    url = f"trim({f.url.sql})"
    if base_url:
        base = quoted(base_url.rstrip("/") + "/")
        url = f"coalesce({url}, {base} || replace(url_encode({f.video_key.sql}), '%2F', '/'))"
    return f"nullif({url}, '')"


def problem_sql(format_: Format, *, needs_url: bool) -> str:
    """SQL over `understood_sql`: null, or "column: what is wrong", the first thing that is."""
    f = format_
    column = {
        name: getattr(f, name).column.replace("'", "''") for name in ("url", "video_key", "start", "end", "frames")
    }
    return f"""case
        when row_problem is not null then row_problem
        when {needs_url} and url is null then '{column["url"]}: missing'
        when not regexp_matches(url, '(?i)^https?://[^/\\s]') then '{column["url"]}: not http or https: '
            || left(url, 200)
        when video_key is null then '{column["video_key"]}: missing'
        when start_text is not null and span_start_us is null then '{column["start"]}: not a time: '
            || left(start_text, 80)
        when end_text is not null and span_end_us is null then '{column["end"]}: not a time: ' || left(end_text, 80)
        when span_start_us is null and span_end_us is not null then '{column["start"]}: missing'
        when span_end_us is null and span_start_us is not null then '{column["end"]}: missing'
        when span_end_us <= span_start_us then '{column["end"]}: the span ends before it starts: ' || start_text
            || ' to ' || end_text
        when frames is not null and (coalesce(len(frame_list), 0) <> 2
            or hdvg_start_frame is null or hdvg_end_frame is null or hdvg_start_frame < 0
            or not (hdvg_end_frame = -1 or hdvg_end_frame > hdvg_start_frame))
            then '{column["frames"]}: not two frame numbers: ' || left(frames, 80)
        end"""
