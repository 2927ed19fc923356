"""When calls to a server may begin: so many at once, and so many a second, both learnt from what the server says.

How many at once: twice as many each round until most of the last calls were lost; then half, and one more each round.
How many a second: no limit until the server turns calls away for their number (429); then what it took in that time,
and a little more each window until it turns calls away again. So the server's limit is used in full, at the cost of the
few calls that find out where it lies.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

RECENT = 64
SUSPICIOUS = 1 / 2
"""Share of the last calls that must have been lost before that counts as too much, and not as chance."""
PAUSE_SECONDS = 1.0
"""Between two halvings: calls that were under way together tell the same news."""
LATE_SECONDS = 0.1
"""How much of a second's calls may be made up for where they began late, as on a busy machine."""


class Pace:
    """start, most: calls at once. Belongs to one event loop."""

    def __init__(self, start: int, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        if not 1 <= start <= most:
            raise ValueError(f"start must be in [1, {most}], got {start}.")
        self.at_once = float(start)
        self.rate = Rate(clock)
        self._most, self._clock = most, clock
        self._running = 0
        self._slow_start = True
        self._halved_at = float("-inf")
        self._signs: deque[bool] = deque([False] * (RECENT // 4), maxlen=RECENT)
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        self._next = 0.0
        self._alarm: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def turn(self, order: int = 0) -> AsyncIterator[None]:
        """Waits until a call may begin, and holds its place while it runs. Those of lower order go first."""
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (order, next(self._numbers), future))
        self._let_begin()
        try:
            await future
            yield
        finally:
            if future.done() and not future.cancelled():
                self._running -= 1
                self._let_begin()

    def _let_begin(self) -> None:
        """Lets those begin whose turn it is, and sets the alarm for the next one."""
        while self._waiting and self._running < int(self.at_once):
            if self._waiting[0][2].done():  # who waited was cancelled
                heapq.heappop(self._waiting)
                continue
            now = self._clock()
            if self.rate.per_second is not None:
                if now < self._next:
                    self._set_alarm(self._next - now)
                    return
                self._next = max(self._next, now - LATE_SECONDS) + 1 / self.rate.per_second
            self.rate.sent()
            self._running += 1
            heapq.heappop(self._waiting)[2].set_result(None)

    def _set_alarm(self, seconds: float) -> None:
        if self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(seconds, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._let_begin()

    def answered(self) -> None:
        """A call came back in good order."""
        self._signs.append(False)
        self.at_once = min(self._most, self.at_once + (1.0 if self._slow_start else 1 / self.at_once))

    def turned_away(self) -> None:
        """The server said that there are too many calls: begin fewer a second."""
        self.rate.turned_away()

    def lost(self) -> None:
        """A call was lost in silence, or the server was not available: too much only if it happens to many."""
        self._signs.append(True)
        if sum(self._signs) <= SUSPICIOUS * len(self._signs):
            return
        self._slow_start = False
        now = self._clock()
        if now - self._halved_at >= PAUSE_SECONDS:
            self._halved_at = now
            self.at_once = max(1.0, self.at_once / 2)


WINDOW_SECONDS, WINDOW_CALLS = 1.0, 10
"""A window is judged once it is so long and holds so many calls; many servers count by whole seconds themselves."""
TOLERATED = 0.15
"""Share of calls turned away, beyond those that are turned away at any rate, up to which the rate grows."""
FIRST_GROWTH, MOST_GROWTH = 0.1, 0.4
"""Of the rate in a window that went well: the first, doubled with each further one, up to the most."""
FULL_USE = 0.8
"""Share of the rate that must have been used before it grows: an idle hour says nothing about the server."""
SLOWER, SPARED = 0.9, 0.75
"""A rate slowed to less than this part leaves less than that part of the share turned away, or it is not to blame."""
REMEMBERED, TRUSTED = 5, 0.8
"""The rate falls to no less than this part of what was taken on average in so many windows."""
DEEPEST_FALL, LEAST_PER_SECOND = 1 / 4, 0.5
"""Part of the calls a second of a window to which the rate falls at most: one window may have met a bad second."""


class Rate:
    """Calls a second that a server takes, None while it has turned none away."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_second: float | None = None
        self._clock = clock
        self._since: float | None = None
        self._sent = self._turned_away = 0
        self._taken: deque[float] = deque(maxlen=REMEMBERED)
        self._growth = FIRST_GROWTH
        self._share_before: float | None = None
        self._at_any_rate = 0.0

    def sent(self) -> None:
        """A call begins."""
        self._look()
        self._sent += 1

    def turned_away(self) -> None:
        """A call was one too many."""
        self._turned_away += 1
        self._look()

    def _look(self) -> None:
        """Judges the window where it is at its end."""
        now = self._clock()
        self._since = now if self._since is None else self._since
        seconds, calls = now - self._since, self._sent
        if seconds < WINDOW_SECONDS or calls < WINDOW_CALLS:
            return
        turned_away = min(self._turned_away, calls)
        self._sent, self._turned_away, self._since = 0, 0, now
        self._learn(calls / seconds, (calls - turned_away) / seconds)

    def _learn(self, begun: float, taken: float) -> None:
        """begun, taken: calls a second in the window."""
        share = 1 - taken / begun
        if self._share_before is not None:
            self._at_any_rate = min(0.5, share) if share > SPARED * self._share_before else 0.0
            self._share_before = None
        self._at_any_rate = min(self._at_any_rate, share)
        if share > self._at_any_rate + TOLERATED:
            usual = TRUSTED * sum(self._taken) / len(self._taken) if self._taken else 0.0
            found = max(max(taken, usual) / (1 - self._at_any_rate), DEEPEST_FALL * begun, LEAST_PER_SECOND)
            slower = self.per_second is not None and found < SLOWER * begun
            self.per_second, self._growth = found, FIRST_GROWTH
            self._share_before = share if slower else None
        elif self.per_second is not None and begun >= FULL_USE * self.per_second:
            self.per_second *= 1 + self._growth
            self._growth = min(MOST_GROWTH, 2 * self._growth)
        if self.per_second is not None:
            self._taken.append(taken)
