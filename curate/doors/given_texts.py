"""The texts of a dataset's rows as rows of `captions`, and the parts of one that was put together from several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.doors.reading.texts import SEGMENT_MARK, Text
from curate.doors.table_sql import caption_id_sql

_BLANK = "^ *$"


def captions_of(
    connection: duckdb.DuckDBPyConnection, asked: pa.Table, said: Sequence[pa.ChunkedArray], texts: Sequence[Text]
) -> Iterator[pa.Table]:
    """Tables of caption_id, clip_id (the request), kind, segment, text and model, of the usable rows of `asked`
    (`asked_sql`), whose texts are `said`. A text whose parts are texts of their own comes whole, and its parts as
    `segment`."""
    usable = asked["problem"].is_null()
    for n, text in enumerate(texts):
        columns = [asked[f"id_{n}"], asked["request_id"], said[n], asked[f"model_{n}"]]
        rows = pa.table(columns, names=["caption_id", "clip_id", "text", "model"])
        chosen = pc.and_(usable, _is_text(said[n]))  # type: ignore[attr-defined]
        rows = rows if pc.all(chosen).as_py() else rows.filter(chosen)  # type: ignore[attr-defined]
        if rows.num_rows:
            yield _of_kind(rows, text.kind)
        if text.segments:
            marked = rows.filter(asked[f"is_marked_{n}"] if rows.num_rows == asked.num_rows else (
                asked[f"is_marked_{n}"].filter(chosen)))  # fmt: skip
            yield from _segments(connection, marked)


def _is_text(said: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whether a text is there and not blank. Few begin with a space: only where some do are all looked at whole."""
    empty = pc.equal(pc.binary_length(said), 0)  # type: ignore[attr-defined]
    spaced = pc.starts_with(said, pattern=" ")  # type: ignore[attr-defined]
    if pc.any(spaced).as_py():  # type: ignore[attr-defined]
        empty = pc.match_substring_regex(said, pattern=_BLANK)  # type: ignore[attr-defined]
    return pc.invert(pc.fill_null(empty, True))  # type: ignore[attr-defined]


def _of_kind(rows: pa.Table, kind: str) -> pa.Table:
    return rows.append_column("kind", pa.repeat(pa.scalar(kind), rows.num_rows))


def _segments(connection: duckdb.DuckDBPyConnection, marked: pa.Table) -> Iterator[pa.Table]:
    """The parts behind "Caption x:", numbered from 0 in their order; what stands before the first mark is in the whole
    text alone."""
    if not marked.num_rows:
        return
    marked = marked.combine_chunks()
    split = pc.split_pattern_regex(marked["text"], pattern=SEGMENT_MARK)  # type: ignore[attr-defined]
    split = split.combine_chunks() if isinstance(split, pa.ChunkedArray) else split
    parents = pc.list_parent_indices(split)  # type: ignore[attr-defined]
    pieces = pc.utf8_trim_whitespace(pc.list_flatten(split))  # type: ignore[attr-defined]
    of = parents.to_numpy(zero_copy_only=False)
    first = np.r_[True, of[1:] != of[:-1]] if len(of) else np.zeros(0, bool)
    kept = ~first & np.asarray(pc.binary_length(pieces)).astype(bool)  # type: ignore[attr-defined]
    of = of[kept]
    if not len(of):
        return
    starts = np.flatnonzero(np.r_[True, of[1:] != of[:-1]])
    number = np.arange(len(of)) - np.repeat(starts, np.diff(np.r_[starts, len(of)]))
    parts = pa.table({
        "request_id": marked["clip_id"].take(pa.array(of)), "model": marked["model"].take(pa.array(of)),
        "segment": pa.array(number, pa.int32()), "text": pieces.filter(pa.array(kept)),
    })  # fmt: skip
    connection.register("parts", parts)
    ids = connection.sql(f"select {caption_id_sql('segment', 'segment', 'model', 'text')} as id from parts")
    yield _of_kind(
        parts.rename_columns(["clip_id", "model", "segment", "text"]).append_column(
            "caption_id", ids.to_arrow_table()["id"]
        ),
        "segment",
    )
