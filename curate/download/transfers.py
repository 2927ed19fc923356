"""All transfers of libcurl in one thread: it waits for sockets and takes what comes, others write and hash that.

libcurl gives a body in pieces of 16 KB, each a call into Python. A thread a transfer would pass the interpreter's lock
around at every piece; here one thread only collects the pieces, and the thread that wanted the transfer gets them as
blocks of about `BLOCK_BYTES`, which it writes and hashes without that lock.
"""

from __future__ import annotations

import contextlib
import os
import queue
import selectors
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any, Protocol

import pycurl

from curate.download.backend import Stop

BLOCK_BYTES = 1 << 20
BLOCKS_AT_HAND = 32
"""Blocks of all transfers that wait to be written: when the disk is slower than the network, the network waits."""
STOPPED = -1
_TICK_SECONDS = 0.25
_IDLE_SECONDS = 2.0


class Sink(Protocol):
    """Where a transfer's bytes go. All but `store` is called in the thread of all transfers and must be quick."""

    stop: Stop
    is_settled: bool
    """no piece needs to be shown to `look` any more"""

    def look(self, piece: bytes) -> bytes | None:
        """A piece of the body: what of it is to be stored; None ends the transfer."""
        ...

    def accept(self, num_bytes: int) -> bool:
        """Whether so many bytes more may be stored; False ends the transfer."""
        ...

    def store(self, block: bytes) -> None:
        """Called in the thread that asked for the transfer."""
        ...


class _Transfer:
    def __init__(self, curl: Any, sink: Sink, room: threading.Semaphore) -> None:
        self.curl, self.sink, self._room = curl, sink, room
        self.blocks: queue.SimpleQueue[bytes | tuple[int, str] | BaseException] = queue.SimpleQueue()
        self._pieces, self._size = list[bytes](), 0
        self._broke: BaseException | None = None

    def take(self, piece: bytes) -> int | None:
        """libcurl has a piece of the body. Anything but None ends the transfer."""
        try:
            if not self.sink.is_settled:
                looked_at = self.sink.look(piece)
                if looked_at is None:
                    return -1
                piece = looked_at
            self._pieces.append(piece)
            self._size += len(piece)
            return None if self._size < BLOCK_BYTES or self._hand_over() else -1
        except BaseException as error:  # noqa: BLE001  (libcurl would print it; the asker raises it again)
            self._broke = error
            return -1

    def _hand_over(self) -> bool:
        if not self.sink.accept(self._size):
            return False
        self._room.acquire()
        self.blocks.put(b"".join(self._pieces))
        self._pieces, self._size = [], 0
        return True

    def end(self, ended: tuple[int, str] | BaseException) -> None:
        """What came last is kept as well: a transfer that broke goes on from there."""
        try:
            if self._size and self._broke is None:
                self._hand_over()
        except BaseException as error:  # noqa: BLE001  (as in `take`)
            self._broke = error
        self.blocks.put(self._broke or ended)


