"""SQL that reads a clip dataset's file as rows of `requests` and `captions`, with what is wrong beside them."""

from __future__ import annotations

from collections.abc import Sequence

from curate.doors.reading.texts import Text
from curate.formats.format import Format, quoted_name
from engine.views import quoted


def asked_sql(format_: Format, rows: str, dataset: str, kept: Sequence[str], texts: Sequence[Text]) -> str:
    """One row a request: the columns of `requests` but provenance, `problem` (null: it can be used), and
    `text_<n>`, `model_<n>`, `id_<n>`.

    `rows`: SQL with `source_row`, `line_problem` and the file's columns as texts. `kept`: the columns that go to
    `given`. The request_id is the one that `curate download` gives the same row.
    """
    f = format_
    exploded = f.explode(rows) if f.explode else rows
    names = ", ".join(quoted(column) for column in kept)
    values = ", ".join(quoted_name(column) for column in kept)
    said = "".join(f", ({t.sql})::varchar as text_{n}, {t.model} as model_{n}" for n, t in enumerate(texts))
    passed = "".join(f", text_{n}, model_{n}" for n in range(len(texts)))
    ids = "".join(f", {caption_id_sql(t.kind, '-1', f'model_{n}', f'text_{n}')} as id_{n}" for n, t in enumerate(texts))
    return f"""
        select *{ids} from (select source_row, dataset, url, video_key, span_start_us, span_end_us,
            try_cast(listed(frames)[1] as bigint) as hdvg_start_frame,
            try_cast(listed(frames)[2] as bigint) as hdvg_end_frame, own_key, given{passed},
            {_problem_sql(f)} as problem,
            left(sha256(concat_ws(chr(31), dataset, video_key, coalesce(span_start_us::varchar, ''),
                coalesce(span_end_us::varchar, ''), coalesce(frames, ''), coalesce(own_key, ''))), 32) as request_id
        from (
            select source_row::bigint as source_row, line_problem, {quoted(dataset)} as dataset,
                nullif(trim({f.url.sql}), '') as url,
                nullif(trim({f.video_key.sql}), '') as video_key, ({f.own_key})::varchar as own_key,
                us_of({f.start.sql}) as span_start_us, us_of({f.end.sql}) as span_end_us,
                ({f.start.sql})::varchar as start_text, ({f.end.sql})::varchar as end_text,
                ({f.frames.sql})::varchar as frames, {f.problem} as row_problem,
                map([{names}]::varchar[], [{values}]::varchar[]) as given{said}
            from ({exploded})
        ))
    """


def caption_id_sql(kind: str, segment: str, model: str, text: str) -> str:
    """Id of a given text: of its request, kind, segment and model, and of the text's length and beginning, for a
    dataset may give two texts to the same span."""
    return f"md5(concat_ws(chr(31), request_id, '{kind}', {segment}, {model}, strlen({text}), left({text}, 200)))"


def _problem_sql(f: Format) -> str:
    """SQL: null, or "column: what is wrong", the first thing that is."""
    column = {
        name: getattr(f, name).column.replace("'", "''") for name in ("url", "video_key", "start", "end", "frames")
    }
    needs_url = "false" if f.url.sql.startswith("null") else "url is null"
    return f"""case
        when line_problem is not null then line_problem
        when row_problem is not null then row_problem
        when {needs_url} then '{column["url"]}: missing'
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
        when frames is not null and (coalesce(len(listed(frames)), 0) <> 2
            or try_cast(listed(frames)[1] as bigint) is null
            or try_cast(listed(frames)[2] as bigint) is null or try_cast(listed(frames)[1] as bigint) < 0
            or not (try_cast(listed(frames)[2] as bigint) = -1
                or try_cast(listed(frames)[2] as bigint) > try_cast(listed(frames)[1] as bigint)))
            then '{column["frames"]}: not two frame numbers: ' || left(frames, 80)
        end"""
