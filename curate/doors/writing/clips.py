"""Clips as samples with media: what their JSON says, their files, WebDataset shards and plain files. The same selection
gives the same bytes."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from curate.doors.writing.rows import ClipEntry
from curate.file_names import file_name
from engine.catalogue import Catalogue
from media.cut import cut
from media.errors import MediaError

SHARD_BYTES = 1 << 30
CRF = 18
_COPY_BYTES = 4 << 20
KINDS = ("dense", "refined", "rewritten", "raw", "given", "grounded", "student")
"""Which text stands in key.txt: the first of these that there is."""


def clip_json(entry: ClipEntry) -> dict[str, Any]:
    """All that is known of a clip, so that reading it again gives the same rows."""
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
    return {"key": entry.key, "caption": best_text(entry), "longtake_clip": said,
            **{name: value for name, value in told.items() if value is not None}}  # fmt: skip


def best_text(entry: ClipEntry) -> str | None:
    return next((text for kind in KINDS if (text := entry.text_of(kind))), None)


def clip_json_bytes(entry: ClipEntry) -> bytes:
    return json.dumps(clip_json(entry), ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


class MediaFiles:
    """The bytes of clips: the file itself where the clip is all of it, else an exact cut by one thread, which gives
    the same bytes everywhere with the same libraries."""

    def __init__(self, catalogue: Catalogue, *, wanted: bool) -> None:
        self._catalogue = catalogue
        self._wanted = wanted
        self.failed: list[tuple[str, str]] = []
        self.absent = 0

    @contextmanager
    def of(self, entry: ClipEntry) -> Iterator[Path | None]:
        """A local file with the clip; None where it has not come, or cannot be cut."""
        if not self._wanted:
            yield None
            return
        row = entry.row
        uri = row["clip_uri"] or (row["uri"] if row["kept"] != "spans" else None)
        if row["clip_id"] is None or uri is None:
            self.absent += 1
            yield None
            return
        source = self._catalogue.resolve_uri(uri)
        is_whole = row["clip_uri"] or (row["start_us"] == 0 and row["end_us"] == row["duration_us"])
        if is_whole and "://" not in source:
            yield Path(source) if self._is_there(entry, source) else None
            return
        with tempfile.TemporaryDirectory(prefix="longtake-") as folder:
            out = Path(folder) / "clip.mp4"
            try:
                cut(source, row["start_us"], row["end_us"], out, crf=CRF, threads=1)
            except (MediaError, OSError) as error:
                self.failed.append((entry.key, str(error)))
                yield None
                return
            yield out

    def _is_there(self, entry: ClipEntry, source: str) -> bool:
        if os.path.isfile(source):  # noqa: PTH113  (a Path for each of a million files takes its time)
            return True
        self.failed.append((entry.key, f"{source} is gone"))
        return False


def write_files(entries: Iterator[ClipEntry], out: Path, media: MediaFiles) -> int:
    """`key.mp4`, `key.txt` and `key.json` of every clip in one folder."""
    out.mkdir(parents=True, exist_ok=True)
    count = 0
    for entry in entries:
        name = file_name(entry.key, "")
        (out / f"{name}.json").write_bytes(clip_json_bytes(entry))
        if (text := best_text(entry)) is not None:
            (out / f"{name}.txt").write_bytes(text.encode())
        with media.of(entry) as file:
            if file is not None:
                shutil.copyfile(file, out / f"{name}{file.suffix.lower()}")
        count += 1
    return count


def write_webdataset(
    entries: Iterator[ClipEntry], out: Path, media: MediaFiles, shard_bytes: int = SHARD_BYTES
) -> tuple[int, int]:
    """Shards `000000.tar` of about `shard_bytes`; returns clips and shards. Times and owners in them are zero."""
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*.tar"):
        old.unlink()
    shard, count, size = 0, 0, 0
    archive: BinaryIO | None = None
    try:
        for entry in entries:
            if archive is None or size >= shard_bytes:
                _finish(archive)
                archive = (out / f"{shard:06d}.tar").open("wb", buffering=_COPY_BYTES)
                shard, size = shard + 1, 0
            name = file_name(entry.key, "").replace(".", "%2E")
            with media.of(entry) as file:
                if file is not None:
                    size += _add_file(archive, f"{name}{file.suffix.lower()}", file)
            size += _add(archive, f"{name}.json", clip_json_bytes(entry))
            if (text := best_text(entry)) is not None:
                size += _add(archive, f"{name}.txt", text.encode())
            count += 1
    finally:
        _finish(archive)
    return count, shard


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(tarfile.PAX_FORMAT)


def _add(archive: BinaryIO, name: str, content: bytes) -> int:
    head = _header(name, len(content))
    padding = -len(content) % 512
    archive.write(b"".join((head, content, bytes(padding))))
    return len(head) + len(content) + padding


def _add_file(archive: BinaryIO, name: str, file: Path) -> int:
    with file.open("rb", buffering=0) as source:
        size = os.fstat(source.fileno()).st_size
        if size <= _COPY_BYTES:
            content = source.read(size + 1)
            while len(content) < size and (more := source.read(size - len(content))):
                content += more
            return _add(archive, name, content)
        head = _header(name, size)
        archive.write(head)
        left = size
        while left and (block := source.read(min(left, _COPY_BYTES))):
            archive.write(block)
            left -= len(block)
        archive.write(bytes(left + (-size % 512)))
    return len(head) + size + (-size % 512)


def _finish(archive: BinaryIO | None) -> None:
    if archive is not None:
        archive.write(bytes(2 * 512))
        archive.close()


def text_file(path: Path) -> io.TextIOWrapper:
    """A file for texts, line breaks as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("w", encoding="utf-8", newline="")
