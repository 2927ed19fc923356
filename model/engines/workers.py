"""Jobs on worker processes, because a damaged video can crash, hang or blow up a native decoder.

Each worker has a thread that waits for it. A worker that dies or takes too long is replaced, and only its own job
fails.
"""

from __future__ import annotations

import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from model.errors import ModelError


class Workers:
    """count: processes; 0 runs each job in the caller when its result is asked for. seconds: after which a job is
    killed.

    A job is a callable that pickles and imports no torch. Its result raises ModelError as the job did, or
    ModelError("bad_media") where the process died or hung; anything else is a bug and raises RuntimeError.
    """

    def __init__(self, count: int, seconds: float = 300.0) -> None:
        if count < 0:
            raise ValueError(f"count must be >= 0, got {count}.")
        self._seconds = seconds
        self._local = threading.local()
        self._processes: list[_Process] = []
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="decode") if count else None

    def submit(self, job: Callable[[], Any]) -> Callable[[], Any]:
        """Starts a job as soon as a worker is free; the returned function waits for its result."""
        if self._threads is None:
            return job
        future: Future[Any] = self._threads.submit(self._run, job)
        return future.result

    def close(self) -> None:
        """Stops all workers; jobs that wait are not begun."""
        if self._threads:
            self._threads.shutdown(wait=False, cancel_futures=True)
        for process in self._processes:
            process.stop()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, job: Callable[[], Any]) -> Any:
        process: _Process | None = getattr(self._local, "process", None)
        if process is None or not process.alive:
            process = self._local.process = _Process()
            self._processes.append(process)
        return process.answer(job, self._seconds)


class _Process:
    def __init__(self) -> None:
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    def answer(self, job: Callable[[], Any], seconds: float) -> Any:
        try:
            self._connection.send(job)
            if not self._connection.poll(seconds):
                self.stop()
                raise ModelError("bad_media", f"Reading it took longer than {seconds:g} s.")
            kind, *values = _received(self._connection)
        except (EOFError, OSError) as error:
            self.stop()
            raise ModelError("bad_media", f"The decoder died with exit code {self._process.exitcode}.") from error
        if kind == "model_error":
            raise ModelError(*values)
        if kind == "bug":
            raise RuntimeError(f"a worker failed:\n{values[0]}")
        return values[0]

    def stop(self) -> None:
        self._process.kill()
        self._process.join()
        self._connection.close()


def _serve(connection: Connection) -> None:
    """A worker's life: one job after the other until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who owns the pipe
    while True:
        try:
            job = connection.recv()
        except EOFError:
            return
        try:
            _send(connection, ("done", job()))
        except ModelError as error:
            _send(connection, ("model_error", error.reason, error.detail))
        except Exception:  # noqa: BLE001  (the outermost door of this process: the caller gets the traceback)
            _send(connection, ("bug", traceback.format_exc()))


def _send(connection: Connection, answer: tuple[Any, ...]) -> None:
    """The answer without its arrays, then their bytes as they lie in memory: pickled with it they are copied twice on
    either side, and the frames of a clip are 20 MB."""
    arrays: list[pickle.PickleBuffer] = []
    head = pickle.dumps(answer, protocol=5, buffer_callback=arrays.append)
    views = [array.raw() for array in arrays]
    connection.send((head, [view.nbytes for view in views]))
    for view in views:
        sent = 0
        while sent < view.nbytes:
            sent += os.write(connection.fileno(), view[sent:])


def _received(connection: Connection) -> tuple[Any, ...]:
    """What `_send` sent. Raises EOFError where the sender died."""
    head, sizes = connection.recv()
    arrays = [bytearray(size) for size in sizes]
    for array in arrays:
        view, here = memoryview(array), 0
        while here < len(array):
            count = os.readv(connection.fileno(), [view[here:]])
            if not count:
                raise EOFError
            here += count
    return pickle.loads(head, buffers=arrays)
