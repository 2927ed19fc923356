"""The videos of a benchmark: found by id in a folder or a catalogue, and a clear list of those that are not there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from eval.errors import EvalError
from eval.rows import Row

SUFFIXES = frozenset((".mp4", ".avi", ".mov", ".mkv", ".webm", ".gif", ".m4v", ".wmv", ".mpg", ".mpeg", ".flv", ".ts"))
PLACEHOLDER = "<placeholder>"


@dataclass(frozen=True)
class Found:
    """The file of each row by its key, and the rows without one."""

    files: Mapping[str, str]
    missing: tuple[Row, ...]


def find_videos(rows: Sequence[Row], place: str) -> Found:
    """The files of rows in a folder (at any depth), or in a catalogue by the name under which a video came.

    A row names its video by `video_file`, else by `vid`; the suffix may be missing.

    Raises:
        EvalError: there is no such folder.
    """
    folder = Path(place)
    if (folder / "catalogue.json").is_file() or "://" in place:
        known = _of_catalogue(place)
    elif folder.is_dir():
        known = _of_folder(folder)
    else:
        raise EvalError(f"There is no folder {place}. --videos takes a folder of videos or a catalogue.")
    files: dict[str, str] = {}
    missing: list[Row] = []
    for row in rows:
        file = next((known[name] for name in names_of(row) if name in known), None)
        if file is None:
            missing.append(row)
        else:
            files[row.key] = file
    return Found(files, tuple(missing))


def names_of(row: Row) -> list[str]:
    """The names under which a row's video may lie, likeliest first: with folders, without, and without suffix."""
    given = [name for name in (_video_file(row.source), row.vid) if name and name != PLACEHOLDER]
    names: dict[str, None] = {}
    for name in given:
        path = PurePosixPath(name)
        names |= dict.fromkeys((str(path), path.name))
        if path.suffix.lower() in SUFFIXES:
            names |= dict.fromkeys((str(path.with_suffix("")), path.stem))
    return list(names)


def _video_file(source: Mapping[str, Any]) -> str | None:
    if isinstance(source.get("video_file"), str):
        return source["video_file"]
    for message in source.get("messages") or ():
        content = message.get("content")
        for part in content if isinstance(content, list) else ():
            video = part.get("video") if isinstance(part, Mapping) else None
            if isinstance(video, Mapping) and isinstance(video.get("video_file"), str):
                return video["video_file"]
    return None


def _of_folder(folder: Path) -> dict[str, str]:
    """Every file under four names: its path in the folder and its own name, each with and without suffix."""
    known: dict[str, str] = {}
    for file in sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()):
        _name(known, file.relative_to(folder).as_posix(), str(file.resolve()))
    return known


def _of_catalogue(place: str) -> dict[str, str]:
    from engine.catalogue import Catalogue  # noqa: PLC0415

    catalogue = Catalogue.open(place)
    known: dict[str, str] = {}
    with catalogue.connect() as connection:
        rows = connection.sql("select video_key, uri from videos order by video_id").to_arrow_table().to_pylist()
        rows += (
            connection.sql("select aliases.video_key, videos.uri from aliases join videos using (video_id) order by 1")
            .to_arrow_table()
            .to_pylist()
        )
    for row in rows:
        uri = catalogue.resolve_uri(row["uri"])
        for name in filter(None, (row["video_key"], row["uri"])):
            _name(known, str(name), uri)
    return known


def _name(known: dict[str, str], name: str, file: str) -> None:
    path = PurePosixPath(name)
    for one in (str(path), path.name, str(path.with_suffix("")) if path.suffix else str(path), path.stem):
        known.setdefault(one, file)


def missing_lines(missing: Iterable[Row]) -> list[str]:
    """A line a video: its id, and the keys of the samples that need it."""
    by_video: dict[str, list[str]] = {}
    for row in missing:
        by_video.setdefault(next(iter(names_of(row)), "(no id)"), []).append(row.key)
    return [f"{video}\t{', '.join(keys)}" for video, keys in sorted(by_video.items())]
