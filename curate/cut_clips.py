"""`curate cut`: clips become files, exact to the frame, with a manifest beside them; what is there is not made
again."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from curate.file_names import file_name
from curate.media_reject import media_reject
from curate.requested import NAMES_SQL
from curate.show import say
from curate.sources import open_source
from curate.stages import Effort
from engine.catalogue import Catalogue
from engine.door import WrongUse
from engine.pool import Pool
from engine.progress import Tally, progress
from engine.run import default_jobs, local_slots
from engine.views import quoted
from engine.work import Beat, Outcome, Row, Slot, Work
from media.cut import cut
from media.errors import MediaError
from schemas.ids import fingerprint_of

STAGE = "cut"
VERSION = 1
MANIFEST = "manifest.parquet"
NOTES = ".cut"
_SCHEMA = pa.schema([
    ("file", pa.string()), ("key", pa.string()), ("clip_id", pa.string()), ("request_id", pa.string()),
    ("num_frames", pa.int64()), ("bytes", pa.int64()), ("has_audio", pa.bool_()), ("error", pa.string()),
])  # fmt: skip


@dataclass(frozen=True)
class CutSettings:
    """How clips are encoded. `crf`: libx264's, 0 to 51, lower is better. `audio`: keep the sound."""

    crf: int = 18
    audio: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.crf <= 51:
            raise ValueError(f"crf must be between 0 and 51, got {self.crf}")


def cut_clips(catalogue: Catalogue, selection: str | None, out: Path, settings: CutSettings, effort: Effort) -> Tally:
    """Write the clips of a selection (or all that dataset files asked for, or all clips) into a folder.

    Raises:
        WrongUse: there is no such selection, or the folder cannot be made.
    """
    rows = _wanted(catalogue, selection, effort)
    try:
        (out / NOTES).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WrongUse(f"--out {out}: {error.strerror}") from error
    fingerprint = fingerprint_of(STAGE, VERSION, settings)
    done = _notes(out, fingerprint)
    left = [row for row in rows if not _is_there(out, row, done)]
    tally = Tally(STAGE, len(left))
    slots = local_slots(effort.jobs or default_jobs(), len(left))
    pool = Pool(partial(_make_work, str(out), settings), slots, key="file", limits=effort.limits)
    note = out / NOTES / f"{os.getpid()}-{secrets.token_hex(4)}.jsonl"
    began = time.monotonic()
    with progress(STAGE, len(left)) as show, note.open("a", encoding="utf-8") as journal:
        for outcome in pool.run([row] for row in left):
            made = outcome.rows["made"][0] if not outcome.reject else {
                "file": outcome.key, "error": f"{outcome.reject.reason}: {outcome.reject.detail}"}  # fmt: skip
            done[outcome.key] = made
            if outcome.reject:
                tally.rejected[outcome.reject.reason] += 1
            else:
                tally.done += 1
                print(json.dumps(made | {"fingerprint": fingerprint}), file=journal, flush=True)
            tally.seconds = time.monotonic() - began
            show(tally)
    _write_manifest(catalogue, rows, done, out)
    return tally


def _wanted(catalogue: Catalogue, selection: str | None, effort: Effort) -> list[Row]:
    """A row a file: the clip, its key, where its video lies, and the file's name.

    A span that several requests ask for is a file for each of their keys.
    """
    with catalogue.connect() as connection:
        chosen = f"c.clip_id in (select clip_id from selections where selection = {quoted(selection or '')})"
        count = connection.execute(f"select count(*) from clips c where {chosen}").fetchall()[0][0]
        if selection is not None and not count:
            names = [row[0] for row in connection.execute("select distinct selection from selections").fetchall()]
            raise WrongUse(f"selection {selection!r} holds no current clip. There are: {', '.join(names) or 'none'}")
        if selection is None:
            asked = connection.execute("select count(*) from clips where origin = 'requested'").fetchall()[0][0]
            chosen = "c.origin = 'requested'" if asked else "true"
        shard = f"and {effort.shard.condition('clip_id')}" if effort.shard else ""
        limit = f"limit {effort.limit}" if effort.limit is not None else ""
        rows = connection.sql(f"""
            select * from (
                select c.clip_id, c.video_id, c.start_us, c.end_us, c.num_frames, v.uri, v.kept, f.uri as clip_uri,
                    a.request_id, coalesce(a.own_key, c.clip_id) as key
                from (select * from clips c where {chosen}) c join videos v using (video_id)
                left join clip_files f using (clip_id)
                left join ({ASKED_SQL}) a on a.clip_id = c.clip_id
            ) where true {shard} order by key, request_id, clip_id {limit}
        """).to_arrow_table().to_pylist()  # fmt: skip
    return list(_named(catalogue, rows))


