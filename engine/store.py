"""The files of a catalogue, on any filesystem that fsspec knows. Only this file knows whether they are local."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import fsspec
from fsspec.implementations.local import LocalFileSystem

TEMPORARY = ".tmp"
SCHEME = "longtake"
GLOB_CHARACTERS = frozenset("*?[]{}")
LISTED_AT_ONCE = 8


class CatalogueError(Exception):
    """Something a person can mend: no catalogue there, a newer format, no space left, a damaged part."""


class Store:
    """A folder of whole files. Names are relative to it, with `/` between folders.

    A file appears complete or not at all: locally it is written to a temporary name beside it, synced and renamed;
    elsewhere it is one put of a whole object. Nothing is ever renamed in a bucket and nothing is ever appended to.
    """

    def __init__(self, url: str | Path) -> None:
        text = str(url)
        try:
            self._fs, root = fsspec.core.url_to_fs(os.path.expanduser(text))  # noqa: PTH111 — urls are no Paths
        except (ValueError, ImportError) as error:
            raise CatalogueError(f"cannot open {text}: {error}") from error
        self._local = isinstance(self._fs, LocalFileSystem)
        self._root = str(Path(root).absolute()) if self._local else root.rstrip("/")
        self.url = self._root if self._local else self._fs.unstrip_protocol(self._root)

    def url_of(self, name: str) -> str:
        """Absolute path or url of a file of this store."""
        return f"{self.url}/{name}" if name else self.url

    def list(self, folder: str = "") -> list[str]:
        """Names of the files directly in a folder, sorted, temporary ones left out; empty where there is none."""
        return sorted(name for name in self._names(folder) if not name.endswith(TEMPORARY))

    def list_many(self, folders: Iterable[str]) -> dict[str, list[str]]:
        """The same for several folders; where a listing is a request over the network, several at once."""
        folders = list(folders)
        if self._local:
            return {folder: self.list(folder) for folder in folders}
        with ThreadPoolExecutor(LISTED_AT_ONCE) as threads:
            return dict(zip(folders, threads.map(self.list, folders), strict=True))

    def leftovers(self, folder: str) -> list[str]:
        """Names of temporary files that a killed process left (or that a living one is writing)."""
        return sorted(name for name in self._names(folder) if name.endswith(TEMPORARY))

    def _names(self, folder: str) -> Iterator[str]:
        base = f"{folder}/" if folder else ""
        with _plain_errors("list", self.url_of(folder)):
            if self._local:
                yield from (base + e.name for e in _scan(self._path(folder)) if e.is_file())
                return
            self._fs.invalidate_cache()
            try:
                entries = self._fs.ls(self._path(folder), detail=True)
            except FileNotFoundError:
                return
        yield from (base + e["name"].rsplit("/", 1)[-1] for e in entries if e["type"] == "file")

    def exists(self, name: str) -> bool:
        return bool(self._fs.isfile(self._path(name)))

    def read(self, name: str) -> bytes:
        """The bytes of a file.

        Raises:
            FileNotFoundError: there is none of that name.
            CatalogueError: it cannot be read.
        """
        with _plain_errors("read", self.url_of(name)):
            return self._fs.cat_file(self._path(name))

    def open(self, name: str) -> Any:
        """A file opened for reading bytes; use it in a `with`."""
        return self._fs.open(self._path(name), "rb")

    def size(self, name: str) -> int:
        return int(self._fs.info(self._path(name))["size"])

    def ages(self, folder: str) -> dict[str, float]:
        """Seconds since each file of a folder was last written, by name, temporary ones too; without what goes away
        while they are asked."""
        at, base, ages = time.time(), f"{folder}/" if folder else "", dict[str, float]()
        with _plain_errors("list", self.url_of(folder)):
            if self._local:
                for entry in _scan(self._path(folder)):
                    with suppress(FileNotFoundError):
                        if entry.is_file():
                            ages[base + entry.name] = at - entry.stat().st_mtime
                return ages
            for name in self._names(folder):
                with suppress(FileNotFoundError):
                    ages[name] = at - self._fs.modified(self._path(name)).timestamp()
            return ages

    def publish(self, name: str, content: bytes) -> None:
        """Make a file appear under its name, whole or not at all; one of that name is replaced."""
        with _plain_errors("write", self.url_of(name)):
            if not self._local:
                self._fs.pipe_file(self._path(name), content)
                return
            with self._renamed(name) as temporary, temporary.open("xb") as file:
                file.write(content)
                _sync(file.fileno())

    def publish_file(self, name: str, file: Path) -> None:
        """The same for the content of a local file, which is left where it is."""
        with _plain_errors("write", self.url_of(name)):
            if not self._local:
                self._fs.put_file(str(file), self._path(name))
                return
            with self._renamed(name) as temporary:
                shutil.copyfile(file, temporary)
                with temporary.open("rb+") as copy:
                    _sync(copy.fileno())

    @property
    def local_root(self) -> Path | None:
        """The folder, where the store is one of this machine's disks."""
        return Path(self._root) if self._local else None

    def adopt(self, name: str, file: Path, *, sync: bool = True) -> None:
        """The same for a local file that is moved: without a copy where it lies on the store's own disk.

        `sync=False` does not wait until its bytes have reached the disk.
        """
        if not self._local:
            self.publish_file(name, file)
            file.unlink()
            return
        with _plain_errors("write", self.url_of(name)):
            target = Path(self._path(name))
            if sync:
                _make_folder(target.parent)
                with file.open("rb+") as content:
                    _sync(content.fileno())
            try:
                _replace(file, target)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                self.publish_file(name, file)
                file.unlink()
            else:
                if sync:
                    _sync_folder(target.parent)

    @contextmanager
    def scratch(self, folder: str) -> Iterator[Path]:
        """A local folder for files on their way into a folder of the store: on its own disk where it is local."""
        near = Path(self._path(folder)) if self._local else None
        if near is not None:
            _make_folder(near)
        with tempfile.TemporaryDirectory(dir=near, prefix="longtake-", suffix=TEMPORARY) as made:
            yield Path(made)

    @contextmanager
    def _renamed(self, name: str) -> Iterator[Path]:
        target = Path(self._path(name))
        _make_folder(target.parent)
        temporary = target.parent / f"{target.name}.{os.getpid()}-{secrets.token_hex(4)}{TEMPORARY}"
        try:
            yield temporary
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)

    def delete(self, name: str) -> None:
        """Remove a file; one that is already gone is no error."""
        with _plain_errors("delete", self.url_of(name)):
            try:
                self._fs.rm_file(self._path(name))
            except FileNotFoundError:
                return

    def let_duckdb_read(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make `duckdb_path` work on a connection."""
        if not self._by_path:
            from engine.facade import facade_of  # noqa: PLC0415 — only stores that are not local need it

            connection.register_filesystem(facade_of(self))

    def duckdb_path(self, name: str) -> str:
        """What DuckDB calls a file of this store.

        A local file goes by its path. Everything else (a bucket, memory, a local path with glob characters, which
        DuckDB would expand) goes through a read-only filesystem of our own under the scheme `longtake:`.
        """
        return self.url_of(name) if self._by_path else f"{SCHEME}://{name}"

    @contextmanager
    def local_copies(self, names: Iterable[str]) -> Iterator[Callable[[str], str]]:
        """What DuckDB calls some files that it will read several times: copies, where they are not local."""
        if self._by_path:
            yield self.duckdb_path
            return
        with tempfile.TemporaryDirectory(prefix="longtake-") as folder, _plain_errors("read", self.url):
            for name in names:
                copy = Path(folder, name)
                copy.parent.mkdir(exist_ok=True)
                self._fs.get_file(self._path(name), str(copy))
            yield lambda name: str(Path(folder, name))

    @property
    def _by_path(self) -> bool:
        return self._local and not GLOB_CHARACTERS & set(self._root)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root


def _scan(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []


def _make_folder(folder: Path) -> None:
    """Make a folder and sync the one above it, so that a power cut cannot lose the new name."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _replace(file: Path, target: Path) -> None:
    """Move a file, into a folder that is made where it is not there."""
    try:
        file.replace(target)
    except FileNotFoundError:
        if not file.exists():
            raise
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)


def _sync(descriptor: int) -> None:
    os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _plain_errors(what: str, where: str) -> Iterator[None]:
    """Turn what an operating system or a bucket refuses (no space, no permission) into one clear line."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise CatalogueError(f"cannot {what} {where}: {error.strerror or error}") from error
