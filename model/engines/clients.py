"""Many connections to one server at the cost of few: httpx looks at every connection of a pool for every call."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import httpx

CONNECTIONS = 8
"""Of one pool."""


class Clients:
    """As many small pools as `most` calls at once need, each asked in its turn. `post` is that of httpx's client."""

    def __init__(self, most: int, *, transport: httpx.AsyncBaseTransport | None = None, **options: Any) -> None:
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        context: Any = options.pop("verify", None) or httpx.create_ssl_context()
        self._clients = [
            httpx.AsyncClient(transport=transport, limits=limits, verify=context, **options)
            for _ in range(-(-most // CONNECTIONS) + 1)
        ]
        self._running = [0] * len(self._clients)
        self._turns = itertools.cycle(range(len(self._clients)))

    async def post(self, url: str, json: Mapping[str, Any]) -> httpx.Response:
        """The response of the first pool in turn that has a connection to spare. Raises what httpx raises."""
        place = next(self._turns)
        for _ in self._clients:
            if self._running[place] < CONNECTIONS:
                break
            place = next(self._turns)
        self._running[place] += 1
        try:
            return await self._clients[place].post(url, json=json)
        finally:
            self._running[place] -= 1

    async def aclose(self) -> None:
        """Closes all connections."""
        for client in self._clients:
            await client.aclose()
