"""How many calls may run at once: one more after each round of successes, half after a sign of overload."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class AdaptiveLimit:
    """Additive increase, multiplicative decrease, between 1 and `most`; it halves at most once in `pause` seconds."""

    def __init__(self, start: int, most: int, pause: float = 1.0) -> None:
        if not 1 <= start <= most:
            raise ValueError(f"start must be in [1, {most}], got {start}.")
        self.allowed = float(start)
        self._most = most
        self._pause = pause
        self._running = 0
        self._halved_at = float("-inf")
        self._changed = asyncio.Condition()

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
        self.allowed = min(self._most, self.allowed + 1 / self.allowed)

    def overloaded(self) -> None:
        """The server said that it is too much, or did not answer in time."""
        now = time.monotonic()
        if now - self._halved_at >= self._pause:
            self._halved_at = now
            self.allowed = max(1.0, self.allowed / 2)
