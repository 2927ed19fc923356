"""The receiving end of one transfer: bytes go to the partial file and into its hash, and are judged as they come."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import threading
from collections.abc import Callable
from typing import Any

import pycurl

from curate.download.backend import GB, Settings
from curate.download.content import HEAD_BYTES, container_suffix, looks_like
from curate.download.safety import is_public

READ_BYTES = 4 << 20
DISK_EVERY_BYTES = 64 << 20
ERROR_TEXT_BYTES = 4096
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class Receiver:
    """What libcurl calls while it receives. `resume`: what is in the file already counts.

    After the transfer: `problem` is a class and a message where something was refused; `must_begin_anew` says that what
    came does not go with what was there.
    """

    def __init__(self, descriptor: int, settings: Settings, stop: threading.Event, *, resume: bool) -> None:
        self._file, self._settings, self._stop = descriptor, settings, stop
        self._hash, self.head = hashlib.sha256(), b""
        self.begins_at = self._read_what_is_there() if resume else 0
        self.size, self.received, self.total = self.begins_at, 0, None
        self._tail, self._headers = b"", dict[str, str]()
        self.status: int | None = None
        self.reason = self.error_text = ""
        self.problem: tuple[str, str] | None = None
        self.refused_address: str | None = None
        self.must_begin_anew = self.wrote = False
        self.broke: OSError | None = None
        self.content: str | None = None
        self.on_first: Callable[[], None] = lambda: None
        self._begun, self._checked_at, self._sockets = False, 0, list[socket.socket]()

    def _read_what_is_there(self) -> int:
        size = 0
        while block := os.pread(self._file, READ_BYTES, size):
            self._hash.update(block)
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

    def digest(self) -> str:
        return self._hash.hexdigest()

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

    def take(self, block: bytes) -> int | None:
        """A piece of the body. Anything but None ends the transfer."""
        try:
            return self._take(block)
        except OSError as error:
            self.broke = error
            return -1

    def _take(self, block: bytes) -> int | None:  # noqa: PLR0911  (a case each)
        if self._stop.is_set():
            self.problem = ("network", "the run ended")
            return -1
        if self.status is None or self.status >= 300:
            self.error_text = (self.error_text + block.decode("utf-8", "replace"))[:ERROR_TEXT_BYTES]
            return -1 if len(self.error_text) >= ERROR_TEXT_BYTES else None
        if not self._begun and not self._begin():
            return -1
        if self._tail:
            block = self._compared(block)
            if self.must_begin_anew:
                return -1
        if len(self.head) < HEAD_BYTES:
            self.head += block[:HEAD_BYTES]
            if len(self.head) >= HEAD_BYTES and (verdict := self.judge_head()):
                self.problem = verdict
                return -1
        if refused := self._too_much(len(block)):
            self.problem = refused
            return -1
        self._write(block)
        return None

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
                os.ftruncate(self._file, 0)
                self._hash, self.head, self._tail = hashlib.sha256(), b"", b""
            self.begins_at = self.size = 0
            self.total = int(length) if length.isdigit() else None
        self.on_first()
        return True

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
        if self._checked_at == 0 or self.size - self._checked_at >= DISK_EVERY_BYTES:
            self._checked_at = max(1, self.size)
            free = os.fstatvfs(self._file)
            left = free.f_bavail * free.f_frsize - max(more, (self.total or 0) - self.size)
            if left < self._settings.min_free_bytes:
                floor = self._settings.min_free_bytes / GB
                return (
                    "disk",
                    f"{left / GB:.2f} GB would be left on the disk, less than the {floor:g} GB that stay free",
                )
        return None

    def _write(self, block: bytes) -> None:
        view, at = memoryview(block), self.size
        while view:
            written = os.pwrite(self._file, view, at)
            view, at = view[written:], at + written
        self._hash.update(block)
        self.size, self.received, self.wrote = at, self.received + len(block), True
