"""Any number of fetches at once in one thread, which waits for the sockets of all of them.

A fetch is a generator: it gives a transfer of libcurl's to run, is told how that ended, and returns what came of it.
"""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable, Generator
from typing import Any, Protocol

import pycurl

from curate.download.backend import Done, Fetched, Stop

STOPPED = -1
_TICK_SECONDS = 0.25


class Sink(Protocol):
    """Where a transfer's bytes go; libcurl calls it by itself. A set `stop` ends the transfer."""

    stop: Stop


Ended = tuple[int, str]
"""libcurl's code (0: done, `STOPPED`: the sink's stop was set) and message."""
Fetching = Generator[tuple[Any, Sink], Ended, Fetched]


class Transfers:
    """Runs fetches over connections that stay open for the next. Only the thread that calls `turn` may use it."""

    def __init__(self) -> None:
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_NOTHING)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._follow)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        self._selector, self._due_at, self._ticked_at = selectors.DefaultSelector(), None, time.monotonic()
        self._active: dict[Any, tuple[Sink, Fetching, Done]] = {}

    def watch(self, descriptor: int, when_readable: Callable[[], None]) -> None:
        """Call something in a turn in which there is something to read."""
        self._selector.register(descriptor, selectors.EVENT_READ, when_readable)

    def start(self, fetching: Fetching, done: Done) -> None:
        """Begin a fetch; `done` is called in a later turn, or at once, with what came of it or what it raised."""
        self._go_on(fetching, done, None)

    def turn(self) -> None:
        """Wait until something comes, a quarter of a second at most, and take it."""
        at = time.monotonic()
        wait = _TICK_SECONDS if self._due_at is None else min(_TICK_SECONDS, self._due_at - at)
        for key, events in self._selector.select(max(0.0, wait)):
            if key.data is None:
                self._act(key.fd, events)
            else:
                key.data()
        at = time.monotonic()
        if self._due_at is not None and self._due_at <= at:
            self._due_at = None
            self._act(pycurl.SOCKET_TIMEOUT, 0)
        self._end_finished()
        if at - self._ticked_at >= _TICK_SECONDS:
            self._ticked_at = at
            self._end_stopped()

    def _go_on(self, fetching: Fetching, done: Done, ended: Ended | None) -> None:
        try:
            curl, sink = fetching.send(ended)  # pyright: ignore[reportArgumentType]  (None: the generator's start)
            while sink.stop.is_set():
                curl, sink = fetching.send((STOPPED, "the run ended"))
        except StopIteration as over:
            done(over.value)
        except BaseException as error:  # noqa: BLE001  (who asked for the fetch raises it again)
            done(error)
        else:
            self._active[curl] = sink, fetching, done
            self._multi.add_handle(curl)

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
        for curl, (sink, _, _) in list(self._active.items()):
            if sink.stop.is_set():
                self._end(curl, STOPPED, "the run ended")

    def _end(self, curl: Any, code: int, message: str) -> None:
        self._multi.remove_handle(curl)
        _, fetching, done = self._active.pop(curl)
        self._go_on(fetching, done, (code, message))

    def _follow(self, what: int, descriptor: int, *_: object) -> None:
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
