"""Direct urls through libcurl: ranges, resume behind an etag, what is no video stopped at its first bytes."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import certifi
import pycurl

from curate.download.backend import Fetched, Settings, Target
from curate.download.content import HEAD_BYTES, container_suffix
from curate.download.outcomes import of_status
from curate.download.receive import BLOCK_BYTES, Receiver
from curate.download.safety import host_of
from curate.download.transfers import STOPPED, Ended, Fetching, Sink, Transfers

BUFFER_BYTES = 512 << 10
CONNECT_SECONDS = 30
MOST_REDIRECTS = 8
SLOWEST_BYTES_PER_S = 512
OVERLAP_BYTES = 4096
HTTP_RANGE_REFUSED = 416
_GOES_ON = frozenset({"network", "server", "rate_limited", "disk"})
_TOO_MANY_REDIRECTS = pycurl.E_TOO_MANY_REDIRECTS
_BAD_URL = frozenset({pycurl.E_URL_MALFORMAT, pycurl.E_UNSUPPORTED_PROTOCOL})


@dataclass(frozen=True)
class Note:
    """What a partial file is a part of. It lies beside it as JSON."""

    url: str
    etag: str | None
    modified: str | None
    total: int | None

    @property
    def validator(self) -> str | None:
        """What If-Range may hold: a strong etag, or a date."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified

    @classmethod
    def read(cls, path: Path) -> Note | None:
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            return cls(said["url"], said["etag"], said["modified"], said["total"])
        except (OSError, ValueError, KeyError, TypeError):
            return None


class Http:
    """Fetches a url as it stands; `agent` is what it says that it is. Connections stay open for the next file."""

    name = "http"

    def __init__(self, settings: Settings, agent: str = "longtake") -> None:
        self._settings, self._idle, self._blocks = settings, list[Any](), list[bytearray]()
        self._headers = (f"User-Agent: {agent}", "Accept: */*")

    def fetch(self, target: Target) -> Fetched:
        """One fetch by itself, in this thread."""
        transfers, told = Transfers(), list[Fetched | BaseException]()
        transfers.start(self.fetching(target), told.append)
        while not told:
            transfers.turn()
        if isinstance(told[0], BaseException):
            raise told[0]
        return told[0]

    def fetching(self, target: Target) -> Fetching:
        """A fetch for `Transfers` to run beside others."""
        try:
            host_of(target.url)
        except ValueError as error:
            return Fetched("bad_url", str(error))
        note_at = target.partial.with_suffix(".json")
        try:
            return (yield from self._fetching(target, note_at))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                return Fetched("disk", f"{error.strerror}: {target.partial.parent}")
            raise

    def _fetching(self, target: Target, note_at: Path) -> Fetching:
        with _opened(target.partial, target.url, note_at) as (descriptor, note), self._lent_block() as block:
            receiver = Receiver(descriptor, self._settings, target.stop, block, resume=note is not None)
            code, message = yield from self._transfer(target, receiver, note, note_at)
            if receiver.must_begin_anew or (note is not None and receiver.status == HTTP_RANGE_REFUSED):
                # the file changed on the server, or what it sends does not fit what is there
                note_at.unlink(missing_ok=True)
                os.ftruncate(descriptor, 0)
                receiver = Receiver(descriptor, self._settings, target.stop, block, resume=False)
                code, message = yield from self._transfer(target, receiver, None, note_at)
            received = _judged(receiver, code, message, target)
        if received.outcome in _GOES_ON and receiver.size and target.partial.exists():
            if receiver.status in (200, 206):
                _write_note(note_at, target.url, receiver)
            return received
        if note is not None or receiver.is_noted:
            note_at.unlink(missing_ok=True)
        if received.outcome != "ok":
            target.partial.unlink(missing_ok=True)
        return received

    def _transfer(
        self, target: Target, receiver: Receiver, note: Note | None, note_at: Path
    ) -> Generator[tuple[Any, Sink], Ended, Ended]:
        """Run the transfer and store all that it brought.

        Raises:
            OSError: it cannot be written.
        """
        curl = self._idle.pop() if self._idle else pycurl.Curl()
        curl.reset()
        headers = [*self._headers]
        if note is not None and receiver.begins_at:
            if note.validator:
                headers.append(f"If-Range: {note.validator}")
            else:
                receiver.overlap(OVERLAP_BYTES)
            curl.setopt(pycurl.RANGE, f"{receiver.begins_at}-")
        self._set(curl, target, receiver)
        curl.setopt(pycurl.HTTPHEADER, headers)
        receiver.on_worth = lambda: _write_note(note_at, target.url, receiver)
        receiver.on_anew = lambda: note_at.unlink(missing_ok=True)
        try:
            ended = yield curl, receiver
        finally:
            receiver.close()
        self._idle.append(curl)
        receiver.finish()
        return ended

    @contextmanager
    def _lent_block(self) -> Iterator[bytearray]:
        """Memory to gather in, used again and again: what is new to a process costs more than what is written to it."""
        block = self._blocks.pop() if self._blocks else bytearray(BLOCK_BYTES)
        try:
            yield block
        finally:
            self._blocks.append(block)

    def _set(self, curl: Any, target: Target, receiver: Receiver) -> None:
        s = self._settings
        curl.setopt(pycurl.URL, target.url.encode())
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.REDIR_PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.FOLLOWLOCATION, 1)
        curl.setopt(pycurl.MAXREDIRS, MOST_REDIRECTS)
        curl.setopt(pycurl.CAINFO, certifi.where())
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.BUFFERSIZE, BUFFER_BYTES)
        curl.setopt(pycurl.CONNECTTIMEOUT, CONNECT_SECONDS)
        curl.setopt(pycurl.TIMEOUT, int(s.max_seconds))
        curl.setopt(pycurl.LOW_SPEED_LIMIT, SLOWEST_BYTES_PER_S)
        curl.setopt(pycurl.LOW_SPEED_TIME, max(1, int(s.stall_s)))
        curl.setopt(pycurl.PROXY, s.proxy or "")  # never from the environment: with a proxy, it chooses the address
        curl.setopt(pycurl.HEADERFUNCTION, receiver.take_header)
        curl.setopt(pycurl.WRITEFUNCTION, receiver.take)
        if target.cookies is not None:
            curl.setopt(pycurl.COOKIEFILE, str(target.cookies))
        if not s.allow_private and not s.proxy:
            curl.setopt(pycurl.OPENSOCKETFUNCTION, receiver.open_socket)