ASKED_SQL = f"""
    select distinct c.clip_id, r.request_id, r.own_key from requests r join ({NAMES_SQL}) n using (video_key)
    join scans s using (video_id) join videos v using (video_id) join clips c on c.video_id = n.video_id and c.origin
    = 'requested' and (
        c.request_id = r.request_id or (r.hdvg_start_frame is null
            and c.start_us = coalesce(r.span_start_us - coalesce(v.section_start_us, 0), 0)
            and c.end_us = least(r.span_end_us - coalesce(v.section_start_us, 0), s.duration_us)))
    where r.span_start_us is not null or r.own_key is not null
"""
"""Which requests a clip answers: it names one of them, others ask for the same span."""


def _named(catalogue: Catalogue, rows: Sequence[Row]) -> Iterator[Row]:
    """Each row with a file name of its own; names that differ in case alone are told apart as well."""
    taken = set[str]()
    for row in rows:
        name = file_name(row["key"], ".mp4")
        if name.lower() in taken:
            name = file_name(f"{row['key']}~{row['request_id'] or row['clip_id']}", ".mp4")
        taken.add(name.lower())
        has_source = row["kept"] != "spans"
        yield row | {
            "file": name,
            "source": catalogue.resolve_uri(row["uri"] if has_source else row["clip_uri"] or row["uri"]),
            "is_cut": not has_source,
        }


def _notes(out: Path, fingerprint: str) -> dict[str, Row]:
    """What earlier runs say that they made with these settings; a line that a kill cut short is none."""
    found: dict[str, Row] = {}
    for note in sorted((out / NOTES).glob("*.jsonl")):
        for line in note.read_text(encoding="utf-8").splitlines():
            try:
                made: dict[str, Any] = json.loads(line)
            except ValueError:
                continue
            if made.get("fingerprint") == fingerprint:
                found[made["file"]] = {name: made.get(name) for name in _SCHEMA.names}
    return found


def _is_there(out: Path, row: Row, done: dict[str, Row]) -> bool:
    made = done.get(row["file"])
    if made is None or made["clip_id"] != row["clip_id"]:
        return False
    try:
        return (out / row["file"]).stat().st_size == made["bytes"]
    except OSError:
        return False


def _make_work(out: str, settings: CutSettings, slot: Slot) -> Work:
    return partial(_cut_rows, Path(out), settings, slot.threads)


def _cut_rows(out: Path, settings: CutSettings, threads: int, rows: Sequence[Row], beat: Beat) -> Iterator[Outcome]:
    for row in rows:
        beat()
        path = out / row["file"]
        try:
            frames, has_audio = _write_clip(row, path, settings, threads)
        except MediaError as error:
            yield Outcome(row["file"], reject=media_reject(error))
            continue
        except OSError as error:
            yield Outcome(row["file"], reject=media_reject(MediaError("io_error", str(error))))
            continue
        made = {"file": row["file"], "clip_id": row["clip_id"], "num_frames": frames, "bytes": path.stat().st_size,
                "has_audio": has_audio, "key": row["key"], "request_id": row["request_id"], "error": None}  # fmt: skip
        yield Outcome(row["file"], {"made": [made]})


def _write_clip(row: Row, path: Path, settings: CutSettings, threads: int) -> tuple[int, bool | None]:
    """Cut a clip out of its video, or copy the file that was kept in the video's place."""
    if not row["is_cut"]:
        report = cut(
            row["source"], row["start_us"], row["end_us"], path, crf=settings.crf, audio=settings.audio, threads=threads
        )
        return report.num_frames, report.has_audio
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with open_source(row["source"]) as kept, temporary.open("wb") as copy:
        while block := kept.read(4 << 20):
            copy.write(block)
    temporary.replace(path)
    return row["num_frames"], None


def _write_manifest(catalogue: Catalogue, rows: Sequence[Row], done: dict[str, Row], out: Path) -> None:
    """One row a file: what it holds, what was asked for, and the columns of the dataset's row."""
    made = [
        {"file": row["file"], "key": row["key"], "clip_id": row["clip_id"], "request_id": row["request_id"]}
        | {name: done[row["file"]].get(name) for name in ("num_frames", "bytes", "has_audio", "error")}
        for row in rows
        if row["file"] in done
    ]
    temporary = out / f"{MANIFEST}.{os.getpid()}.tmp"
    with catalogue.connect() as connection:
        connection.register("made", pa.Table.from_pylist(made, schema=_SCHEMA))
        connection.execute(f"""
            copy (
                select made.*, c.video_id, v.video_key, c.start_us, c.end_us, c.origin, c.transitions_inside,
                    c.transition_at_start, c.transition_at_end, c.clean_start_us, c.clean_end_us, c.uncertainty_us,
                    r.dataset, r.url, r.given
                from made left join clips c using (clip_id) left join videos v on v.video_id = c.video_id
                left join requests r on r.request_id = made.request_id order by made.file
            ) to {quoted(str(temporary))} (format parquet, compression zstd)
        """)
    temporary.replace(out / MANIFEST)


def report(tally: Tally, out: Path) -> None:
    parts = [f"cut: {tally.done:,} files in {tally.seconds:.1f} s"]
    if tally.rejected:
        parts.append(f"{tally.rejected.total():,} failed ({tally.reasons()}); column error of the manifest says why")
    say(f"{', '.join(parts)}: {out / MANIFEST}")
