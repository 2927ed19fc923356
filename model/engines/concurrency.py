"""How many calls may run at once: one more after each round of successes, half after a sign of overload."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

RECENT = 64
SUSPICIOUS = 1 / 2
"""Share of the last calls that must show a sign which can also be chance, such as silence, before it counts."""


class AdaptiveLimit:
    """Additive increase, multiplicative decrease, between 1 and `most`; it halves at most once in `pause` seconds.

    eager: one more after each success until the first sign of overload, for calls that are small and many.
    """

    def __init__(self, start: int, most: int, pause: float = 1.0, *, eager: bool = False) -> None:
        if not 1 <= start <= most:
            raise ValueError(f"start must be in [1, {most}], got {start}.")
        self.allowed = float(start)
        self._most = most
        self._pause = pause
        self._running = 0
        self._halved_at = float("-inf")
        self._changed = asyncio.Condition()
        self._eager = eager
        self._signs: deque[bool] = deque([False] * (RECENT // 4), maxlen=RECENT)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Waits for a place, and holds it."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._running < int(self.allowed))
            self._running += 1
        try:
            yield
        finally:
            async with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def succeeded(self) -> None:
        """A call came back in good order."""
        self._signs.append(False)
        self.allowed = min(self._most, self.allowed + (1.0 if self._eager else 1 / self.allowed))

    def troubled(self) -> None:
        """A call was lost in silence or by a fault of the server: too much only if it happens to many."""
        self._signs.append(True)
        if sum(self._signs) > SUSPICIOUS * len(self._signs):
            self.overloaded()

    def overloaded(self) -> None:
        """The server said that it is too much, or did not answer in time."""
        now = time.monotonic()
        self._eager = False
        if now - self._halved_at >= self._pause:
            self._halved_at = now
            self.allowed = max(1.0, self.allowed / 2)
