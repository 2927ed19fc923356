"""SQL that reads a clip dataset's file as rows of `requests` and `captions`, with what is wrong beside them."""

from __future__ import annotations

from collections.abc import Sequence

from curate.doors.reading.texts import SEGMENT_WORD, Text
from curate.formats.asked import GIVEN, problem_sql, understood_sql
from curate.formats.format import Format, quoted_name


def asked_sql(
    format_: Format, rows: str, dataset: str, kept: Sequence[str], texts: Sequence[Text], *, passed: bool
) -> str:
    """One row a request: the columns of `requests` but `given` and provenance, `problem` (null: it can be used), and of
    each text `model_<n>` and `id_<n>`, and `is_marked_<n>` where it may be put together of segments.

    `rows`: SQL with `source_row`, `line_problem` and the file's columns as texts. `passed`: with each text as
    `text_<n>` and with `kept`, the columns that go to `given`, as `given_<n>`; they may come from the file itself where
    the rows are its rows. The request_id is the one that `curate download` gives the same row.
    """
    f = format_
    names = [f"{GIVEN}{n}" for n in range(len(kept))] + [f"text_{n}" for n in range(len(texts))] if passed else []
    own = [f"{quoted_name(c)} as {GIVEN}{n}" for n, c in enumerate(kept)] if passed else []
    said = [f"({t.sql})::varchar as text_{n}, {t.model} as model_{n}" for n, t in enumerate(texts)]
    ids = [f"{caption_id_sql(t.kind, '-1', f'model_{n}', f'text_{n}')} as id_{n}" for n, t in enumerate(texts)]
    understood = understood_sql(
        f,
        f.explode(rows) if f.explode else rows,
        dataset,
        url=f"nullif(trim({f.url.sql}), '')",
        row_problem=f"coalesce(line_problem, {f.problem})",
        more=", ".join([*own, *said]) or "null as nothing",
    )
    models = [f"model_{n}" for n in range(len(texts))]
    marked = [f"contains(text_{n}, '{SEGMENT_WORD}') as is_marked_{n}" for n, t in enumerate(texts) if t.segments]
    columns = [*names, *models, *ids, *marked]
    return f"""
        select source_row, dataset, url, video_key, span_start_us, span_end_us, hdvg_start_frame, hdvg_end_frame,
            own_key, request_id, {"".join(f"{column}, " for column in columns)}
            {problem_sql(f, needs_url=not f.url.sql.startswith("null"))} as problem
        from ({understood})
    """


def caption_id_sql(kind: str, segment: str, model: str, text: str) -> str:
    """Id of a given text: of its request, kind, segment and model, and of the text's length and beginning, for a
    dataset may give two texts to the same span."""
    return f"md5(concat_ws(chr(31), request_id, '{kind}', {segment}, {model}, strlen({text}), left({text}, 200)))"
