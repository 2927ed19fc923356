"""WebDataset shards: tar archives whose bytes depend on nothing but what is put in. Times and owners are zero."""

from __future__ import annotations

import os
import re
import tarfile
from pathlib import Path
from types import TracebackType

SHARD_BYTES = 1 << 30
COPY_BYTES = 1 << 20
SMALL_BYTES = 1 << 16
"""A file smaller than that is one read, without asking for its size first."""
PIECES_AT_ONCE = 1000
"""Linux takes 1,024 in one call."""
RECORD = 512
_SHARD = re.compile(r"[0-9]{6,}\.tar(\.part)?")
_PLAIN_NAME, _PLAIN_SIZE = 100, 8 << 30
_BEFORE_SIZE = b"0000644\x00" + b"0000000\x00" * 2
_AFTER_SIZE = b"\x00" + b"0" * 11 + b"\x00"
_BEHIND = b"0" + bytes(100) + b"ustar\x0000" + bytes(64 + 16 + 155 + 12)
_PADDING = [bytes(count) for count in range(RECORD)]
_FIXED_SUM = sum(_BEFORE_SIZE + _AFTER_SIZE + _BEHIND) + 8 * ord(" ")


def header(name: str, size: int) -> bytes:
    """The header of a file, as `tarfile` writes it (PAX); by hand where nothing is unusual, which takes a twentieth of
    the time."""
    if len(name) > _PLAIN_NAME or size >= _PLAIN_SIZE or not name.isascii():
        member = tarfile.TarInfo(name)
        member.size = size
        return member.tobuf(tarfile.PAX_FORMAT)
    named, sized = name.encode(), b"%011o" % size
    checked = b"%06o\x00 " % (_FIXED_SUM + sum(named) + sum(sized))
    return b"".join((named, _PADDING[100 - len(named)], _BEFORE_SIZE, sized, _AFTER_SIZE, checked, _BEHIND))


class Shards:
    """Writes `000000.tar`, `000001.tar` … into a folder. A shard has its name once it is whole; shards of an older
    export that go on behind the last one are removed at the end."""

    def __init__(self, out: Path, shard_bytes: int) -> None:
        self._out, self._shard_bytes = out, shard_bytes
        self._archive: int | None = None
        self._waiting, self._waiting_bytes = list[bytes](), 0
        self._size = self.count = 0

    def __enter__(self) -> Shards:
        self._out.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            if self._archive is not None:
                os.close(self._archive)
            return
        self._finish()
        for old in self._out.iterdir():
            if _SHARD.fullmatch(old.name) and (old.suffix == ".part" or int(old.stem) >= self.count):
                old.unlink()

    def begin_sample(self) -> None:
        """All files until the next call stand in one shard."""
        if self._archive is not None and self._size < self._shard_bytes:
            return
        self._finish()
        self._archive = os.open(self._path(".tar.part"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        self._size = 0

    def add(self, name: str, content: bytes) -> None:
        size = len(content)
        padding = -size % RECORD
        head = header(name, size)
        self._write((head, content, _PADDING[padding]), len(head) + size + padding)

    def add_file(self, name: str, path: str) -> None:
        """Raises FileNotFoundError where there is no such file; nothing is written then."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            block = os.read(descriptor, SMALL_BYTES)
            if len(block) < SMALL_BYTES:  # that was all of it
                self.add(name, block)
                return
            left = size = os.fstat(descriptor).st_size
            self._write((head := header(name, size),), len(head))
            while block := block[:left]:
                self._write((block,), len(block))
                left -= len(block)
                block = os.read(descriptor, COPY_BYTES)
            self._write((bytes(left + -size % RECORD),), left + -size % RECORD)
        finally:
            os.close(descriptor)

    def _write(self, pieces: tuple[bytes, ...], size: int) -> None:
        """Pieces of so many bytes wait until there are many, and go out in one call without being copied together."""
        self._waiting += pieces
        self._size += size
        self._waiting_bytes += size
        if self._waiting_bytes >= COPY_BYTES or len(self._waiting) >= PIECES_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        assert self._archive is not None
        wanted = self._waiting_bytes
        written = os.writev(self._archive, self._waiting) if self._waiting else 0
        if written < wanted:  # more than one call takes, or a disk that is nearly full
            rest = memoryview(b"".join(self._waiting))[written:]
            while rest:
                rest = rest[os.write(self._archive, rest) :]
        self._waiting, self._waiting_bytes = [], 0

    def _finish(self) -> None:
        if self._archive is None:
            return
        self._write((bytes(2 * RECORD),), 2 * RECORD)
        self._flush()
        os.close(self._archive)
        self._archive = None
        self._path(".tar.part").replace(self._path(".tar"))
        self.count += 1

    def _path(self, suffix: str) -> Path:
        return self._out / f"{self.count:06d}{suffix}"
