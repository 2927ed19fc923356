"""Clips and samples as a folder that Hugging Face `datasets` loads: Parquet, and a card that says where it is from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from curate.doors.record_files import dumped
from curate.doors.writing.clips import best_text, clip_json
from curate.doors.writing.rows import ClipEntry, SampleEntry

ROWS_A_FILE = 200_000
BATCH_ROWS = 5_000
_CLIP = pa.struct([
    ("dataset", pa.string()), ("url", pa.string()), ("video_key", pa.string()), ("start_us", pa.int64()),
    ("end_us", pa.int64()), ("hdvg_frames", pa.list_(pa.int64())), ("own_key", pa.string()),
    ("given", pa.map_(pa.string(), pa.string())),
    ("captions", pa.list_(pa.struct([
        ("kind", pa.string()), ("segment", pa.int32()), ("text", pa.string()), ("model", pa.string())]))),
])  # fmt: skip
CLIPS = pa.schema([
    ("key", pa.string()), ("caption", pa.string()), ("seconds", pa.float64()), ("flow_lvd", pa.float32()),
    ("width", pa.int32()), ("height", pa.int32()), ("licence", pa.string()), ("longtake_clip", _CLIP),
])  # fmt: skip
SAMPLES = pa.schema([
    (name, pa.string()) for name in ("sample_id", "dataset", "task", "own_key", "split", "media", "messages", "given")
] + [("is_caption", pa.bool_())])  # fmt: skip


def clip_row(entry: ClipEntry) -> dict[str, Any]:
    said = clip_json(entry, best_text(entry))
    inner = said["longtake_clip"]
    start, end = inner["start_us"], inner["end_us"]
    return {
        "key": entry.key, "caption": said["caption"], "seconds": (end - start) / 1e6 if start is not None else None,
        **{name: said.get(name) for name in ("flow_lvd", "width", "height", "licence")},
        "longtake_clip": inner | {"given": list(inner["given"].items())},
    }  # fmt: skip


def sample_row(entry: SampleEntry) -> dict[str, Any]:
    names = ("sample_id", "dataset", "task", "own_key", "split", "media")
    return {name: entry.row[name] for name in names} | {
        "messages": dumped(entry.messages), "given": dumped(dict(entry.given)),
        "is_caption": bool(entry.row.get("caption_ids")),
    }  # fmt: skip


def write_parquet(rows: Iterator[dict[str, Any]], schema: pa.Schema, folder: Path) -> int:
    """Rows as files of at most ROWS_A_FILE, `part-00000.parquet`; returns how many rows."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("part-*.parquet"):
        old.unlink()
    count, number = 0, 0
    while first := list(islice(rows, BATCH_ROWS)):
        with pq.ParquetWriter(folder / f"part-{number:05d}.parquet", schema, compression="zstd") as writer:
            batch, left = first, ROWS_A_FILE
            while batch:
                writer.write_table(pa.Table.from_pylist(batch, schema=schema))
                count, left = count + len(batch), left - len(batch)
                batch = list(islice(rows, min(BATCH_ROWS, left))) if left else []
        number += 1
    return count


def card(connection: duckdb.DuckDBPyConnection, name: str, selection: str | None, counts: dict[str, int]) -> str:
    """The dataset card: what it holds, from where, under which licences, by which recipe, and its statistics."""
    configs = "".join(
        f"  - config_name: {config}\n    data_files: {config}/*.parquet\n" for config, count in counts.items() if count
    )
    head = f"---\npretty_name: {name}\nconfigs:\n{configs}---\n\n# {name}\n\n"
    parts = [
        head + "Written by longtake. " + ", ".join(f"{count:,} {config}" for config, count in counts.items()) + ".\n"
    ]
    parts.append(_table("Sources", ("dataset", "rows", "hosts"), connection.execute(
        "select r.dataset, count(*), string_agg(distinct regexp_extract(r.url, '^https?://([^/]+)', 1), ', ') "
        "from entries e join requests r using (request_id) group by 1 order by 1"
    ).fetchall()))  # fmt: skip
    parts.append(
        _table(
            "Sub-sets of the samples",
            ("dataset", "task", "media", "rows"),
            connection.execute(
                "select dataset, coalesce(task, ''), media, count(*) from origins group by all order by all"
            ).fetchall(),
        )
    )
    parts.append(
        _table(
            "Licences",
            ("licence", "clips"),
            connection.execute(
                "select coalesce(v.licence, 'not known: that of the source'), count(*) from entries e "
                "left join clips c using (clip_id) left join videos v using (video_id) group by 1 order by 1"
            ).fetchall(),
        )
    )
    if selection is not None:
        parts.append(_table("Recipe and funnel", ("condition", "SQL", "clips left", "hours left"), connection.execute(
            "select condition, sql, clips_left, round(hours_left, 3) from funnels where selection = ? order by step",
            [selection]).fetchall()))  # fmt: skip
    parts.append(_table("Texts", ("kind", "model", "texts", "words on average"), connection.execute(
        "select kind, model, count(*), round(avg(len(string_split_regex(trim(text), '\\s+'))), 1) from captions c "
        "where c.clip_id in (select clip_id from entries union select request_id from entries) "
        "group by all order by all").fetchall()))  # fmt: skip
    return "\n".join(part for part in parts if part)


def _table(title: str, names: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    rows = list(rows)
    if not rows:
        return ""
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    return f"## {title}\n\n" + "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    return "" if value is None else " ".join(str(value).split()).replace("|", "\\|").replace("<", "&lt;")[:300]
