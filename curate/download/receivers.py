"""Direct urls through processes that receive: each runs many fetches in one thread, which hashes and writes what comes.

Python runs one thread at a time, and a small file's bytes would pass through three. Here all cores work, and no thread
waits for another. Who may be asked, and when, stays with the one scheduler that hands out the videos.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import socket
import threading
import time
import traceback
import weakref
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection

from curate.download.apart import BackendBug, Bug, ended, started
from curate.download.backend import NEVER, Fetched, Settings, Target, nothing
from curate.download.http import Http
from curate.download.transfers import Transfers

MOST_PROCESSES = 4
"""Each takes in some hundred MB a second."""
_LOOK_SECONDS = 0.5
_STOP_SECONDS = 3.0
_CODE = "from curate.download.receivers import serve; serve({descriptor})"


class Receivers:
    """Fetches urls as they stand, in `count` processes that start at once. Any thread may ask."""

    name = "http"

    def __init__(self, settings: Settings, agent: str, count: int) -> None:
        self._make, self._lock = partial(_Process, settings, agent), threading.Lock()
        self._processes = [self._make() for _ in range(count)]
        weakref.finalize(self, _end_all, self._processes)

    def fetch(self, target: Target) -> Fetched:
        process = self._least_busy()
        try:
            pipe = process.line()
            said = _told(pipe, target)
        except (EOFError, ConnectionError):
            return Fetched("network", f"the process that received it ended by {self._replaced(process)}")
        finally:
            with self._lock:
                process.busy -= 1
        if isinstance(said, Bug):
            raise BackendBug(said.traceback)
        if said is None:
            return Fetched("network", "the run ended")
        process.idle.append(pipe)
        return said

    def _least_busy(self) -> _Process:
        with self._lock:
            process = min(self._processes, key=lambda process: process.busy)
            process.busy += 1
            return process

    def _replaced(self, process: _Process) -> str:
        """Another process in place of one that is gone; how it had ended, in words."""
        with self._lock:
            if process in self._processes:
                self._processes[self._processes.index(process)] = self._make()
            return process.end()


class _Process:
    """`busy`: fetches under way; `idle`: pipes without one, each of which carries one at a time."""

    def __init__(self, settings: Settings, agent: str) -> None:
        self.busy, self.idle = 0, list[Connection]()
        self._door, theirs = socket.socketpair()
        with theirs:
            self._process = started(_CODE, theirs)
        self._door.sendall(_sized(pickle.dumps((settings, agent))))

    @property
    def pid(self) -> int:
        return self._process.pid

    def line(self) -> Connection:
        """A pipe to the process.

        Raises:
            ConnectionError: the process is gone.
        """
        with contextlib.suppress(IndexError):
            return self.idle.pop()
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._door, [b"+"], [theirs.fileno()])
        return Connection(ours.detach())

    def end(self) -> str:
        said = ended(self._process)
        self._door.close()
        return said


def _end_all(processes: list[_Process]) -> None:
    for process in processes:
        process.end()


def _told(pipe: Connection, target: Target) -> Fetched | Bug | None:
    """What a process says of a fetch; None: the run ended, and it said nothing."""
    pipe.send(replace(target, stop=NEVER, beat=nothing))
    stopped_at, answer = None, select.poll()  # Connection.poll makes a selector at each call
    answer.register(pipe.fileno(), select.POLLIN)
    while not answer.poll(_LOOK_SECONDS * 1000):
        if stopped_at is not None and time.monotonic() - stopped_at > _STOP_SECONDS:
            return None
        if target.stop.is_set() and stopped_at is None:
            stopped_at = time.monotonic()
            pipe.send("stop")
    return pipe.recv()


def _sized(message: bytes) -> bytes:
    return len(message).to_bytes(4, "big") + message


def serve(descriptor: int) -> None:
    """The life of a process that receives: it ends when the other side does, however that ends."""
    door, transfers = socket.socket(fileno=descriptor), Transfers()
    size = int.from_bytes(door.recv(4, socket.MSG_WAITALL), "big")
    settings, agent = pickle.loads(door.recv(size, socket.MSG_WAITALL))
    http = Http(settings, agent)

    def open_line() -> None:
        _, descriptors, _, _ = socket.recv_fds(door, 1, 1)
        if not descriptors:
            os._exit(0)
        pipe = Connection(descriptors[0])
        transfers.watch(pipe.fileno(), _listener(pipe, transfers, http))

    transfers.watch(door.fileno(), open_line)
    while True:
        transfers.turn()


def _listener(pipe: Connection, transfers: Transfers, http: Http) -> Callable[[], None]:
    """Takes what comes through a pipe: a target to fetch, or that it should stop."""
    stop = threading.Event()

    def answer(said: Fetched | BaseException) -> None:
        with contextlib.suppress(OSError):  # nobody listens any more: the next turn sees it, or has seen it
            pipe.send(said if isinstance(said, Fetched) else Bug("".join(traceback.format_exception(said))))

    def listen() -> None:
        try:
            said = pipe.recv()
        except (EOFError, ConnectionError):  # who asked waits no more; what others asked for goes on
            stop.set()
            transfers.forget(pipe.fileno())
            pipe.close()
            return
        if isinstance(said, Target):
            stop.clear()
            transfers.start(http.fetching(replace(said, stop=stop)), answer)
        else:
            stop.set()

    return listen
