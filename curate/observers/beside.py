"""Observers on a thread of their own, beside the detector: most of what they compute, they compute outside Python."""

from __future__ import annotations

from collections.abc import Sequence
from queue import Queue
from threading import Thread
from types import TracebackType

from curate.observers.observer import Observer
from media.frame import Frame

DEPTH = 32  # frames that wait; small ones, so that little memory goes


class Beside:
    """Pushes frames to observers in the order in which they come; once closed, the observers have seen all of them.

    `threads`: with one, the frames are pushed at once, by the caller. What an observer raises is raised by the next
    `push`, or on leaving.
    """

    def __init__(self, observers: Sequence[Observer], threads: int) -> None:
        self._observers = observers
        self._error: BaseException | None = None
        self._waiting: Queue[Frame | None] = Queue(DEPTH)
        self._thread = Thread(target=self._work, name="longtake-observe", daemon=True) if threads > 1 else None

    def __enter__(self) -> Beside:
        if self._thread:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._thread:
            self._waiting.put(None)
            self._thread.join()
        if error is None:
            self._complain()

    def push(self, frame: Frame) -> None:
        """Observers see the frame now, or soon."""
        if self._thread:
            self._complain()
            frame.settle()  # the large picture goes back to the decoder, and only one thread makes the small one
            self._waiting.put(frame)
        else:
            self._show(frame)

    def _work(self) -> None:
        while frame := self._waiting.get():
            if self._error is None:  # after an error frames are only taken away, so that nobody waits
                try:
                    self._show(frame)
                except BaseException as error:  # noqa: BLE001  (raised again in the caller's thread)
                    self._error = error

    def _show(self, frame: Frame) -> None:
        for observer in self._observers:
            observer.push(frame)

    def _complain(self) -> None:
        if self._error is not None:
            raise self._error
