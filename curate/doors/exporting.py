"""`curate export`: clips or samples in somebody's format; first what it cannot hold is counted, then it is written."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from curate.doors.writing import clips, huggingface, lvd2m
from curate.doors.writing.apart import used_apart
from curate.doors.writing.chats import CHAT_FORMATS, ChatFormat, record_of
from curate.doors.writing.rows import SampleEntry, clip_entries, opened, sample_entries, samples_of_clips
from curate.doors.writing.shards import SHARD_BYTES
from engine.catalogue import Catalogue
from engine.door import WrongUse

FORMATS = ("lvd2m-csv", *CHAT_FORMATS, "webdataset", "hf", "files", "lance")
MANY = 5_000  # clips from which another process writes the shards: it takes half a second to start
PROMPT = "Describe this video."


@dataclass(frozen=True)
class Order:
    """What a person asked for. `shard_bytes`: about the size of a WebDataset shard. `media`: with files of clips."""

    format: str
    out: Path
    selection: str | None = None
    prompt: str = PROMPT
    shard_bytes: int = SHARD_BYTES
    media: bool = True

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ValueError(f"--format {self.format} is not known. Allowed: {', '.join(FORMATS)}")
        if self.format == "lance" and find_spec("lance") is None:
            raise ValueError("--format lance needs Lance: pip install pylance")


@dataclass
class Exported:
    """What was written. `lost`: what the format does not hold, by how many rows."""

    rows: int = 0
    files: int = 1
    lost: Counter[str] = field(default_factory=Counter)
    failed: list[tuple[str, str]] = field(default_factory=list)
    absent: int = 0


Listed = Callable[[Counter[str], int], None]


def export(catalogue: Catalogue, order: Order, listed: Listed) -> Exported:
    """Write; `listed` is called with what will be dropped before anything is.

    Raises:
        WrongUse: there is no such selection, or nothing to export.
    """
    with opened(catalogue, order.selection) as connection:
        if order.format in CHAT_FORMATS:
            return _chats(catalogue, connection, order, listed)
        if order.format == "lvd2m-csv":
            return _lvd2m(connection, order, listed)
        listed(Counter(), 0)
        if order.format == "hf":
            return _huggingface(connection, order)
        if order.format == "lance":
            return _lance(connection, order)
        count, counted, done = _some(connection), clips.Counted(), Exported()
        samples = clips.samples_of(clip_entries(connection), catalogue, counted, with_media=order.media)
        with tempfile.TemporaryDirectory(prefix="longtake-") as scratch:
            if order.format == "webdataset":
                write = partial(clips.write_shards, out=order.out, shard_bytes=order.shard_bytes, scratch=Path(scratch))
                done.files, done.failed = used_apart(write, samples) if count >= MANY else write(samples)
            else:
                done.failed = clips.write_files(samples, order.out, Path(scratch))
        done.rows, done.absent = counted.rows, counted.absent
        return done


def _some(connection: duckdb.DuckDBPyConnection) -> int:
    """How many there are to export."""
    count = connection.execute("select count(*) from entries").fetchall()[0][0]
    if not count:
        raise WrongUse("there is no clip and no span to export: `curate import` or `curate scan` makes some")
    return count


def _lvd2m(connection: duckdb.DuckDBPyConnection, order: Order, listed: Listed) -> Exported:
    """One csv, or in a folder LVD-2M's own three, which say spans differently."""
    _some(connection)
    done, files = Exported(), Counter[str]()
    for entry in clip_entries(connection):
        cells, lost = lvd2m.record_of(entry)
        done.lost.update(set(lost))
        files[lvd2m.file_of(cells)] += 1
    as_folder = not order.out.suffix
    if len(files) > 1 and not as_folder:
        done.lost["spans of two kinds in one file: a folder as --out gets a file of each"] += files.total()
    listed(done.lost, files.total())
    for names in [[name] for name in sorted(files)] if as_folder else [list(files)]:
        path = order.out / f"{names[0]}.csv" if as_folder else order.out
        with clips.text_file(path) as file:
            rows = (lvd2m.record_of(entry)[0] for entry in clip_entries(connection))
            mine = (cells for cells in rows if lvd2m.file_of(cells) in names)
            done.rows += lvd2m.write(mine, file, lvd2m.columns_of(names))
    done.files = len(files) if as_folder else 1
    return done


