"""Direct urls through processes that receive: each runs many fetches in one thread, which hashes and writes what comes.

Python runs one thread at a time, and a small file's bytes would pass through three. Here all cores work, and no thread
waits for another. Who may be asked, and when, stays with the one scheduler that hands out the videos.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import queue
import select
import threading
import time
import traceback
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from multiprocessing.connection import Connection
from socket import socketpair
from typing import Any

from curate.download.apart import BackendBug, Bug, ended, started
from curate.download.backend import NEVER, Done, Fetched, ManyAtOnce, Settings, Target, nothing
from curate.download.http import Http
from curate.download.transfers import Transfers

MOST_PROCESSES = 4
"""Each takes in some hundred MB a second."""
_LOOK_SECONDS = 0.5
_STOP_SECONDS = 3.0
_CODE = "from curate.download.receivers import serve; serve({descriptor})"


class Receivers(ManyAtOnce):
    """Fetches urls as they stand, in `processes` that start at once. Any thread may ask."""

    name = "http"

    def __init__(self, settings: Settings, agent: str, processes: int) -> None:
        self._make, self._lock = partial(_Process, settings, agent), threading.Lock()
        self._processes = [self._make() for _ in range(processes)]
        weakref.finalize(self, _end_all, self._processes)

    def fetch(self, target: Target) -> Fetched:
        """One fetch, waited for."""
        told: queue.SimpleQueue[Fetched | BaseException] = queue.SimpleQueue()
        self.start([(target, told.put)])
        said = told.get()
        if isinstance(said, BaseException):
            raise said
        return said

    def start(self, fetches: Sequence[tuple[Target, Done]]) -> None:
        with self._lock:  # the list stays the same one: what ends the processes at the end has it, too
            self._processes[:] = [self._make() if process.is_gone else process for process in self._processes]
            shares = {process: list[tuple[Target, Done]]() for process in self._processes}
        for fetch in fetches:
            shares[min(shares, key=lambda process: process.busy + len(shares[process]))].append(fetch)
        for process, share in shares.items():
            if share:
                process.ask(share)


@dataclass
class _Asked:
    target: Target
    done: Done
    stopped_at: float | None = None


class _Process:
    """A process that receives, and the thread that hears what it says."""

    def __init__(self, settings: Settings, agent: str) -> None:
        ours, theirs = socketpair()
        with theirs:
            self._process = started(_CODE, theirs)
        self._pipe, self._asking, self._numbers = Connection(ours.detach()), threading.Lock(), count()
        self._waiting: dict[int, _Asked] = {}
        self.is_gone = False
        self._pipe.send_bytes(pickle.dumps((settings, agent)))
        threading.Thread(target=self._listen, daemon=True, name=f"receiver-{self.pid}").start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def busy(self) -> int:
        """Fetches under way."""
        return len(self._waiting)

    def ask(self, fetches: Sequence[tuple[Target, Done]]) -> None:
        numbered = {next(self._numbers): _Asked(*fetch) for fetch in fetches}
        with self._asking:
            self._waiting |= numbered
            if self.is_gone:  # and the thread that answers with it
                self._fail_all()
            else:
                self._say([(number, replace(one.target, stop=NEVER, beat=nothing)) for number, one in numbered.items()])

    def end(self) -> str:
        """Kill it; how it had ended, in words."""
        return ended(self._process)

    def _say(self, words: list[tuple[int, Target | None]]) -> None:
        """Targets to fetch, by number; None: that one is to stop."""
        with contextlib.suppress(OSError):  # it is gone: the listening thread sees that, too
            self._pipe.send_bytes(pickle.dumps(words))

    def _listen(self) -> None:
        heard, looked_at = select.poll(), time.monotonic()  # Connection.poll makes a selector at each call
        heard.register(self._pipe.fileno(), select.POLLIN)
        while True:
            if heard.poll(_LOOK_SECONDS * 1000):
                try:
                    answers = pickle.loads(self._pipe.recv_bytes())
                except (EOFError, OSError):  # it is gone, maybe in the middle of a message
                    break
                for number, said in answers:
                    self._answer(number, BackendBug(said.traceback) if isinstance(said, Bug) else said)
            if time.monotonic() - looked_at >= _LOOK_SECONDS:
                looked_at = time.monotonic()
                self._look_at_stops(looked_at)
        with self._asking:
            self.is_gone = True
            self._fail_all()
        self._pipe.close()

    def _answer(self, number: int, said: Fetched | BaseException) -> None:
        asked = self._waiting.pop(number, None)
        if asked is not None:  # else nobody waits for it any more
            asked.done(said)

    def _look_at_stops(self, now: float) -> None:
        stopped = list[tuple[int, Target | None]]()
        for number, asked in list(self._waiting.items()):
            if asked.stopped_at is not None and now - asked.stopped_at > _STOP_SECONDS:
                self._answer(number, Fetched("network", "the run ended"))
            elif asked.stopped_at is None and asked.target.stop.is_set():
                asked.stopped_at = now
                stopped.append((number, None))
        if stopped:
            with self._asking:
                self._say(stopped)

    def _fail_all(self) -> None:
        said = Fetched("network", f"the process that received it ended by {self.end()}")
        for number in list(self._waiting):
            self._answer(number, said)


def _end_all(processes: list[_Process]) -> None:
    for process in processes:
        process.end()


def serve(descriptor: int) -> None:
    """The life of a process that receives: it ends when the other side does, however that ends."""
    pipe, transfers = Connection(descriptor), Transfers()
    settings, agent = pickle.loads(pipe.recv_bytes())
    desk = _Desk(pipe, transfers, Http(settings, agent))
    transfers.watch(descriptor, desk.listen)
    gc.collect()
    gc.freeze()  # what was imported stays: no file is worth looking through it again
    while True:
        transfers.turn()
        desk.answer()


class _Desk:
    """Takes what comes through the pipe: targets to fetch, and which of them are to stop. What ended in one turn goes
    back in one message."""

    def __init__(self, pipe: Connection, transfers: Transfers, http: Http) -> None:
        self._pipe, self._transfers, self._http = pipe, transfers, http
        self._stops: dict[int, threading.Event] = {}
        self._answers = list[tuple[int, Any]]()

    def listen(self) -> None:
        try:
            words = pickle.loads(self._pipe.recv_bytes())
        except (EOFError, OSError):  # the scheduler is gone, maybe in the middle of a message
            os._exit(0)
        for number, target in words:
            if target is not None:
                stop = self._stops[number] = threading.Event()
                self._transfers.start(self._http.fetching(replace(target, stop=stop)), partial(self._ended, number))
            elif number in self._stops:
                self._stops[number].set()

    def answer(self) -> None:
        if self._answers:
            try:
                self._pipe.send_bytes(pickle.dumps(self._answers))
            except OSError:
                os._exit(0)
            self._answers = []

    def _ended(self, number: int, said: Fetched | BaseException) -> None:
        del self._stops[number]
        bug = Bug("".join(traceback.format_exception(said))) if isinstance(said, BaseException) else said
        self._answers.append((number, bug))
