"""`curate import`: files of any known dataset become rows of the catalogue, each file once."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from curate.doors import tars
from curate.doors.found import Refused
from curate.doors.made import Place
from curate.doors.new_parts import FINGERPRINT, STAGE, VERSION, NewParts
from curate.doors.recognise import ANNOTATIONS, Known, recognise, suffix_of
from curate.doors.record_files import records_of
from curate.doors.record_import import MediaFolders, import_records
from curate.doors.table_files import csv_records
from curate.doors.table_import import import_table
from curate.doors.tar_media import TarMedia
from curate.doors.videochat2 import subsets
from curate.sources import SourceError
from engine.catalogue import Catalogue
from engine.views import create_table_views
from schemas.ids import content_id
from schemas.tables import INGESTS

_SPLITS = {"train": "train", "training": "train", "val": "validation", "valid": "validation",
           "validation": "validation", "dev": "validation", "test": "test", "testing": "test"}  # fmt: skip
_NAMELESS = {*_SPLITS, "data", "annotations", "metadata", "manifest", "samples", "clips"}


@dataclass(frozen=True)
class Wish:
    """What a person asked for. `format`: one of recognise.CHOICES. `media`: folders with the media. `extract`: videos
    within tars come into the catalogue's media folder."""

    path: Path
    format: str | None = None
    dataset: str | None = None
    media: Sequence[Path] = ()
    extract: bool = True


@dataclass
class Imported:
    """What became of one file."""

    path: Path
    title: str
    dataset: str
    was_known: bool = False
    rows: dict[str, int] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    seconds: float = 0.0
    missing: Counter[str] = field(default_factory=Counter)
    there: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)


def import_all(catalogue: Catalogue, wish: Wish) -> Iterator[Imported]:
    """Import a file, or every annotation file and shard below a folder, in the order of their names.

    Raises:
        SourceError: there is nothing to import, or the format of a file that was named is not clear.
    """
    if not wish.path.exists():
        raise SourceError(f"there is no {wish.path}. Give a dataset's file, a shard, or a folder of them")
    if wish.path.is_file():
        yield _import_file(catalogue, wish, wish.path, wish.path.parent)
        return
    if wish.format == "files" or (wish.format is None and tars.is_folder_of_samples(wish.path)):
        yield _import_records(catalogue, wish, wish.path, "files", "plain files", wish.path)
        return
    files = [
        path for path in sorted(wish.path.rglob("*"))
        if path.is_file() and not path.name.startswith(".") and (suffix_of(path) in ANNOTATIONS or _is_tar(path))
    ]  # fmt: skip
    if not files:
        raise SourceError(f"{wish.path} holds no annotation file ({', '.join(sorted(ANNOTATIONS))}, .tar)")
    for path in files:
        yield _import_or_refuse(catalogue, wish, path)


def _import_or_refuse(catalogue: Catalogue, wish: Wish, path: Path) -> Imported:
    """In a folder one file that is not known does not stop the others: it is a reject."""
    try:
        return _import_file(catalogue, wish, path, wish.path)
    except SourceError as error:
        done = Imported(path, "not known", "")
        with NewParts(catalogue) as parts:
            refused = Refused(path.resolve(), parts, _stamp(path))
            refused.add(1, "unknown_format", str(error))
            refused.flush()
            parts.publish()
        done.reasons, done.examples = refused.reasons, refused.examples
        return done


def _is_tar(path: Path) -> bool:
    return path.suffix.lower() == ".tar" or path.name.lower().endswith((".tar.gz", ".tgz"))


def _import_file(catalogue: Catalogue, wish: Wish, path: Path, root: Path) -> Imported:
    if not path.stat().st_size:
        raise SourceError(f"{path} is empty")
    if _is_tar(path):
        return _import_records(catalogue, wish, path, "webdataset", "WebDataset", root)
    known = recognise(path, None if wish.format in ("hf", "webdataset", "files") else wish.format)
    if known.table is None:
        return _import_records(catalogue, wish, path, known.name, known.title, root, known)
    table, format_ = known.table
    dataset = wish.dataset or format_.name
    began = time.monotonic()
    done = Imported(path, known.title, dataset)
    ingest_id = _ingest_id(path, dataset, known.name, wish)
    if _was_read(catalogue, ingest_id):
        done.was_known = True
        return done
    with NewParts(catalogue) as parts:
        refused = Refused(path.resolve(), parts, ingest_id)
        used = import_table(table, format_, dataset, parts, refused)
        _finish(catalogue, parts, refused, done, used, ingest_id, known.name, began)
    return done


