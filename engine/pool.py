"""Worker processes that may crash, hang or run out of memory without taking the run with them."""

from __future__ import annotations

import contextlib
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any

from engine.work import Outcome, Reject, Row, Slot, Work
from engine.worker import Bug, serve

START_SECONDS = 1800.0


@dataclass(frozen=True)
class WorkerLimits:
    """What one worker may use before its row is turned away.

    `stall_s`: longest silence, in seconds, before a worker counts as hung. `row_s`: longest time for one row,
    whatever it reports; None: no such limit. `memory_bytes`: data memory of one worker; None: no limit.

    Raises:
        ValueError: a limit is not positive.
    """

    stall_s: float = 120.0
    row_s: float | None = 6 * 3600.0
    memory_bytes: int | None = 4 << 30

    def __post_init__(self) -> None:
        for name in ("stall_s", "row_s", "memory_bytes"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name} must be > 0, got {value}. None means no limit.")


class WorkerBug(RuntimeError):
    """A worker raised something that no stage knows: a bug, with the worker's traceback."""


@dataclass
class _Task:
    rows: list[Row]
    crashes: int = 0


@dataclass
class _Worker:
    process: Any
    pipe: Connection
    lifeline: Connection
    task: _Task | None = None
    answered: int = 0
    ready: bool = False
    started_at: float = 0.0
    heard_at: float = 0.0


