"""Clips as LVD-2M's csv: its columns, lists as Python literals, and what such a file said as it stood there."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Sequence
from typing import Any, TextIO

from curate.doors.writing.rows import ClipEntry
from schemas.spans import US

COLUMNS = (
    "key", "video_id", "url", "dataset_src", "raw_caption", "refined_caption", "rewritten_caption", "orig_caption",
    "total score", "span", "video_time", "orig_span", "scene_cut",
)  # fmt: skip
_KINDS = {"raw_caption": "raw", "refined_caption": "refined", "rewritten_caption": "rewritten", "orig_caption": "given"}


def record_of(entry: ClipEntry) -> tuple[dict[str, Any], list[str]]:
    """The row's cells by column, and what they do not hold."""
    row, given = entry.row, entry.row["given"]
    cells = {name: given[name] for name in COLUMNS if given.get(name)}
    cells |= {"key": entry.key} | {name: entry.text_of(kind) or "" for name, kind in _KINDS.items()}
    cells.setdefault("video_id", row["video_key"] or row["file_key"] or "")
    cells.setdefault("url", row["url"] or "")
    cells.setdefault("dataset_src", row["dataset"] or "")
    start, end = (row["span_start_us"], row["span_end_us"])
    start, end = (row["start_us"], row["end_us"]) if start is None and not row["request_id"] else (start, end)
    if row["hdvg_start_frame"] is not None:
        cells.setdefault("orig_span", _span(start, end))
        cells.setdefault("scene_cut", f"[{row['hdvg_start_frame']}, {row['hdvg_end_frame']}]")
    elif start is not None:
        cells.setdefault("span", _span(start, end))
    if row["flow_lvd"] is not None:
        cells.setdefault("total score", repr(row["flow_lvd"]))
    length = (row["end_us"] - row["start_us"]) if row["end_us"] is not None else None
    length = end - start if length is None and start is not None else length
    if length is not None:
        cells.setdefault("video_time", repr(length / US))
    lost = [f"column {name}" for name in given if name not in COLUMNS]
    held = {(kind, cells[name]) for name, kind in _KINDS.items()}
    whole = entry.text_of("raw") or ""
    lost += [f"captions of kind {t['kind']}" for t in entry.texts
             if (t["kind"], t["text"]) not in held and not (t["kind"] == "segment" and t["text"] in whole)]  # fmt: skip
    return cells, lost


def file_of(cells: dict[str, Any]) -> str:
    """Which of LVD-2M's three files a row belongs to: they differ in how they say a span."""
    return "hdvg" if cells.get("scene_cut") else "ytb" if cells.get("span") else "webvid"


def columns_of(files: Collection[str]) -> tuple[str, ...]:
    """The columns of a file with rows of these files."""
    without = {"span"} if "ytb" not in files else set()
    without |= {"orig_span", "scene_cut"} if "hdvg" not in files else set()
    return tuple(column for column in COLUMNS if column not in without)


def write(rows: Iterable[dict[str, Any]], file: TextIO, columns: Sequence[str]) -> int:
    """Write rows; returns how many."""
    writer = csv.DictWriter(file, columns, restval="", lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    count = 0
    for row in rows:
        writer.writerow(row)
        count += 1
    return count


def _span(start_us: Any, end_us: Any) -> str:
    return repr([_time(start_us), _time(end_us)])


def _time(us: int) -> str:
    """H:MM:SS.mmm; where that would lose something, with all six digits."""
    fraction = f"{us % US // 1000:03d}" if us % 1000 == 0 else f"{us % US:06d}"
    return f"{us // 3_600_000_000}:{us // 60_000_000 % 60:02d}:{us // US % 60:02d}.{fraction}"
