"""`--keep spans`: exact cuts of what was asked for stay, the files that they were cut from go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from curate import stages
from curate.media_reject import media_reject
from curate.requested import NAMES_SQL, REQUESTED_SQL
from engine.catalogue import Catalogue, now, tool_version
from engine.due import Due
from engine.run import Plan
from engine.work import Beat, Outcome, Row, Slot, Work
from engine.write import write
from media.cut import cut
from media.errors import MediaError
from schemas.ids import fingerprint_of, video_id_of

STAGE = "keep"
VERSION = 1
FINGERPRINT = fingerprint_of(STAGE, VERSION)
MADE_SQL = f"""
    select v.video_id, v.uri, v.bytes from videos v join scans s using (video_id) join ({REQUESTED_SQL}) w using
    (video_id) where coalesce(v.kept, 'full') = 'full' and w.requests_stamp is not distinct from s.requests_stamp
        and v.uri like 'media/videos/%' and v.video_id not in (
            select n.video_id from requests r join ({NAMES_SQL}) n using (video_key) where r.span_start_us is null)
"""
"""Fetched videos of which nothing but spans is asked for, and all of those are clips."""


@dataclass(frozen=True)
class Kept:
    """What was kept, and the bytes that were freed."""

    clips: int
    videos: int
    freed: int


def keep_spans(catalogue: Catalogue, effort: stages.Effort) -> Kept:
    """Cut the asked spans of fetched videos, then let go of the videos.

    In this order: files of clips, their rows, the row that says that the video is gone, the video. Killed at any
    moment, nothing is lost, and the next run goes on.
    """
    root = catalogue.store.local_root
    folder = str(root) if root is not None else None
    due = Due(
        STAGE,
        FINGERPRINT,
        input_sql=f"select c.clip_id, c.video_id, c.start_us, c.end_us, v.video_key, v.uri, "
        f"v.source_stamp from clips c join ({MADE_SQL}) m using (video_id) "
        "join videos v using (video_id) where c.origin = 'requested'",
        key="clip_id",
        done_sql="select clip_id, fingerprint from clip_files",
        order="i.video_id, i.start_us",
    )
    with catalogue.connect() as connection:
        tally = stages.run_due(catalogue, connection, due, _plan(folder), effort)
    gone = _let_go(catalogue)
    return Kept(tally.done, len(gone), sum(row["bytes"] for row in gone))


def _plan(folder: str | None) -> Plan:
    return Plan(STAGE, FINGERPRINT, "clip_id", partial(_make_work, folder))


def _make_work(folder: str | None, slot: Slot) -> Work:
    if folder is None:
        raise ValueError("--keep spans needs a catalogue on a disk of this machine")
    return partial(_cut_clips, Path(folder), slot.threads)


def _cut_clips(root: Path, threads: int, rows: Sequence[Row], beat: Beat) -> Iterator[Outcome]:
    for row in rows:
        beat()
        uri = f"media/clips/{row['video_id'][:2]}/{row['clip_id']}.mp4"
        path = root / uri
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            report = cut(row["source"], row["start_us"], row["end_us"], path, threads=threads)
        except MediaError as error:
            yield Outcome(row["clip_id"], reject=media_reject(error))
            continue
        with path.open("rb") as file:
            content, size = video_id_of(file, beat)
        yield Outcome(row["clip_id"], {"clip_files": [{
            "clip_id": row["clip_id"], "video_id": row["video_id"], "uri": uri, "bytes": size, "content": content,
            "num_frames": report.num_frames,
        }]})  # fmt: skip


def _let_go(catalogue: Catalogue) -> list[Row]:
    """Mark and delete the videos of which every asked clip is a file; also those that a killed run had only marked."""
    with catalogue.connect() as connection:
        whole = connection.sql(
            f"select * from videos where video_id in (select video_id from ({MADE_SQL})) and video_id not in "
            "(select video_id from clips where origin = 'requested' and clip_id not in "
            "(select clip_id from clip_files))"
        ).to_arrow_table().to_pylist()  # fmt: skip
        marked = connection.execute("select uri from videos where kept = 'spans'").fetchall()
    provenance = {"fingerprint": FINGERPRINT, "tool_version": tool_version(), "created_at": now()}
    write(catalogue, {"videos": [row | {"kept": "spans"} | provenance for row in whole]}, stage=STAGE)
    for uri in [row["uri"] for row in whole] + [row[0] for row in marked]:
        catalogue.store.delete(uri)
    return whole