class Pool:
    """Hands tasks (lists of rows) to worker processes and yields their outcomes as they come.

    `make_work(slot)` runs once in each worker and returns the function that does the work, so a model is built
    once a worker. A row whose worker crashes gets a second try in a fresh worker, alone; a row that hangs or
    needs too much memory is rejected; the pool goes on. An unknown exception in a worker raises WorkerBug here.

    Tasks are taken from the iterable only when a worker is free, so memory does not grow with the input.
    """

    def __init__(
        self,
        make_work: Callable[[Slot], Work],
        slots: Sequence[Slot],
        *,
        key: str,
        limits: WorkerLimits | None = None,
    ) -> None:
        if not slots:
            raise ValueError("a pool needs at least one slot, got none")
        self._make_work, self._slots, self._key = make_work, list(slots), key
        self._limits = limits or WorkerLimits()
        self._context = get_context("spawn")

    def run(self, tasks: Iterable[list[Row]]) -> Generator[Outcome]:
        """Outcomes of all rows of all tasks, in the order in which they finish; closing it ends the workers."""
        source, again = iter(tasks), deque[_Task]()
        workers: dict[int, _Worker] = {}
        try:
            idle = list(self._slots)
            while True:
                while idle and (task := _next_task(source, again)):
                    slot = idle.pop()
                    if slot.index not in workers:
                        workers[slot.index] = self._start(slot)
                    _hand_over(workers[slot.index], task)
                busy = {i: worker for i, worker in workers.items() if worker.task}
                if not busy:
                    return
                for index, worker in self._ready(busy):
                    yield from self._listen(worker, again)
                    if worker.task is None:
                        idle.append(self._slot(index))
                    if not worker.process.is_alive() and worker.task is None:
                        del workers[index]
        finally:
            for worker in workers.values():
                _stop(worker)

    def _slot(self, index: int) -> Slot:
        return next(slot for slot in self._slots if slot.index == index)

    def _start(self, slot: Slot) -> _Worker:
        ours, theirs = self._context.Pipe()
        lifeline, their_lifeline = self._context.Pipe()
        process = self._context.Process(
            target=serve,
            args=(theirs, their_lifeline, self._make_work, slot, self._limits.memory_bytes),
            daemon=True,
            name=f"longtake-worker-{slot.index}",
        )
        with _no_interrupt():
            process.start()
        theirs.close()
        their_lifeline.close()
        return _Worker(process, ours, lifeline)

    def _ready(self, busy: dict[int, _Worker]) -> list[tuple[int, _Worker]]:
        """Workers that said something, died, or ran out of time."""
        now = time.monotonic()
        timeout = max(0.0, min(self._deadline(worker) for worker in busy.values()) - now)
        handles = [h for worker in busy.values() for h in (worker.pipe, worker.process.sentinel)]
        said = set(wait(handles, timeout=min(timeout, 60.0)))
        late = time.monotonic()
        return [
            (i, w) for i, w in busy.items() if w.pipe in said or w.process.sentinel in said or self._deadline(w) <= late
        ]

    def _deadline(self, worker: _Worker) -> float:
        if not worker.ready:
            return worker.started_at + START_SECONDS
        silent = worker.heard_at + self._limits.stall_s
        return silent if self._limits.row_s is None else min(silent, worker.started_at + self._limits.row_s)

    def _listen(self, worker: _Worker, again: deque[_Task]) -> Iterator[Outcome]:
        """Read all that a worker has to say, and see whether it is still well."""
        with contextlib.suppress(EOFError, ConnectionResetError):
            while worker.pipe.poll():
                message = worker.pipe.recv()
                worker.heard_at = time.monotonic()
                if isinstance(message, Outcome):
                    worker.answered += 1
                    worker.started_at = worker.heard_at
                    yield message
                elif isinstance(message, Bug):
                    raise WorkerBug(message.traceback)
                elif message == "ready":
                    worker.ready, worker.started_at = True, worker.heard_at
                elif message == "done":
                    worker.task = None
                elif message == "out_of_memory":
                    worker.process.join()
                    yield from self._give_up(worker, again, self._out_of_memory())
        if worker.task is None:
            return
        if not worker.process.is_alive():
            yield from self._bury(worker, again)
        elif self._deadline(worker) <= time.monotonic():
            worker.process.kill()
            worker.process.join()
            yield from self._give_up(worker, again, self._timeout(worker))

    def _bury(self, worker: _Worker, again: deque[_Task]) -> Iterator[Outcome]:
        """A worker died: its open row gets one more try alone, then it is rejected."""
        worker.process.join()
        code = worker.process.exitcode
        death = f"signal {signal.Signals(-code).name}" if code and code < 0 else f"exit code {code}"
        assert worker.task is not None
        if worker.task.crashes == 0:
            again.extend(_Task([row], crashes=1) for row in worker.task.rows[worker.answered :])
            worker.task = None
            return
        yield from self._give_up(worker, again, Reject("worker_crashed", f"the worker died twice, last by {death}"))

    def _timeout(self, worker: _Worker) -> Reject:
        now = time.monotonic()
        if now - worker.heard_at >= self._limits.stall_s:
            detail = f"no sign of progress for {now - worker.heard_at:.0f} s"
        else:
            detail = f"not finished after {now - worker.started_at:.0f} s"
        return Reject("timeout", detail, permanent=False)

    def _out_of_memory(self) -> Reject:
        limit = self._limits.memory_bytes or 0
        detail = f"needs more than the {limit / 2**30:.1f} GiB that a worker may use"
        return Reject("out_of_memory", detail, permanent=False)

    def _give_up(self, worker: _Worker, again: deque[_Task], reject: Reject) -> Iterator[Outcome]:
        """Reject the row that was being worked on; rows of the same task behind it are tried again alone."""
        assert worker.task is not None
        open_rows = worker.task.rows[worker.answered :]
        again.extend(_Task([row], worker.task.crashes) for row in open_rows[1:])
        worker.task = None
        if open_rows:
            yield Outcome(str(open_rows[0][self._key]), reject=reject)


def _next_task(source: Iterator[list[Row]], again: deque[_Task]) -> _Task | None:
    if again:
        return again.popleft()
    rows = next(source, None)
    return _Task(rows) if rows else None


def _hand_over(worker: _Worker, task: _Task) -> None:
    worker.task, worker.answered = task, 0
    worker.started_at = worker.heard_at = time.monotonic()
    with contextlib.suppress(BrokenPipeError):  # the worker died while idle; _listen sees it
        worker.pipe.send(task.rows)


@contextlib.contextmanager
def _no_interrupt() -> Iterator[None]:
    """Ctrl-C goes to all processes of a terminal: hold it back until a child that is just starting has inherited that.

    The parent gets it afterwards; the child never does, it ends when the parent tells it to.
    """
    resource_tracker.ensure_running()  # starting it later, on its own, would lift the block (CPython 3.11 to 3.14)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _stop(worker: _Worker) -> None:
    """End a worker: politely if it is idle, at once if it is not."""
    worker.pipe.close()
    worker.lifeline.close()
    worker.process.join(timeout=2.0 if worker.task is None else 0.0)
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join()
