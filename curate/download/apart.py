"""A backend in processes of its own, one a worker: what hangs there is killed, with all that it started, and what
crashes there takes nothing with it.

Libraries that fetch pages sleep, wait for other programs and call into C; a thread that does so cannot be ended.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any

from curate.download.backend import NEVER, Backend, Fetched, Target, nothing
from curate.download.safety import only_public_in_process

_LOOK_SECONDS = 0.5
_STOP_SECONDS = 3.0
_BEAT_SECONDS = 1.0
_CODE = "from curate.download.apart import serve; serve({descriptor})"


class BackendBug(RuntimeError):
    """A backend raised something that it does not name, with the traceback of its process."""


@dataclass(frozen=True)
class Bug:
    """What a process says of one."""

    traceback: str


class Apart:
    """Runs `make()`, which must be importable, in as many processes as `fetch` is called at once.

    `silent_s`: longest time without a sign of progress. `guarded`: the process connects to public addresses only.
    """

    def __init__(self, name: str, make: Callable[[], Backend], *, silent_s: float, guarded: bool) -> None:
        self.name, self._make, self._silent_s, self._guarded = name, make, silent_s, guarded
        self._idle: queue.SimpleQueue[_Child] = queue.SimpleQueue()
        weakref.finalize(self, _end_all, self._idle)

    def fetch(self, target: Target) -> Fetched:
        try:
            child = self._idle.get_nowait()
        except queue.Empty:
            child = _Child(self._make, guarded=self._guarded)
        try:
            return self._fetched(child, target)
        finally:
            if child.is_well:
                self._idle.put(child)
            else:
                child.end()

    def _fetched(self, child: _Child, target: Target) -> Fetched:
        heard_at, stopped_at = time.monotonic(), None
        try:
            child.is_well = False
            child.pipe.send(replace(target, stop=NEVER, beat=nothing))
            while True:
                if child.pipe.poll(_LOOK_SECONDS):
                    said = child.pipe.recv()
                    if isinstance(said, Fetched):
                        child.is_well = True
                        return said
                    if isinstance(said, Bug):
                        raise BackendBug(said.traceback)
                    heard_at = time.monotonic()
                at = time.monotonic()
                if at - heard_at > self._silent_s:
                    return Fetched("network", f"{self.name} gave no sign of progress for {at - heard_at:.0f} s")
                if target.stop.is_set() and stopped_at is None:
                    stopped_at = at
                    child.pipe.send("stop")
                if stopped_at is not None and at - stopped_at > _STOP_SECONDS:
                    return Fetched("network", "the run ended")
        except (EOFError, ConnectionError):
            return Fetched("network", f"the process of {self.name} ended by {child.end()}")


class _Child:
    """A process, in a session of its own: Ctrl-C does not reach it, and what it starts ends with it."""

    def __init__(self, make: Callable[[], Backend], *, guarded: bool) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = started(_CODE, theirs)
        self.pipe, self.is_well = Connection(ours.detach()), False
        self.pipe.send((make, guarded))

    def end(self) -> str:
        """Kill it and all that it started; how it had ended, in words."""
        said = ended(self._process)
        self.pipe.close()
        return said


def started(code: str, theirs: socket.socket) -> subprocess.Popen[bytes]:
    """A Python process that runs `code`, in which `{descriptor}` stands for its end of a socket, in its own session."""
    return subprocess.Popen(
        [sys.executable, "-P", "-c", code.format(descriptor=theirs.fileno())],
        pass_fds=(theirs.fileno(),),
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )


def ended(process: subprocess.Popen[bytes]) -> str:
    """Kill a process that `started` made and all that it started; how it had ended, in words."""
    if process.returncode is None:  # once it was waited for, its number may be another's
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    code = process.wait()
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _end_all(idle: queue.SimpleQueue[_Child]) -> None:
    with contextlib.suppress(queue.Empty):
        while True:
            idle.get_nowait().end()


def serve(descriptor: int) -> None:
    """The life of the process: one target after another, until the other side goes."""
    pipe, targets, stop = Connection(descriptor), queue.SimpleQueue[Target](), threading.Event()
    make, guarded = pipe.recv()
    threading.Thread(target=_listen, args=(pipe, targets, stop), daemon=True).start()
    if guarded:
        only_public_in_process()
    beat, backend = _beater(pipe), None
    while True:
        target = targets.get()
        stop.clear()
        said: Fetched | Bug
        try:
            backend = backend or make()
            said = backend.fetch(replace(target, stop=stop, beat=beat))
        except BaseException:  # noqa: BLE001  (the outermost door of the process: the other side raises it again)
            said = Bug(traceback.format_exc())
        pipe.send(said)


def _listen(pipe: Connection, targets: queue.SimpleQueue[Any], stop: threading.Event) -> None:
    try:
        while True:
            said = pipe.recv()
            if isinstance(said, Target):
                targets.put(said)
            else:
                stop.set()
    except (EOFError, OSError):
        os.killpg(0, signal.SIGKILL)  # the run is gone, however it went


def _beater(pipe: Connection) -> Callable[[], None]:
    """Says at most once a second that there is progress."""
    told_at = 0.0

    def beat() -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= _BEAT_SECONDS:
            told_at = time.monotonic()
            pipe.send("beat")

    return beat
