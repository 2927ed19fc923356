"""How long a call is waited for: ten times as long as most take, for what is silent that long is lost."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

RECENT, FIRST, EVERY = 200, 40, 10
"""Calls that are looked back on, after how many for the first time, and after how many more again."""
MOST_CALLS = 0.75
"""Of the recent calls; lost ones count as long as they were waited for, so patience grows where most are lost."""
TIMES = 10


class Patience:
    """seconds: of a call now, between least and most; calls under way are held to it as well."""

    def __init__(self, least: float, most: float) -> None:
        self.seconds = most
        self._least, self._most = min(least, most), most
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._seen = 0
        self._begun: dict[asyncio.Timeout, float] = {}

    @asynccontextmanager
    async def holds(self) -> AsyncIterator[None]:
        """Raises TimeoutError in what stands within once patience is at its end."""
        begun = asyncio.get_running_loop().time()
        async with asyncio.timeout(self.seconds) as timer:
            self._begun[timer] = begun
            try:
                yield
            finally:
                del self._begun[timer]

    def took(self, seconds: float) -> None:
        """A call was answered, or given up, after so long."""
        self._recent.append(seconds)
        self._seen += 1
        if self._seen < FIRST or self._seen % EVERY:
            return
        usual = sorted(self._recent)[int(MOST_CALLS * len(self._recent))]
        before, self.seconds = self.seconds, min(self._most, max(self._least, TIMES * usual))
        if self.seconds == before:
            return
        for timer, begun in self._begun.items():
            if not timer.expired():
                timer.reschedule(begun + self.seconds)
