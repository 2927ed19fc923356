"""The files within a tar archive, one after the other. A damaged header costs its file: reading goes on at the next
header that is one."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tarfile import BLOCKSIZE, HeaderError, TarInfo
from typing import IO, cast

from curate.doors.found import BadRow

MOST_HEADER_BYTES = 1 << 20
READ_BYTES = 4 << 20
_PACKED = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ", lzma.open))


@dataclass(frozen=True)
class Member:
    """A file of an archive. `number` counts files from 1."""

    number: int
    name: str
    size: int
    _file: IO[bytes]
    _begin: int

    def blocks(self) -> Iterator[bytes]:
        """Its bytes, a few MB at a time.

        Raises:
            BadRow: the archive ends within it.
        """
        _seek(self._file, self._begin)
        left = self.size
        while left:
            block = _read(self._file, min(left, READ_BYTES))
            if not block:
                raise BadRow("unreadable", f"the archive ends within {self.name}: {left:,} bytes are missing")
            left -= len(block)
            yield block

    def read(self) -> bytes:
        return b"".join(self.blocks())


def open_tar(path: Path) -> IO[bytes]:
    """An archive's bytes, unpacked if it is packed, whatever its name."""
    with path.open("rb") as file:
        head = file.read(8)
    for start, opened in _PACKED:
        if head.startswith(start):
            return cast("IO[bytes]", opened(path, "rb"))
    return path.open("rb")


def members_of(file: IO[bytes]) -> Iterator[Member | BadRow]:
    """The plain files of an archive, and what is damaged, in their order. Links and folders are left out."""
    at, number = 0, 0
    name: str | None = None
    while True:
        block = b""
        try:
            _seek(file, at)
            block = _read(file, BLOCKSIZE)
            if not block.strip(b"\0") and len(block) == BLOCKSIZE:
                return
            info = _header(block)
            if info.type in (tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME):
                name = _long_name(info.type, _read(file, info.size)) or name
        except (HeaderError, BadRow, ValueError) as error:
            yield BadRow("unreadable", f"byte {at:,}: {error or 'no header'}")
            try:
                found = _next_header(file, at + BLOCKSIZE) if len(block) == BLOCKSIZE else None
            except BadRow:
                return
            if found is None:
                return
            at, name = found, None
            continue
        if info.isreg():
            number += 1
            yield Member(number, name or info.name, info.size, file, at + BLOCKSIZE)
        if info.type not in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
            name = None
        at += BLOCKSIZE + -(-info.size // BLOCKSIZE) * BLOCKSIZE


def _read(file: IO[bytes], count: int) -> bytes:
    """Raises BadRow where the file, or what it is packed in, is damaged."""
    try:
        return file.read(count)
    except (EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        raise BadRow("unreadable", f"the archive cannot be read on from here: {error}") from None


def _seek(file: IO[bytes], at: int) -> None:
    try:
        file.seek(at)
    except (EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        raise BadRow("unreadable", f"the archive cannot be read on from here: {error}") from None


def _header(block: bytes) -> TarInfo:
    """Raises HeaderError or BadRow where it is none."""
    if len(block) < BLOCKSIZE:
        raise BadRow("unreadable", "the archive ends here, without its mark of the end")
    info = TarInfo.frombuf(block, "utf-8", "surrogateescape")
    is_header = not info.isfile() and info.type not in (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE)
    if info.size < 0 or (is_header and info.size > MOST_HEADER_BYTES):
        raise BadRow("unreadable", f"a header of {info.size:,} bytes")
    return info


def _long_name(kind: bytes, content: bytes) -> str | None:
    """A name too long for a header, of PAX or of GNU; of several the last.

    Raises:
        ValueError: the records are none.
    """
    if kind == tarfile.GNUTYPE_LONGNAME:
        return content.rstrip(b"\0").decode("utf-8", "surrogateescape")
    name, at = None, 0
    while at < len(content) and content[at : at + 1] != b"\0":
        length, _, _ = content[at : at + 20].partition(b" ")
        record = content[at + len(length) + 1 : at + int(length)].removesuffix(b"\n")
        key, _, value = record.partition(b"=")
        name = value.decode("utf-8", "surrogateescape") if key == b"path" else name
        at += max(int(length), 1)
    return name


def _next_header(file: IO[bytes], at: int) -> int | None:
    """Where the next header stands; None where there is none."""
    _seek(file, at)
    while block := _read(file, READ_BYTES):
        for begin in range(0, len(block) - BLOCKSIZE + 1, BLOCKSIZE):
            if block[begin + 257 : begin + 262] != b"ustar":
                continue
            try:
                _header(block[begin : begin + BLOCKSIZE])
            except (HeaderError, BadRow):
                continue
            return at + begin
        at += len(block)
    return None
