"""What is exported, in one order and streamed: clips (or asked spans) with their texts, and samples."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import duckdb

from curate.cut_clips import ASKED_SQL
from curate.doors.bind import LINKS_SQL
from engine.catalogue import Catalogue
from engine.door import WrongUse
from engine.work import Row

BATCH_ROWS = 5_000
MEMORY = "1GB"


@dataclass(frozen=True)
class ClipEntry:
    """A clip, or a span that was asked for and has not come, with its texts as rows of `captions` (kind, segment, text,
    model), and columns of `clip` under `measures`. `media`: where its video lies, None where it has not come."""

    key: str
    row: Row
    texts: list[Row] = field(default_factory=list)

    def text_of(self, kind: str) -> str | None:
        return next((t["text"] for t in self.texts if t["kind"] == kind and t["segment"] is None), None)


@dataclass(frozen=True)
class SampleEntry:
    """A sample with one of its origins."""

    messages: list[dict[str, Any]]
    row: Row
    given: Mapping[str, Any]


@contextmanager
def opened(catalogue: Catalogue, selection: str | None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with `entries`: what is exported as clips, numbered.

    Raises:
        WrongUse: there is no such selection.
    """
    with catalogue.connect(memory_limit=MEMORY) as connection:
        if selection is not None:
            names = [row[0] for row in connection.execute("select distinct selection from selections").fetchall()]
            if selection not in names:
                raise WrongUse(f"there is no selection {selection!r}. There are: {', '.join(sorted(names)) or 'none'}")
        params = {"selection": selection} if selection is not None else {}
        connection.execute(f"create table entries as {_entries_sql(connection, selection)}", params)
        yield connection


def _entries_sql(connection: duckdb.DuckDBPyConnection, selection: str | None) -> str:
    """Of a selection its clips by rank, a row for each request that a clip answers; without one, what datasets asked
    for, or all clips where none did."""
    clips = connection.execute("select count(*) from clips").fetchall()[0][0]
    asked = f"select distinct clip_id, request_id from ({ASKED_SQL})" if clips else None
    of_samples = "dataset in (select dataset from origins)"
    has_text = "r.request_id in (select clip_id from captions)"
    if clips:
        has_text += (
            f" or r.request_id in (select l.request_id from ({LINKS_SQL}) l "
            "semi join captions c on c.clip_id = l.clip_id)"
        )
    links = LINKS_SQL if clips else "select null::varchar as request_id, null::varchar as clip_id where false"
    chosen = f"""
        select s.rank as place, s.clip_id, a.request_id from selections s join clips c using (clip_id)
        left join ({asked or links}) a using (clip_id) where s.selection = $selection
    """
    every = f"""
        select row_number() over (order by dataset, source_row, request_id) as place, l.clip_id, r.request_id
        from requests r left join ({links}) l using (request_id) where not {of_samples} or {has_text}
        union all
        select row_number() over (order by clip_id) as place, clip_id, null from clips
        where not exists (select 1 from requests r where not {of_samples} or {has_text})
    """
    return f"""
        select row_number() over (order by place, request_id nulls first, clip_id) as number, clip_id, request_id from (
            {chosen if selection is not None else every}
        )
    """


def clip_entries(connection: duckdb.DuckDBPyConnection) -> Iterator[ClipEntry]:
    """Every entry in order. Two streams, sorted alike, are put together, so that nothing large is held."""
    texts = _stream(connection.cursor(), _TEXTS_SQL)
    pending = next(texts, None)
    used = set[str]()
    for row in _stream(connection.cursor(), _CLIPS_SQL):
        number, said = row.pop("number"), list[Row]()
        while pending is not None and pending["number"] <= number:
            if pending["number"] == number:
                said.append({name: pending[name] for name in ("kind", "segment", "text", "model")})
            pending = next(texts, None)
        row["given"] = dict(row["given"] or {})
        key = row["own_key"] or row["clip_id"] or row["request_id"]
        if key in used:  # several spans may have the same name
            key = f"{key}_{row['request_id'] or row['clip_id']}"
        used.add(key)
        yield ClipEntry(key, row, said)


