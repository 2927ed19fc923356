"""SQL that reads a clip dataset's file as rows of `requests` and `captions`, with what is wrong beside them."""

from __future__ import annotations

from collections.abc import Sequence

from curate.doors.reading.texts import Text
from curate.formats.asked import problem_sql, understood_sql
from curate.formats.format import Format, quoted_name
from engine.views import quoted


def asked_sql(format_: Format, rows: str, dataset: str, kept: Sequence[str], texts: Sequence[Text]) -> str:
    """One row a request: the columns of `requests` but provenance, `problem` (null: it can be used), and
    `text_<n>`, `model_<n>`, `id_<n>`.

    `rows`: SQL with `source_row`, `line_problem` and the file's columns as texts. `kept`: the columns that go to
    `given`. The request_id is the one that `curate download` gives the same row.
    """
    f = format_
    names = ", ".join(quoted(column) for column in kept)
    values = ", ".join(quoted_name(column) for column in kept)
    said = "".join(f", ({t.sql})::varchar as text_{n}, {t.model} as model_{n}" for n, t in enumerate(texts))
    passed = "".join(f", text_{n}, model_{n}" for n in range(len(texts)))
    ids = "".join(f", {caption_id_sql(t.kind, '-1', f'model_{n}', f'text_{n}')} as id_{n}" for n, t in enumerate(texts))
    understood = understood_sql(
        f,
        f.explode(rows) if f.explode else rows,
        dataset,
        url=f"nullif(trim({f.url.sql}), '')",
        row_problem=f"coalesce(line_problem, {f.problem})",
        more=f"map([{names}]::varchar[], [{values}]::varchar[]) as given{said}",
    )
    return f"""
        select source_row, dataset, url, video_key, span_start_us, span_end_us, hdvg_start_frame, hdvg_end_frame,
            own_key, given{passed}, request_id,
            {problem_sql(f, needs_url=not f.url.sql.startswith("null"))} as problem{ids}
        from ({understood})
    """


def caption_id_sql(kind: str, segment: str, model: str, text: str) -> str:
    """Id of a given text: of its request, kind, segment and model, and of the text's length and beginning, for a
    dataset may give two texts to the same span."""
    return f"md5(concat_ws(chr(31), request_id, '{kind}', {segment}, {model}, strlen({text}), left({text}, 200)))"