@contextmanager
def _opened(path: Path, url: str, note_at: Path) -> Iterator[tuple[int, Note | None]]:
    """Descriptor of the partial file and, where it is one of this url that can go on, its note; else it is empty.

    It is never opened through a link.
    """
    note = None
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        note = Note.read(note_at)
        if note is None or note.url != url:
            note_at.unlink(missing_ok=True)
            note = None
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | (0 if note else os.O_TRUNC))
    try:
        yield descriptor, note
    finally:
        os.close(descriptor)


def _write_note(path: Path, url: str, receiver: Receiver) -> None:
    note = Note(url, receiver.header("etag"), receiver.header("last-modified"), receiver.total)
    path.write_text(json.dumps(vars(note)), encoding="utf-8")


def _judged(receiver: Receiver, code: int, message: str, target: Target) -> Fetched:  # noqa: PLR0911  (a case each)
    """What the transfer amounts to."""
    said = Fetched(
        "ok", None, target.partial, None, receiver.status, receiver.received,
        _retry_after(receiver.header("retry-after")), receiver.header("etag"),
    )  # fmt: skip
    if receiver.refused_address:
        return said.but("forbidden_address", f"it leads to {receiver.refused_address}, which is not a public address")
    if receiver.problem:
        return said.but(*receiver.problem)
    if code == STOPPED:
        return said.but("network", message)
    if code in _BAD_URL:
        return said.but("bad_url", message)
    if code == _TOO_MANY_REDIRECTS:
        return said.but("unsupported", f"more than {MOST_REDIRECTS} redirects")
    if receiver.status and receiver.status >= 300 and code in (0, pycurl.E_WRITE_ERROR):
        outcome = of_status(receiver.status, target.url, receiver.error_text)
        return said.but(outcome, f"HTTP {receiver.status} {receiver.reason}".strip())
    if code:
        return said.but("network", f"{message or 'the transfer broke off'} (curl {code})")
    if receiver.total is not None and receiver.size != receiver.total:
        return said.but("network", f"{receiver.size} of {receiver.total} bytes came")
    if receiver.size < HEAD_BYTES and (verdict := receiver.judge_head()):
        return said.but(*verdict)
    if missing := receiver.missing_bytes:
        target.partial.unlink(missing_ok=True)  # the server says that this is all: nothing to go on from
        return said.but("network", f"the file ends {missing} bytes before its last part does")
    suffix = container_suffix(receiver.head)
    return replace(said, video_id=receiver.video_id(), size=receiver.size, format=suffix, suffix=suffix)


def _retry_after(text: str | None) -> float | None:
    """Seconds of a Retry-After, which is a number or a date; None where there is none that makes sense."""
    if not text:
        return None
    if text.strip().isdigit():
        return float(min(int(text), 7 * 86400))
    try:
        at = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return min(max(0.0, at.timestamp() - time.time()), 7 * 86400.0)
