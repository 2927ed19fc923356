"""Which files a person meant: files, folders, globs and urls of buckets become names, uris and stamps."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from glob import has_magic
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, cast

if TYPE_CHECKING:
    from fsspec.core import OpenFile

_SUFFIXES = """
    .3g2 .3gp .asf .avi .divx .dv .f4v .flv .gif .h264 .h265 .hevc .ivf .m1v .m2ts .m2v .m4v .mj2 .mjpeg .mjpg .mkv .mov
    .mp4 .mpeg .mpg .mts .mxf .nut .obu .ogg .ogm .ogv .qt .rm .rmvb .ts .vob .webm .webp .wmv .y4m
"""
VIDEO_SUFFIXES = frozenset(_SUFFIXES.split())


class SourceError(ValueError):
    """What was named is not there; the message says what to do."""


@dataclass(frozen=True)
class FoundFile:
    """A file to add. `video_key`: its path below the folder that was named, with forward slashes."""

    video_key: str
    uri: str
    source_stamp: str


@dataclass
class Found:
    """All files that were found, and how many others lie beside them, by suffix."""

    files: list[FoundFile] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)


def find_files(named: Sequence[str], *, without: str | None = None) -> Found:
    """Files behind the names: a file as it is, a folder with all videos below it, a glob, an fsspec url of these.

    A file that is named counts whatever its suffix; in folders and globs only video suffixes count. Hidden files
    are left out, and so is the folder `without` (the catalogue may lie in the folder that is added).

    Raises:
        SourceError: nothing is there, or a name cannot be read.
    """
    found = Found()
    for name in named:
        before = len(found.files) + found.ignored.total()
        files = _remote_files(name) if "://" in name or "::" in name else _local_files(name, without)
        for file, is_named in files:
            suffix = PurePosixPath(file.video_key).suffix.lower()
            if is_named or suffix in VIDEO_SUFFIXES:
                found.files.append(file)
            else:
                found.ignored[suffix or "no suffix"] += 1
        if len(found.files) + found.ignored.total() == before:
            raise SourceError(f"no file found at {name!r}. Give a video file, a folder, a glob in quotes, or a url.")
    return found


def stamp_of(uri: str) -> str:
    """Size and modification time of a local file, or size and etag (or time) of a remote one.

    Raises:
        OSError: the file is not there or cannot be reached.
    """
    if "://" not in uri and "::" not in uri:
        return _local_stamp(Path(uri).stat())
    import fsspec  # noqa: PLC0415  (only for remote files)

    fs, path = fsspec.url_to_fs(uri)
    return _remote_stamp(fs.info(path))


@contextmanager
def open_source(uri: str) -> Iterator[BinaryIO]:
    """The bytes of a file, wherever it lies.

    Raises:
        OSError: the file is not there or cannot be read.
    """
    if "://" not in uri and "::" not in uri:
        with Path(uri).open("rb") as file:
            yield file
        return
    import fsspec  # noqa: PLC0415

    with cast("OpenFile", fsspec.open(uri, "rb")) as file:  # holds the file systems of a chained url
        yield cast("BinaryIO", file)


def _local_files(name: str, without: str | None) -> Iterator[tuple[FoundFile, bool]]:
    path = Path(name).expanduser()
    if path.is_dir():
        root = path.resolve()
        skipped = Path(without).resolve() if without and "://" not in without else None
        for file in _below(root, skipped):
            yield from _found(file, file.relative_to(root).as_posix(), named=False)
    elif path.exists():
        yield from _found(path.resolve(), path.name, named=True)
    elif has_magic(name):
        for file in sorted(Path().glob(name) if not path.is_absolute() else Path("/").glob(str(path)[1:])):
            if file.is_file() and not file.name.startswith("."):
                yield from _found(file.resolve(), file.name, named=False)


def _below(root: Path, skipped: Path | None) -> Iterator[Path]:
    """All files below a folder in the order of their names; hidden ones and the skipped folder left out."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(n for n in folders if not n.startswith(".") and Path(folder, n) != skipped)
        yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))


def _found(file: Path, key: str, *, named: bool) -> Iterator[tuple[FoundFile, bool]]:
    try:
        stat = file.stat()
    except OSError:  # a link to nothing, or a file that went away meanwhile
        return
    yield FoundFile(_printable(key), str(file), _local_stamp(stat)), named


def _printable(key: str) -> str:
    """A key that fits in a table: bytes of a file name that are no UTF-8 are written as \\xNN."""
    return os.fsencode(key).decode("utf-8", "backslashreplace")


def _local_stamp(stat: os.stat_result) -> str:
    return f"{stat.st_size}-{stat.st_mtime_ns}"


def _remote_files(name: str) -> Iterator[tuple[FoundFile, bool]]:
    import fsspec  # noqa: PLC0415

    fs, path = fsspec.url_to_fs(name)
    try:
        if has_magic(path):
            infos, root, named = fs.glob(path, detail=True), None, False
        elif fs.isdir(path):
            infos, root, named = fs.find(path, detail=True), path.rstrip("/") + "/", False
        else:
            infos, root, named = {path: fs.info(path)}, None, True
    except FileNotFoundError:
        return
    except OSError as error:
        raise SourceError(f"cannot read {name!r}: {error}") from error
    for file in sorted(infos):
        if infos[file].get("type") == "file" and not PurePosixPath(file).name.startswith("."):
            key = file.removeprefix(root) if root else PurePosixPath(file).name
            yield FoundFile(key, _url_of(fs, name, file), _remote_stamp(infos[file])), named


def _url_of(fs: Any, name: str, file: str) -> str:
    """The url of one file of a file system that was reached by the url `name`."""
    chain = "::" + name.split("::", 1)[1] if "::" in name else ""
    first = name.split("::", 1)[0].split("://", 1)[0]
    return f"{first}://{file}{chain}" if chain else str(fs.unstrip_protocol(file))


def _remote_stamp(info: dict[str, Any]) -> str:
    mark = next((info[name] for name in ("ETag", "etag", "mtime", "LastModified", "created") if info.get(name)), "")
    return f"{info.get('size')}-{mark}"
