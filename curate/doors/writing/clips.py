"""Clips as samples with media: what their JSON says, their files, WebDataset shards and plain files. The same selection
gives the same bytes."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from curate.doors.writing.rows import ClipEntry
from curate.doors.writing.shards import SHARD_BYTES, Shards
from curate.file_names import file_name
from engine.catalogue import Catalogue
from media.cut import cut
from media.errors import MediaError

CRF = 18
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


class MediaFiles:
    """The files of clips: the video itself where the clip is all of it, else an exact cut by one thread, which gives
    the same bytes everywhere with the same libraries. Cuts go to `scratch`, one at a time."""

    def __init__(self, catalogue: Catalogue, scratch: Path, *, wanted: bool) -> None:
        self._root = catalogue.resolve_uri
        self._scratch = scratch
        self._wanted = wanted
        self.failed: list[tuple[str, str]] = []
        self.absent = 0

    def put(self, entry: ClipEntry, add: Callable[[str, str], None]) -> None:
        """Call `add(suffix, path)` with the clip's file, unless it has not come or cannot be cut."""
        if not self._wanted:
            return
        row = entry.row
        uri = row["clip_uri"] or (row["uri"] if row["kept"] != "spans" else None)
        if row["clip_id"] is None or uri is None:
            self.absent += 1
            return
        is_whole = row["clip_uri"] or (row["start_us"] == 0 and row["end_us"] == row["duration_us"])
        source = uri if uri.startswith("/") else self._root(uri)
        try:
            if not is_whole or "://" in source:
                made = self._scratch / "clip.mp4"
                cut(source, row["start_us"], row["end_us"], made, crf=CRF, threads=1)
                source = str(made)
            add(os.path.splitext(source)[1].lower(), source)  # noqa: PTH122  (a Path for each of a million files)
        except FileNotFoundError:
            self.failed.append((entry.key, f"{source} is gone"))
        except (MediaError, OSError) as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            self.failed.append((entry.key, str(error)))


def write_files(entries: Iterator[ClipEntry], out: Path, media: MediaFiles) -> int:
    """`key.mp4`, `key.txt` and `key.json` of every clip in one folder."""
    out.mkdir(parents=True, exist_ok=True)
    count = 0
    for entry in entries:
        count += 1
        base = str(out / file_name(entry.key, ""))
        text = best_text(entry)
        Path(f"{base}.json").write_bytes(clip_json_bytes(entry, text))
        if text is not None:
            Path(f"{base}.txt").write_bytes(text.encode())
        media.put(entry, lambda suffix, path, base=base: copy_file(path, base + suffix))
    return count


def copy_file(source: str, target: str) -> None:
    shutil.copyfile(source, target)


def write_webdataset(
    entries: Iterator[ClipEntry], out: Path, media: MediaFiles, shard_bytes: int = SHARD_BYTES
) -> tuple[int, int]:
    """Shards of about `shard_bytes`; returns clips and shards. Dots within a key are escaped: behind the first one
    readers of shards take all for the ending."""
    count = 0
    with Shards(out, shard_bytes) as shards:
        for entry in entries:
            count += 1
            base = file_name(entry.key, "").replace(".", "%2E")
            shards.begin_sample()
            media.put(entry, lambda suffix, path, base=base: shards.add_file(base + suffix, path))
            text = best_text(entry)
            shards.add(f"{base}.json", clip_json_bytes(entry, text))
            if text is not None:
                shards.add(f"{base}.txt", text.encode())
    return count, shards.count


def text_file(path: Path) -> io.TextIOWrapper:
    """A file for texts, line breaks as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("w", encoding="utf-8", newline="")