def _chats(catalogue: Catalogue, connection: duckdb.DuckDBPyConnection, order: Order, listed: Listed) -> Exported:
    form = CHAT_FORMATS[order.format]

    def samples() -> Iterator[SampleEntry]:
        found = sample_entries(connection.cursor(), order.selection)
        if (first := next(found, None)) is not None:
            yield first
            yield from found
        else:
            yield from samples_of_clips(catalogue, connection, clips.KINDS, order.prompt)

    done = Exported()
    for entry in samples():
        record, lost = record_of(entry, form)
        lost += ["split"] if entry.row["split"] and not _is_folder(order.out) else []
        done.lost.update(set(lost))
        done.rows += record is not None
    if not done.rows and not done.lost:
        raise WrongUse("there is no sample and no caption to export: `curate import` brings some")
    listed(done.lost, done.rows)
    records = ((entry, record) for entry in samples() if (record := record_of(entry, form)[0]) is not None)
    done.files = _write_records(records, form, order.out)
    return done


SPLIT_FILES = {"train": "train", "validation": "val", "test": "test"}


def _is_folder(out: Path) -> bool:
    return out.suffix.lower() not in (".json", ".jsonl")


def _write_records(records: Iterator[tuple[SampleEntry, dict[str, Any]]], form: ChatFormat, out: Path) -> int:
    """A file by its ending: .json is one array, .jsonl a record a line. A folder gets a file for each dataset and
    split, by whose place both are known again."""
    if not _is_folder(out):
        _write_one((record for _, record in records), out, as_array=out.suffix.lower() == ".json")
        return 1
    files = 0
    suffix = "json" if form.as_array else "jsonl"
    for (dataset, split), some in groupby(records, key=lambda pair: (pair[0].row["dataset"], pair[0].row["split"])):
        file = _folder_of(out, dataset or "samples") / f"{SPLIT_FILES.get(split, 'data')}.{suffix}"
        _write_one((record for _, record in some), file, as_array=form.as_array)
        files += 1
    return files


def _folder_of(out: Path, dataset: str) -> Path:
    """A folder for a dataset's name; nothing in a name leads out of `out`."""
    from curate.file_names import file_name  # noqa: PLC0415

    return out.joinpath(*(file_name(part, "") for part in dataset.split("/") if part))


def _write_one(records: Iterator[dict[str, Any]], path: Path, *, as_array: bool) -> None:
    with clips.text_file(path) as file:
        lines = (json.dumps(record, ensure_ascii=False, separators=(",", ":")) for record in records)
        if not as_array:
            file.writelines(f"{line}\n" for line in lines)
            return
        file.write("[\n")
        file.write(next(lines, ""))
        file.writelines(f",\n{line}" for line in lines)
        file.write("\n]\n")


def _huggingface(connection: duckdb.DuckDBPyConnection, order: Order) -> Exported:
    counts = {
        "clips": huggingface.write_parquet(map(huggingface.clip_row, clip_entries(connection)), huggingface.CLIPS,
                                           order.out / "clips"),
        "samples": huggingface.write_parquet(
            map(huggingface.sample_row, sample_entries(connection.cursor(), order.selection)), huggingface.SAMPLES,
            order.out / "samples"),
    }  # fmt: skip
    if not any(counts.values()):
        raise WrongUse("there is nothing to export: `curate import` or `curate scan` makes some")
    card = huggingface.card(connection, order.selection or order.out.name, order.selection, counts)
    (order.out / "README.md").write_text(card, encoding="utf-8")
    return Exported(sum(counts.values()), 1 + sum(1 for _ in order.out.glob("*/*.parquet")))


def _lance(connection: duckdb.DuckDBPyConnection, order: Order) -> Exported:
    import lance  # noqa: PLC0415  # type: ignore[import-not-found]

    def batches() -> Iterator[pa.RecordBatch]:
        rows = map(huggingface.clip_row, clip_entries(connection))
        while some := list(islice(rows, huggingface.BATCH_ROWS)):
            for batch in pa.Table.from_pylist(some, schema=huggingface.CLIPS).to_batches():
                done.rows += batch.num_rows
                yield batch

    _some(connection)
    done = Exported()
    reader = pa.RecordBatchReader.from_batches(huggingface.CLIPS, batches())
    lance.write_dataset(reader, str(order.out), schema=huggingface.CLIPS, mode="overwrite")
    return done
