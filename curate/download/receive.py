"""The receiving end of one transfer: bytes are judged as they come, and go to the partial file and into its hash."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from typing import Any

import pycurl

from curate.download.backend import GB, Settings, Stop
from curate.download.content import HEAD_BYTES, Boxes, container_suffix, looks_like
from curate.download.safety import is_public
from schemas.ids import VideoHash

READ_BYTES = 4 << 20
BLOCK_BYTES = 256 << 10
"""of what is written and hashed at once. One write of 1 MB takes four times as long as four of these (ext4, Linux 6.18,
a virtual machine), and hashing what comes piece by piece twice as long as together, since none begins where a chunk of
BLAKE3 does (docs/log.md)."""
DISK_EVERY_BYTES = 64 << 20
ERROR_TEXT_BYTES = 4096
NOTE_FROM_BYTES = 4 << 20
"""What is smaller is fetched anew after a kill: a note a file would cost more than that."""
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class Receiver:
    """What libcurl calls while a body comes (`take_header`, `take`). `resume`: what is in the file already counts.

    `block`: BLOCK_BYTES for this transfer alone, to gather what comes. `on_worth` is called once enough stands in the
    file to go on from, `on_anew` where that is void.

    After the transfer: `problem` is a class and a message where something was refused; `must_begin_anew` says that what
    came does not go with what was there.
    """

    def __init__(self, descriptor: int, settings: Settings, stop: Stop, block: bytearray, *, resume: bool) -> None:
        self._file, self._settings, self.stop = descriptor, settings, stop
        self._block, self._filled = block, 0
        self._hash, self._boxes, self.head = VideoHash(), Boxes(), b""
        self.begins_at = self._read_what_is_there() if resume else 0
        self.size, self.received, self.total = self.begins_at, 0, None
        self._tail, self._headers = b"", dict[str, str]()
        self.status: int | None = None
        self.reason = self.error_text = ""
        self.problem: tuple[str, str] | None = None
        self.refused_address: str | None = None
        self.must_begin_anew = False
        self.on_worth: Callable[[], None] = lambda: None
        self.on_anew: Callable[[], None] = lambda: None
        self._begun, self._look_at, self._sockets = False, 0, list[socket.socket]()
        self.is_noted = self._is_settled = False
        self._broke: BaseException | None = None

    def _read_what_is_there(self) -> int:
        size = 0
        while block := os.pread(self._file, READ_BYTES, size):
            self._hash.update(block)
            self._boxes.feed(block)
            if len(self.head) < HEAD_BYTES:
                self.head += block[:HEAD_BYTES]
            size += len(block)
        return size

    def overlap(self, num_bytes: int) -> None:
        """Ask for the last bytes again, to see that they are still the same: for servers that name no version."""
        self._tail = os.pread(self._file, num_bytes, max(0, self.begins_at - num_bytes))
        self.begins_at -= len(self._tail)

    def header(self, name: str) -> str | None:
        return self._headers.get(name)

    def video_id(self) -> str:
        return self._hash.video_id()

    @property
    def missing_bytes(self) -> int:
        """Bytes that the file lacks by what it says itself."""
        return self._boxes.missing_bytes

    def open_socket(self, purpose: int, address: Any) -> Any:
        """libcurl is about to connect: a socket, or none where the address is not a public one."""
        family, kind, protocol, where = address
        host = str(where[0]) if isinstance(where, tuple) else str(where)
        if not is_public(host):
            self.refused_address = host
            return pycurl.SOCKET_BAD
        self._sockets.append(socket.socket(family, kind, protocol))
        return self._sockets[-1]

    def close(self) -> None:
        """Let go of the sockets: libcurl uses doubles of them."""
        for opened in self._sockets:
            opened.close()
        self._sockets.clear()

    def take_header(self, line: bytes) -> None:
        text = line.decode("iso-8859-1").strip()
        if text.startswith("HTTP/"):
            parts = text.split(" ", 2)
            self.status = int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else None
            self.reason = parts[2] if len(parts) > 2 else ""
            self._headers = {}
        elif ":" in text:
            name, _, value = text.partition(":")
            self._headers[name.strip().lower()] = value.strip()

    def take(self, piece: bytes) -> int | None:
        """A piece of the body, less than a block. Anything but None ends the transfer."""
        try:
            if not self._is_settled:
                looked_at = self._look(piece)
                if looked_at is None:
                    return -1
                piece = looked_at
            end = self._filled + len(piece)
            if end > BLOCK_BYTES:
                if not self._store():
                    return -1
                end = len(piece)
            self._block[self._filled : end] = piece
            self._filled = end
            return None
        except BaseException as error:  # noqa: BLE001  (libcurl would print it; `finish` raises it again)
            self._broke = error
            return -1

    def finish(self) -> None:
        """The transfer ended: what came last is kept as well, so that one that broke goes on from there.

        Raises:
            OSError: it cannot be written, or an earlier part could not.
        """
        if self._broke is not None:
            raise self._broke
        if self._filled:
            self._store()

    def _look(self, piece: bytes) -> bytes | None:
        """A piece of an answer that may not be what was asked for: what of it is to be stored, None to end it."""
        if self.status is None or self.status >= 300:
            self.error_text = (self.error_text + piece.decode("utf-8", "replace"))[:ERROR_TEXT_BYTES]
            return None if len(self.error_text) >= ERROR_TEXT_BYTES else b""
        if not self._begun and not self._begin():
            return None
        if self._tail:
            piece = self._compared(piece)
            if self.must_begin_anew:
                return None
        if len(self.head) < HEAD_BYTES:
            self.head += piece[:HEAD_BYTES]
        if len(self.head) >= HEAD_BYTES:
            self._is_settled = not self._tail
            if verdict := self.judge_head():
                self.problem = verdict
                return None
        return piece

    def _begin(self) -> bool:
        """The first byte: what the server says that it sends must go with what is there."""
        self._begun = True
        length = self._headers.get("content-length", "")
        if self.status == 206:
            match = _RANGE.match(self._headers.get("content-range", ""))
            if not match or int(match[1]) != self.begins_at:
                self.must_begin_anew = True
                return False
            self.total = int(match[3]) if match[3] != "*" else int(match[2]) + 1
        else:
            if self.size or self._tail:
                self.on_anew()
                os.ftruncate(self._file, 0)
                self._hash, self._boxes = VideoHash(), Boxes()
                self.head, self._tail = b"", b""
            self.begins_at = self.size = 0
            self.total = int(length) if length.isdigit() else None
        self.problem = self._too_much(0)
        return self.problem is None

    def _compared(self, block: bytes) -> bytes:
        """What of a block is new behind the overlap."""
        common = min(len(block), len(self._tail))
        if block[:common] != self._tail[:common]:
            self.must_begin_anew = True
        self._tail = self._tail[common:]
        return block[common:]

    def judge_head(self) -> tuple[str, str] | None:
        """None where the first bytes are a video's."""
        if container_suffix(self.head):
            return None
        return "not_a_video", f"it is {looks_like(self.head)}, by its first bytes"

    def _too_much(self, more: int) -> tuple[str, str] | None:
        most = self._settings.max_bytes
        if max(self.size + more, self.total or 0) > most:
            said = f"{self.total or self.size + more:,} bytes"
            return "too_large", f"{said}, more than the {most / GB:g} GB that one video may have"
        if self.size + more < self._look_at:
            return None
        self._look_at = self.size + DISK_EVERY_BYTES
        free = os.fstatvfs(self._file)
        left = free.f_bavail * free.f_frsize - max(more, (self.total or 0) - self.size)
        if left < self._settings.min_free_bytes:
            floor = self._settings.min_free_bytes / GB
            said = f"{left / GB:.2f} GB would be left on the disk, less than the {floor:g} GB that stay free"
            return "disk", said
        return None

    def _store(self) -> bool:
        """Write what has come, if so much more may be; whether it may."""
        size, self._filled = self._filled, 0
        if refused := self._too_much(size):
            self.problem = refused
            return False
        with memoryview(self._block)[:size] as block:
            self._hash.update(block)
            self._boxes.feed(block)
            _write(self._file, block, self.size)
        self.size, self.received = self.size + size, self.received + size
        if not self.is_noted and self.size >= NOTE_FROM_BYTES:
            self.is_noted = True
            self.on_worth()
        return True


def _write(descriptor: int, block: memoryview, at: int) -> None:
    """Write a block, however little the system takes at once."""
    written = os.pwrite(descriptor, block, at)
    while written < len(block):
        written += os.pwrite(descriptor, block[written:], at + written)