def _import_records(
    catalogue: Catalogue, wish: Wish, path: Path, name: str, title: str, root: Path, known: Known | None = None
) -> Imported:
    began = time.monotonic()
    dataset, split = _dataset_of(path, root, wish)
    ingest_id = _ingest_id(path, dataset, name, wish)
    done = Imported(path, title, dataset)
    if _was_read(catalogue, ingest_id):
        done.was_known = True
        return done
    media = MediaFolders(_media_folders(wish, dataset)) if wish.media else None
    place = Place(str(path.resolve()), 0, dataset, name, split)
    with NewParts(catalogue) as parts:
        refused = Refused(path.resolve(), parts, ingest_id)
        taken = TarMedia(catalogue, parts) if wish.extract and _is_tar(path) else None
        if known is None or known.records is None:
            take = partial(taken.take, path) if taken else None
            found = tars.samples_of_folder(path) if path.is_dir() else tars.samples_of_tar(path, take)
            read = tars.read_sample
        else:
            found = csv_records(path) if suffix_of(path) in (".csv", ".tsv", ".tab") else records_of(path)
            read = known.records.read
        used = import_records(found, read, place, parts, refused, media)
        if media:
            done.missing, done.there = media.missing, media.there
        if taken:
            taken.add_rows()
        _finish(catalogue, parts, refused, done, used, ingest_id, name, began)
        if taken:
            taken.recorded()
            done.taken = taken.outcomes
    return done


def _media_folders(wish: Wish, dataset: str) -> list[Path]:
    """The folders that a person named, and below each the one in which the sub-set's media usually lie."""
    root = subsets.media_root(dataset)
    return [folder for base in wish.media for folder in ([base / root] if root else []) + [base]]


def _finish(
    catalogue: Catalogue, parts: NewParts, refused: Refused, done: Imported, used: int, ingest_id: str, name: str,
    began: float,
) -> None:  # fmt: skip
    refused.flush()
    done.seconds = time.monotonic() - began
    rejects = refused.reasons.total()
    if not refused.reasons.get("missing_media"):  # media may come: then the file is read again
        parts.add("ingests", [{
            "ingest_id": ingest_id, "uri": str(done.path.resolve()), "source_stamp": _stamp(done.path),
            "dataset": done.dataset, "format": name, "num_rows": used + rejects, "num_requests":
            parts.written.get("requests", 0), "num_rejects": rejects, "seconds": done.seconds,
        }])  # fmt: skip
    done.rows = parts.publish_new()
    done.reasons, done.examples = refused.reasons, refused.examples
    done.seconds = time.monotonic() - began


def _dataset_of(path: Path, root: Path, wish: Wish) -> tuple[str, str | None]:
    """A dataset's name, and the split, by the place of a file: video/caption/webvid/train.json is the training part
    of video/caption/webvid."""
    below = path.relative_to(root) if root in path.parents else Path(path.name)
    parts = [*below.parent.parts, path.name.split(".")[0]]
    words = [word for part in reversed(parts) for word in reversed(re.split(r"[-_.]", part.lower()))]
    split = next((_SPLITS[word] for word in words if word in _SPLITS), None)
    if wish.dataset:
        return wish.dataset, split
    named = [part for part in parts if part.lower() not in _NAMELESS]
    if not named:
        named = [folder for folder in path.resolve().parts[1:-1] if folder.lower() not in _NAMELESS][-1:]
    return "/".join(named) or path.name, split


def _ingest_id(path: Path, dataset: str, name: str, wish: Wish) -> str:
    media = [str(folder.resolve()) for folder in wish.media]
    return content_id(STAGE, str(path.resolve()), _stamp(path), VERSION, FINGERPRINT, dataset, name, *media)


def _was_read(catalogue: Catalogue, ingest_id: str) -> bool:
    snapshot = catalogue.snapshot()
    if not snapshot.parts("ingests"):
        return False
    with catalogue.connect_bare() as connection:
        create_table_views(connection, catalogue.store.duckdb_path, snapshot, [INGESTS])
        found = connection.execute("select count(*) from ingests where ingest_id = ?", [ingest_id]).fetchall()
    return bool(found[0][0])


def _stamp(path: Path) -> str:
    if path.is_dir():
        files = [file.stat() for file in sorted(path.rglob("*")) if file.is_file()]
        return content_id(*(f"{stat.st_size}-{stat.st_mtime_ns}" for stat in files))
    stat = path.stat()
    return f"{stat.st_size}-{stat.st_mtime_ns}"