_CLIPS_SQL = """
    select e.number, e.clip_id, e.request_id, r.dataset, r.url, r.video_key, r.span_start_us, r.span_end_us,
        r.hdvg_start_frame, r.hdvg_end_frame, r.own_key, r.given, c.start_us, c.end_us, c.num_frames,
        v.uri, v.kept, f.uri as clip_uri, v.video_key as file_key, v.licence, v.duration_us, v.fps_num, v.fps_den,
        v.width, v.height, coalesce(n.flow_lvd, m.flow_raft_lvd) as flow_lvd
    from entries e left join requests r on r.request_id = e.request_id left join clips c on c.clip_id = e.clip_id
    left join videos v on v.video_id = c.video_id left join clip_files f on f.clip_id = e.clip_id
    left join measures m on m.clip_id = e.clip_id
    left join (select clip_id, arg_max(flow_lvd, created_at) as flow_lvd from flows group by clip_id) n
        on n.clip_id = e.clip_id
    order by e.number
"""
_TEXTS_SQL = """
    select number, kind, segment, text, model from (
        select e.number, c.kind, c.segment, c.text, c.model, c.created_at, c.caption_id
        from entries e join captions c on c.clip_id = e.clip_id
        union all
        select e.number, c.kind, c.segment, c.text, c.model, c.created_at, c.caption_id
        from entries e join captions c on c.clip_id = e.request_id
    ) order by number, kind, segment nulls first, created_at desc, model, caption_id
"""


def _stream(connection: duckdb.DuckDBPyConnection, sql: str) -> Iterator[Row]:
    for batch in connection.sql(sql).to_arrow_reader(BATCH_ROWS):
        yield from batch.to_pylist()


def sample_entries(connection: duckdb.DuckDBPyConnection, selection: str | None) -> Iterator[SampleEntry]:
    """Samples by dataset and row; of a selection those that show its clips and no others."""
    within = ""
    if selection is not None:
        within = """
            where len(s.clip_ids) > 0 and s.sample_id not in (
                select sample_id from (select sample_id, unnest(clip_ids) as id from samples)
                where id not in (select clip_id from entries where clip_id is not null))
        """
    sql = f"""
        select s.sample_id, s.messages, s.clip_ids, s.caption_ids, s.split, o.dataset, o.source_row, o.format, o.task,
            o.own_key, o.media, o.given
        from samples s left join origins o using (sample_id) {within}
        order by o.dataset, s.split, o.source_row, o.source, s.sample_id
    """
    for row in _stream(connection, sql):
        given = json.loads(row.pop("given") or "{}")
        yield SampleEntry(json.loads(row.pop("messages")), row, given)


def samples_of_clips(
    catalogue: Catalogue, connection: duckdb.DuckDBPyConnection, kinds: tuple[str, ...], prompt: str
) -> Iterator[SampleEntry]:
    """Where there are no samples: each clip with its best text as one question and answer."""
    for entry in clip_entries(connection):
        text = next((text for kind in kinds if (text := entry.text_of(kind))), None)
        if text is None:
            continue
        video: dict[str, Any] = {"video_file": catalogue.resolve_uri(entry.row["uri"]) if entry.row["uri"] else (
            entry.row["video_key"])}  # fmt: skip
        start, end = entry.row["start_us"], entry.row["end_us"]
        start, end = (entry.row["span_start_us"], entry.row["span_end_us"]) if start is None else (start, end)
        if start is not None and (start, end) != (0, entry.row["duration_us"]):
            video |= {"start_time": start / 1e6, "end_time": end / 1e6}
        messages = [
            {"role": "user", "content": [{"type": "video", "video": video}, {"type": "text", "text": prompt}]},
            {"role": "assistant", "content": [{"type": "text", "text": text}]},
        ]
        row = {"dataset": entry.row["dataset"], "task": "video/caption", "own_key": entry.key, "split": None,
               "media": "video", "sample_id": None, "source_row": None, "format": None}  # fmt: skip
        yield SampleEntry(messages, row, {})
