"""Who fetches: a thread for each video where a backend needs one, else none. What came is placed."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from curate.download.backend import Backend, Fetched, ManyAtOnce, Target
from curate.download.outcomes import CLASSES
from curate.download.partials import Held, Partials
from curate.download.queue import Wanted
from engine.work import Row

MESSAGE_LENGTH = 1000


@dataclass
class Task:
    """A video to fetch. `began`: in seconds of the monotonic clock."""

    wanted: Wanted
    target: Target
    held: Held
    backend: Backend
    began: float


@dataclass
class Finished:
    """`row`: the attempt as `fetches` has it; of a video that came, where that stands. `bug`: what was raised."""

    task: Task
    row: Row
    bug: BaseException | None = None


class Crew:
    """Fetches tasks beside the one thread that calls `start` and `take`. `forgotten`: contents that are not kept."""

    def __init__(self, threads: int, partials: Partials, forgotten: set[str]) -> None:
        self._partials, self._forgotten = partials, forgotten
        self._works: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._finished: queue.SimpleQueue[Finished] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._serve, daemon=True, name=f"fetch-{number}") for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def start(self, tasks: Sequence[Task]) -> None:
        many: dict[ManyAtOnce, list[Task]] = {}
        for task in tasks:
            if isinstance(task.backend, ManyAtOnce):
                many.setdefault(task.backend, []).append(task)
            else:
                self._works.put(partial(self._fetch, task))
        for backend, its in many.items():
            backend.start([(task.target, partial(self._fetched, task)) for task in its])

    def take(self, timeout: float) -> Finished | None:
        """A task that is over; None where there is none within `timeout` seconds."""
        try:
            return self._finished.get(timeout=timeout)
        except queue.Empty:
            return None

    def let_go(self) -> None:
        """No more tasks come."""
        for _ in self._threads:
            self._works.put(None)

    def _serve(self) -> None:
        while (work := self._works.get()) is not None:
            work()

    def _fetch(self, task: Task) -> None:
        try:
            said = task.backend.fetch(task.target)
        except BaseException as error:  # noqa: BLE001  (the outermost door of a thread: who takes it raises it again)
            said = error
        self._place(task, said)

    def _fetched(self, task: Task, said: Fetched | BaseException) -> None:
        """Others wait for the thread that says so: sending to a bucket is not done in it."""
        if self._partials.are_moved:
            self._place(task, said)
        else:
            self._works.put(partial(self._place, task, said))

    def _place(self, task: Task, said: Fetched | BaseException) -> None:
        try:
            if not isinstance(said, Fetched):
                raise said
            row, bug = _row(task, said), None
            if said.outcome == "ok":
                row = self._partials.place(row, said, self._forgotten)
        except BaseException as error:  # noqa: BLE001  (who takes it raises it again)
            row, bug = _row(task, Fetched("network", "the run ended")), error
        self._finished.put(Finished(task, row, bug))


def _row(task: Task, fetched: Fetched) -> Row:
    account = task.target.cookies
    return {
        "video_key": task.wanted.video_key, "attempt": task.wanted.attempts + 1, "backend": task.backend.name,
        "outcome": fetched.outcome, "permanent": CLASSES[fetched.outcome].permanent,
        "http_status": fetched.http_status, "message": (fetched.message or "")[:MESSAGE_LENGTH] or None,
        "bytes": fetched.bytes, "seconds": time.monotonic() - task.began, "retry_after": fetched.retry_after,
        "url": task.target.url, "account": account.name if account else None, "format": fetched.format,
        "section_start_us": fetched.section_start_us, "title": fetched.title,
        "licence": fetched.licence, "uploader": fetched.uploader,
    }  # fmt: skip
