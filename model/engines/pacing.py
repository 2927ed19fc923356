"""How many calls may begin a second, learnt from a server that refuses what is too much."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

WINDOW_SECONDS = 1.0
WINDOW_CALLS = 20
"""A window is judged once it is so long and holds so many calls."""
TOLERATED = 0.25
"""Share of refusals up to which the rate grows: a server that refuses nothing is one that could do more."""
GROWTH = 1.1
FLOOR = 0.25
"""Of the best rate that was ever accepted: refusals that come whatever the rate must not stop everything."""


class Pacer:
    """No limit until a server refuses; then the rate that it accepts, and a tenth more each window that goes well."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_second: float | None = None
        self._clock = clock
        self._next = 0.0
        self._best = 0.0
        self._accepted = self._refused = 0
        self._began = clock()

    async def turn(self) -> None:
        """Waits until the next call may begin."""
        if self.per_second is None:
            return
        now = self._clock()
        begin = max(now, self._next)
        self._next = begin + 1 / self.per_second
        if begin > now:
            await asyncio.sleep(begin - now)

    def accepted(self) -> None:
        """A call was let in, whatever came of it then."""
        self._accepted += 1
        self._judge()

    def refused(self) -> None:
        """The server said that there are too many."""
        self._refused += 1
        self._judge()

    def _judge(self) -> None:
        seconds, calls = self._clock() - self._began, self._accepted + self._refused
        if seconds < WINDOW_SECONDS or calls < WINDOW_CALLS:
            return
        rate = self._accepted / seconds
        self._best = max(self._best, rate)
        if self._refused > TOLERATED * calls:
            self.per_second = max(rate, FLOOR * self._best, 0.5)
        elif self.per_second is not None:
            self.per_second = min(self.per_second * GROWTH, max(self.per_second, 2 * self._best))
        self._accepted = self._refused = 0
        self._began = self._clock()
