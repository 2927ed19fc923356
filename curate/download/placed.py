"""Notes of files that were placed and have no row yet: lines of a journal of each run, gone once all have theirs.

A journal is held by the process that writes it; one that nobody holds is what a killed run left.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.work import Row

ROTATE_BYTES = 4 << 20
_PATTERN = "placed-*.jsonl"


@dataclass
class _Journal:
    path: Path
    descriptor: int
    size: int = 0
    keys: set[str] = field(default_factory=set)

    def close(self) -> None:
        self.path.unlink(missing_ok=True)
        os.close(self.descriptor)


@dataclass(frozen=True)
class Note:
    """A row that a killed run did not write, and where the file may still lie that it speaks of."""

    row: Row
    file: str
    size: int


class Placed:
    """The journals of a folder of partial files: this run's own, and those that killed ones left."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock = folder, threading.Lock()
        self._own: _Journal | None = None
        self._older = list[_Journal]()

    def add(self, row: Row, file: str, size: int) -> None:
        """Note that `file` (a name in this folder) is about to be moved to where `row` says."""
        line = json.dumps({"row": row, "file": file, "size": size}).encode() + b"\n"
        with self._lock:
            if self._own is None or self._own.size >= ROTATE_BYTES:
                if self._own is not None:
                    self._older.append(self._own)
                self._own = self._made()
            self._own.keys.add(row["video_key"])
            self._own.size += os.write(self._own.descriptor, line)

    def drop(self, keys: Iterable[str]) -> None:
        """Rows of these videos are written, or will never be."""
        with self._lock:
            gone = set(keys)
            for journal in [*self._older, *([self._own] if self._own else [])]:
                journal.keys -= gone
                if journal.keys:
                    continue
                if journal is self._own:
                    self._own = None
                else:
                    self._older.remove(journal)
                journal.close()

    def left(self) -> Iterator[Note]:
        """What killed runs noted; a key stays noted until it is dropped."""
        found = dict[str, Note]()
        for path in sorted(self._folder.glob(_PATTERN)):
            journal = _taken(path)
            if journal is None:
                continue  # a living process is about to write these rows
            for line in path.read_bytes().splitlines():
                note = _read(line)
                if note is not None:  # a line that a kill cut short speaks of a file that was not moved
                    found[note.row["video_key"]] = note
                    journal.keys.add(note.row["video_key"])
            self._older.append(journal)
        self.drop(())  # journals without a line
        yield from found.values()

    def _made(self) -> _Journal:
        path = self._folder / _PATTERN.replace("*", f"{os.getpid()}-{secrets.token_hex(4)}")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_EXCL | os.O_NOFOLLOW, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return _Journal(path, descriptor)


def _taken(path: Path) -> _Journal | None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return _Journal(path, descriptor)


def _read(line: bytes) -> Note | None:
    try:
        said: dict[str, Any] = json.loads(line)
        row, file, size = said["row"], Path(said["file"]).name, int(said["size"])
        return Note(row, file, size) if row["video_key"] and row["uri"] and row["video_id"] else None
    except (ValueError, KeyError, TypeError):
        return None
