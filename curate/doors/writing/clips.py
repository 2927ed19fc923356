"""Clips as samples with media: what their JSON says, their files, WebDataset shards and plain files. The same selection
gives the same bytes."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from curate.doors.writing.media_files import Media, MediaFiles, media_of
from curate.doors.writing.rows import ClipEntry
from curate.doors.writing.shards import Shards
from curate.file_names import file_name
from engine.catalogue import Catalogue

KINDS = ("dense", "refined", "rewritten", "raw", "given", "grounded", "student")
"""Which text stands in key.txt: the first of these that there is."""


def clip_json(entry: ClipEntry, text: str | None) -> dict[str, Any]:
    """All that is known of a clip, so that reading it again gives the same rows. text: its best one."""
    row = entry.row
    start, end = row["span_start_us"], row["span_end_us"]
    if row["request_id"] is None:
        start, end = row["start_us"], row["end_us"]
    frames = [row["hdvg_start_frame"], row["hdvg_end_frame"]] if row["hdvg_start_frame"] is not None else None
    said = {
        "dataset": row["dataset"], "url": row["url"], "video_key": row["video_key"] or row["file_key"],
        "start_us": start, "end_us": end, "hdvg_frames": frames, "own_key": row["own_key"], "given": row["given"],
        "captions": entry.texts,
    }  # fmt: skip
    told = {"clip_id": row["clip_id"], "fps_num": row["fps_num"], "fps_den": row["fps_den"], "width": row["width"],
            "height": row["height"], "num_frames": row["num_frames"], "licence": row["licence"],
            "flow_lvd": row["flow_lvd"]}  # fmt: skip
    return {"key": entry.key, "caption": text, "longtake_clip": said,
            **{name: value for name, value in told.items() if value is not None}}  # fmt: skip


def best_text(entry: ClipEntry) -> str | None:
    said = {text["kind"]: text["text"] for text in reversed(entry.texts) if text["segment"] is None}
    return next((text for kind in KINDS if (text := said.get(kind))), None)


def clip_json_bytes(entry: ClipEntry, text: str | None) -> bytes:
    return _JSON.encode(clip_json(entry, text)).encode()


_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)


class Sample(NamedTuple):
    """A clip as it is written. text: its best one, None where it has none; media: None where they are not wanted, or
    have not come."""

    key: str
    json: bytes
    text: bytes | None
    media: Media | None


@dataclass
class Counted:
    """rows: samples so far. absent: those of them whose video has not come."""

    rows: int = 0
    absent: int = 0


def samples_of(
    entries: Iterator[ClipEntry], catalogue: Catalogue, counted: Counted, *, with_media: bool = True
) -> Iterator[Sample]:
    for entry in entries:
        media = media_of(entry, catalogue) if with_media else None
        counted.rows += 1
        counted.absent += with_media and media is None
        text = best_text(entry)
        yield Sample(entry.key, clip_json_bytes(entry, text), None if text is None else text.encode(), media)


def write_files(samples: Iterator[Sample], out: Path, scratch: Path) -> list[tuple[str, str]]:
    """`key.mp4`, `key.txt` and `key.json` of every clip in one folder; the keys without their file, and why."""
    out.mkdir(parents=True, exist_ok=True)
    files = MediaFiles(scratch)
    for sample in samples:
        base = str(out / file_name(sample.key, ""))
        Path(f"{base}.json").write_bytes(sample.json)
        if sample.text is not None:
            Path(f"{base}.txt").write_bytes(sample.text)
        if sample.media is not None:
            files.put(sample.key, sample.media, lambda suffix, path, base=base: copy_file(path, base + suffix))
    return files.failed


def copy_file(source: str, target: str) -> None:
    shutil.copyfile(source, target)


def write_shards(
    samples: Iterator[Sample], out: Path, shard_bytes: int, scratch: Path
) -> tuple[int, list[tuple[str, str]]]:
    """Shards of about `shard_bytes`: how many, and the keys without their file, and why. Dots within a key are escaped:
    behind the first one readers of shards take all for the ending."""
    files = MediaFiles(scratch)
    with Shards(out, shard_bytes) as shards:
        for sample in samples:
            base = file_name(sample.key, "").replace(".", "%2E")
            shards.begin_sample()
            if sample.media is not None:
                files.put(
                    sample.key, sample.media, lambda suffix, path, base=base: shards.add_file(base + suffix, path)
                )
            shards.add(f"{base}.json", sample.json)
            if sample.text is not None:
                shards.add(f"{base}.txt", sample.text)
    return shards.count, files.failed


def text_file(path: Path) -> io.TextIOWrapper:
    """A file for texts, line breaks as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("w", encoding="utf-8", newline="")
