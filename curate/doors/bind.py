"""Given texts and samples name requests until the clips are there; this names the clips instead."""

from __future__ import annotations

import pyarrow as pa

from curate.cut_clips import ASKED_SQL
from curate.doors.new_parts import NewParts
from engine.catalogue import Catalogue
from schemas.tables import CAPTIONS, SAMPLES

ROWS_AT_ONCE = 20_000
LINKS_SQL = f"""
    select request_id, min(clip_id) as clip_id from (
        select request_id, clip_id from ({ASKED_SQL})
        union all
        select r.request_id, c.clip_id from requests r
        join (select video_key, video_id from videos union select video_key, video_id from aliases) n using (video_key)
        join scans s using (video_id)
        join clips c on c.video_id = n.video_id and c.start_us = 0 and c.end_us = s.duration_us
        where r.span_start_us is null
    ) group by request_id
"""
"""The clip of each request that has one: of its span, or the whole video where no span is asked for."""


def bind(catalogue: Catalogue) -> dict[str, int]:
    """Write the rows of captions and samples whose clips have come since anew, with the clips' ids; rows by table."""
    with catalogue.connect() as connection, NewParts(catalogue) as parts:
        if not connection.execute("select count(*) from clips").fetchall()[0][0]:
            return {}
        connection.execute(f"create temp table links as {LINKS_SQL}")
        captions = ", ".join("l.clip_id" if c.name == "clip_id" else f"c.{c.name}" for c in CAPTIONS.columns)
        ids = "list(coalesce(l.clip_id, u.id) order by u.place)"
        samples = ", ".join(f"any_value(s.{c.name})" if c.name not in ("sample_id", "clip_ids") else (
            "s.sample_id" if c.name == "sample_id" else f"{ids} as clip_ids") for c in SAMPLES.columns)  # fmt: skip
        queries = {
            "captions": f"select {captions} from captions c join links l on l.request_id = c.clip_id",
            "samples": f"""
                select {samples} from samples s join (
                    select sample_id, unnest(clip_ids) as id, generate_subscripts(clip_ids, 1) as place from samples
                ) u on u.sample_id = s.sample_id left join links l on l.request_id = u.id
                group by s.sample_id having count(l.clip_id) > 0
            """,
        }
        for name, sql in queries.items():
            spec = CAPTIONS if name == "captions" else SAMPLES
            for batch in connection.sql(sql).to_arrow_reader(ROWS_AT_ONCE):
                table = pa.Table.from_batches([batch]).rename_columns([c.name for c in spec.columns])
                parts.add(name, table)
        parts.publish()
        return dict(parts.written)
