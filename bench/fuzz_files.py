"""Files of every format with rows that are known one by one: `bench.doors_fuzz` damages them."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 8
ID = "BlUTkf-_GTg"
WATCH = f"https://www.youtube.com/watch?v={ID}"


@dataclass(frozen=True)
class Sound:
    """A sound file. `rows`: its bytes row by row, after `head` and before `tail`; None for a file that is no text, of
    which `whole` are the bytes. Row n says `mark(n)` in each of its texts."""

    format: str
    suffix: str
    rows: tuple[bytes, ...] | None
    head: bytes = b""
    tail: bytes = b""
    whole: bytes = b""


def mark(row: int) -> str:
    return f"mark{row}x"


def _records() -> dict[str, Callable[[str], dict[str, Any]]]:
    """A record of each nested format, of which every text holds `m`."""

    def turns(m: str) -> list[dict[str, Any]]:
        return [{"from": "human", "value": f"<video>\n{m}?"}, {"from": "gpt", "value": f"It is {m}."}]

    def said(m: str) -> list[dict[str, Any]]:
        return [{"role": "user", "content": f"<video>{m}?"}, {"role": "assistant", "content": f"It is {m}."}]

    def items(m: str) -> list[dict[str, Any]]:
        shown = {"type": "video", "video": {"video_file": f"{m}.mp4"}}
        return [{"role": "user", "content": [shown, {"type": "text", "text": m}]}]

    def asked(m: str) -> list[dict[str, Any]]:
        return [{"role": "user", "content": [{"type": "video_url", "video_url": {"url": f"{m}.mp4"}}]}]

    def scene(m: str) -> dict[str, Any]:
        stamps = {"start_timestamp": "00:00:01.000", "end_timestamp": "00:00:02.500"}
        return {"title": m, "activities": [{"description": m}], "timestamps": stamps}

    def clip(m: str) -> dict[str, Any]:
        texts = [{"kind": "given", "text": m, "model": "x", "segment": None}]
        return {"video_key": m, "start_us": 0, "end_us": 9, "own_key": m, "given": {"a": m}, "captions": texts}

    def hdvg(m: str) -> dict[str, Any]:
        cut = [{"clip_id": f"{m}_0", "caption": m, "scene_cut": [0, 5]}]
        return {"video_id": m, "url": f"https://a.example/{m}", "clip": [
            {"clip_id": m, "span": ["0:00:01", "0:00:02"], "scene_split": cut}]}  # fmt: skip

    return {
        "videochat2-it": lambda m: {"video": f"{m}.mp4", "start": 1, "end": 2, "QA": [{"i": m, "q": m, "a": m}]},
        "llava": lambda m: {"id": m, "video": f"{m}.mp4", "conversations": turns(m)},
        "sharegpt": lambda m: {"videos": [f"{m}.mp4"], "conversations": turns(m)},
        "ms-swift": lambda m: {"videos": [f"{m}.mp4"], "messages": said(m)},
        "openai": lambda m: {"id": m, "messages": asked(m)},
        "tarsier-jsonl": lambda m: {"messages": items(m), "dataset": m, "idx": m},
        "tarsier-jsonl v1": lambda m: {"text": {"prompt": f"<video>\n{m}", "response": m}, "video_file": f"{m}.mp4"},
        "vript": lambda m: {"meta": {"video_id": m}, "data": {f"{m}-Scene-1": {"caption": {"content": m}}}},
        "finevideo": lambda m: {"original_video_filename": m, "content_metadata": {"title": m, "scenes": [scene(m)]}},
        "questions": lambda m: {"video": m, "question": m, "candidates": [m, "y"], "answer": m},
        "video-captions": lambda m: {"video": f"{m}.mp4", "caption": m},
        "clips": lambda m: {"longtake_clip": clip(m)},
        "samples": lambda m: {"sample_id": m, "messages": json.dumps(items(m)), "given": json.dumps({"a": m})},
        "hdvg": hdvg,
        "internvid": lambda m: {"YoutubeID": m, "Start_timestamp": "00:00:01.0", "End_timestamp": "00:00:03.0",
                                "Caption": m},
        "openvid": lambda m: {"video": f"{m}.mp4", "caption": m, "aesthetic score": 5.1, "motion score": 3.0},
    }  # fmt: skip


def _tables() -> dict[str, Callable[[str], dict[str, str]]]:
    """A row of each csv format."""
    span = "['0:00:01.5', '0:00:12']"
    return {
        "lvd2m-csv": lambda m: {"key": m, "url": f"https://a.example/{m}", "span": span, "total score": "21",
                                "raw_caption": f'a "{m}"\ncaption, long', "refined_caption": f"Caption 1: {m}"},
        "lvd2m-csv hdvg": lambda m: {"key": m, "url": f"https://a.example/{m}", "orig_span": span,
                                     "scene_cut": "[0, 5]", "raw_caption": m},
        "lvd2m-csv webvid": lambda m: {"key": m, "url": f"https://a.example/{m}", "raw_caption": f"{m}, long"},
        "panda70m": lambda m: {"videoID": m, "url": f"https://a.example/{m}", "timestamp": "[['0:01', '0:02']]",
                               "caption": f"['{m}']"},
        "webvid": lambda m: {"videoid": m, "contentUrl": f"https://a.example/{m}.mp4", "name": f"{m}, a name"},
        "table": lambda m: {"url": f"https://a.example/{m}.mp4", "caption": m},
        "questions": lambda m: {"video": m, "question": f"{m},?", "a0": m, "a1": "no", "answer": "0"},
        "video-captions": lambda m: {"video": f"{m}.mp4", "caption": m},
    }  # fmt: skip


def _csv(name: str, made: Callable[[str], dict[str, str]]) -> Sound:
    def line(cells: list[str]) -> bytes:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(cells)
        return text.getvalue().encode()

    rows = [made(mark(n)) for n in range(ROWS)]
    return Sound(name.partition(" ")[0], ".csv", tuple(line(list(row.values())) for row in rows), line(list(rows[0])))


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink, row_group_size=2)
    return sink.getvalue()


def _tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for n in range(ROWS):
            files = {"mp4": b"\0\0\0\x20ftypisom" + mark(n).encode(), "txt": mark(n).encode(),
                     "json": json.dumps({"url": f"https://a.example/{mark(n)}"}).encode()}  # fmt: skip
            for suffix, content in files.items():
                member = tarfile.TarInfo(f"{mark(n)}.{suffix}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def sound_files() -> list[Sound]:
    """Every format in every kind of file in which it comes."""
    files = [_csv(name, made) for name, made in _tables().items()]
    for name, made in _records().items():
        rows = [json.dumps(made(mark(n))).encode() for n in range(ROWS)]
        form = name.partition(" ")[0]
        files.append(Sound(form, ".jsonl", tuple(row + b"\n" for row in rows)))
        items = (*(row + b",\n" for row in rows[:-1]), rows[-1] + b"\n")
        files.append(Sound(form, ".json", items, b"[\n", b"]\n"))
        if form in ("llava", "internvid", "openvid", "samples", "video-captions"):
            files.append(Sound(form, ".parquet", None, whole=_parquet([made(mark(n)) for n in range(ROWS)])))
    files.append(Sound("webdataset", ".tar", None, whole=_tar()))
    return files
