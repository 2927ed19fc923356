"""What becomes of fetched files while others are still being fetched: in turns, in a thread of its own.

A turn takes all that was recorded until it began: it starts workers, and so is not for every file; but between two
turns no more is fetched than may wait.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

FIRST_AFTER_SECONDS = 20.0
"""A run that is shorter does it once, at its end."""
PAUSE_SECONDS = 20.0


class Beside:
    """Calls `turn` again and again, as long as there is something new. Use it in a `with`: leaving waits for the last.

    `most_ahead`: bytes that may be fetched and not yet have been through a turn; None: any number.
    """

    def __init__(
        self,
        turn: Callable[[], None],
        most_ahead: int | None = None,
        first_after_s: float = FIRST_AFTER_SECONDS,
        pause_s: float = PAUSE_SECONDS,
    ) -> None:
        self._turn, self._most_ahead, self._pause_s = turn, most_ahead, pause_s
        self._begin_at = time.monotonic() + first_after_s
        self._state = threading.Condition()
        self._recorded = self._through = 0
        self._is_hurried = self._is_over = False
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="beside")

    def __enter__(self) -> Beside:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._state:
            self._is_over = True
            self._state.notify()
        if kind is None:
            self._thread.join()
            self.look()

    def recorded(self, num_bytes: int) -> None:
        """Rows of so many bytes in all have been written.

        Raises:
            Exception: what a turn raised.
        """
        self.look()
        with self._state:
            self._recorded = num_bytes
            self._state.notify()

    def has_room(self, num_bytes: int) -> bool:
        """Whether more may be fetched when so many bytes have been; where not, the next turn does not wait."""
        if self._most_ahead is None:
            return True
        with self._state:
            if num_bytes - self._through <= self._most_ahead:
                return True
            self._is_hurried = True
            self._state.notify()
            return False

    def look(self) -> None:
        """Raise what a turn raised."""
        if self._failed is not None:
            raise self._failed

    def _run(self) -> None:
        try:
            while (taken := self._wait()) is not None:
                self._turn()
                with self._state:
                    self._through, self._is_hurried = taken, False
                    self._begin_at = time.monotonic() + self._pause_s
        except BaseException as error:  # noqa: BLE001  (the outermost door of the thread: `look` raises it again)
            self._failed = error

    def _wait(self) -> int | None:
        """Bytes that had been recorded when a turn begins; None: the run is over."""
        with self._state:
            while not self._is_over:
                left = 0.0 if self._is_hurried else self._begin_at - time.monotonic()
                is_new = self._recorded > self._through
                if is_new and left <= 0:
                    return self._recorded
                self._state.wait(left if is_new else None)
            return None