class Transfers:
    """Runs any number of transfers at once, over connections that stay open for the next. Any thread may ask."""

    def __init__(self) -> None:
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_NOTHING)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        self._selector, self._due_at = selectors.DefaultSelector(), None
        self._ear, self._mouth = os.pipe()
        for end in (self._ear, self._mouth):
            os.set_blocking(end, False)
            weakref.finalize(self, os.close, end)
        self._selector.register(self._ear, selectors.EVENT_READ)
        self._new: queue.SimpleQueue[_Transfer] = queue.SimpleQueue()
        self._active: dict[Any, _Transfer] = {}
        self._room, self._lock = threading.Semaphore(BLOCKS_AT_HAND), threading.Lock()
        self._thread: threading.Thread | None = None

    def perform(self, curl: Any, sink: Sink) -> tuple[int, str]:
        """Run a transfer to its end; libcurl's code (0: done, `STOPPED`: `sink.stop` was set) and message.

        Raises:
            OSError: `sink.store` cannot write.
        """
        if sink.stop.is_set():
            return STOPPED, "the run ended"
        transfer = _Transfer(curl, sink, self._room)
        curl.setopt(pycurl.WRITEFUNCTION, transfer.take)
        self._new.put(transfer)
        self._wake()
        failed: OSError | None = None
        while isinstance(block := transfer.blocks.get(), bytes):
            try:
                if failed is None:
                    sink.store(block)
            except OSError as error:
                failed = error
            finally:
                self._room.release()
        if isinstance(block, BaseException):
            raise block
        if failed is not None:
            raise failed
        return block

    def _wake(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, daemon=True, name="transfers")
                self._thread.start()
        with contextlib.suppress(BlockingIOError):  # then it is awake already
            os.write(self._mouth, b".")

    def _serve(self) -> None:
        try:
            self._run()
        except BaseException as error:  # noqa: BLE001  (the outermost door of the thread: its askers raise it again)
            with self._lock:
                self._thread = None
                transfers = [*self._active.values(), *self._waiting()]
                self._active.clear()
            for transfer in transfers:
                transfer.end(error)

    def _run(self) -> None:
        idle_since, ticked_at = None, time.monotonic()
        while True:
            at = time.monotonic()
            if self._may_end(idle_since, at):
                return
            wait = _TICK_SECONDS if self._due_at is None else min(_TICK_SECONDS, self._due_at - at)
            ready = self._selector.select(max(0.0, wait))
            self._start_new()
            for key, events in ready:
                if key.fd != self._ear:
                    self._act(key.fd, events)
            at = time.monotonic()
            if self._due_at is not None and self._due_at <= at:
                self._due_at = None
                self._act(pycurl.SOCKET_TIMEOUT, 0)
            self._end_finished()
            if at - ticked_at >= _TICK_SECONDS:
                ticked_at = at
                self._end_stopped()
            idle_since = None if self._active else idle_since or at

    def _may_end(self, idle_since: float | None, at: float) -> bool:
        """A thread without work ends; the next that asks starts another."""
        if idle_since is None or at - idle_since < _IDLE_SECONDS:
            return False
        with self._lock:
            if not self._new.empty():
                return False
            self._thread = None
            return True

    def _start_new(self) -> None:
        try:
            os.read(self._ear, 4096)
        except BlockingIOError:
            return
        for transfer in self._waiting():
            self._active[transfer.curl] = transfer
            self._multi.add_handle(transfer.curl)

    def _waiting(self) -> Iterator[_Transfer]:
        with contextlib.suppress(queue.Empty):
            while True:
                yield self._new.get_nowait()

    def _act(self, descriptor: int, events: int) -> None:
        mask = (pycurl.CSELECT_IN if events & selectors.EVENT_READ else 0) | (
            pycurl.CSELECT_OUT if events & selectors.EVENT_WRITE else 0
        )
        self._multi.socket_action(descriptor, mask)

    def _end_finished(self) -> None:
        while True:
            waiting, done, failed = self._multi.info_read()
            for curl in done:
                self._end(curl, 0, "")
            for curl, code, message in failed:
                self._end(curl, code, message)
            if not waiting:
                return

    def _end_stopped(self) -> None:
        for curl, transfer in list(self._active.items()):
            if transfer.sink.stop.is_set():
                self._end(curl, STOPPED, "the run ended")

    def _end(self, curl: Any, code: int, message: str) -> None:
        self._multi.remove_handle(curl)
        self._active.pop(curl).end((code, message))

    def _watch(self, what: int, descriptor: int, *_: object) -> None:
        """libcurl says what it waits for on a socket."""
        if what == pycurl.POLL_REMOVE:
            if descriptor in self._selector.get_map():
                self._selector.unregister(descriptor)
            return
        events = (selectors.EVENT_READ if what & pycurl.POLL_IN else 0) | (
            selectors.EVENT_WRITE if what & pycurl.POLL_OUT else 0
        )
        if descriptor in self._selector.get_map():
            self._selector.modify(descriptor, events)
        else:
            self._selector.register(descriptor, events)

    def _set_timer(self, milliseconds: int) -> None:
        self._due_at = None if milliseconds < 0 else time.monotonic() + milliseconds / 1000
