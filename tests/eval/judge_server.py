"""A judge server on this machine that states a limit, keeps to it, and misbehaves in a given share of its calls."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

FAULTS = ("hang", "garbage", "truncated", "wrong_count", "server_error", "unavailable")


@dataclass
class JudgeServer:
    """limit: calls a second, None for any number; faulty: share of the calls that go wrong, each in one of the ways.

    paid: how often a good answer was given to each prompt. seconds: that a good answer takes.
    """

    limit: float | None = None
    faulty: float = 0.0
    seconds: float = 0.005
    faults: tuple[str, ...] = FAULTS
    url: str = ""
    paid: Counter[str] = field(default_factory=Counter)
    said: Counter[str] = field(default_factory=Counter)
    asked: list[dict[str, Any]] = field(default_factory=list)
    began: float = 0.0
    ended: float = 0.0
    missing: bool = False
    _tokens: float = 1.0
    _filled: float = 0.0
    _random: random.Random = field(default_factory=lambda: random.Random(0))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, call after call."""
        try:
            while body := await _body(reader):
                status, headers, text = await self._answer(json.loads(body))
                content = text.encode()
                head = f"HTTP/1.1 {status} x\r\ncontent-length: {len(content)}\r\n{headers}\r\n"
                writer.write(head.encode() + content)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    async def _answer(self, body: dict[str, Any]) -> tuple[int, str, str]:  # noqa: PLR0911  (a way to end each)
        now = time.monotonic()
        self.began, self.ended = self.began or now, now
        self.asked.append(body)
        if self.missing:
            return 404, "", "no such model"
        if self.limit is not None and not self._take(now, self.limit):
            self.said["rate_limited"] += 1
            return 429, "", "slow down"
        fault = self._random.choice(self.faults) if self._random.random() < self.faulty else None
        self.said[fault or "good"] += 1
        if fault == "hang":
            await asyncio.sleep(3600)
        await asyncio.sleep(self.seconds)
        if fault in ("server_error", "unavailable"):
            return {"server_error": 500, "unavailable": 503}[fault], "", "oh no"
        answer = self.answer(body)
        if fault == "garbage":
            return 200, "", "<html>nginx</html>"
        if fault == "truncated":
            return 200, "", _completion(answer[: len(answer) // 2])
        if fault == "wrong_count":
            return 200, "", _completion(json.dumps({"0": "entailment", "99": "neutral"}))
        self.paid[_prompt(body)] += 1
        return 200, "", _completion(answer)

    def _take(self, now: float, limit: float) -> bool:
        """A bucket of a tenth of a second's calls."""
        self._tokens = min(max(1.0, limit / 10), self._tokens + (now - (self._filled or now)) * limit)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def answer(self, body: dict[str, Any]) -> str:
        """Sentences as events; entailed where the event's words stand in the prompt twice."""
        schema = body.get("response_format", {}).get("json_schema", {}).get("schema", {})
        prompt = _prompt(body)
        if "events" in schema.get("properties", {}):
            caption = prompt.split("<description>")[1].split("</description>")[0]
            return json.dumps({"events": [part.strip() for part in caption.split(".") if part.strip()]})
        lines = [line.split(": ", 1)[1] for line in prompt.splitlines() if line[:1].isdigit() and ": " in line]
        said = prompt.split("<description>")[1].split("</description>")[0]
        return json.dumps({str(i): "entailment" if line in said else "neutral" for i, line in enumerate(lines)})


async def _body(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.lower().splitlines() if line.startswith(b"content-length"))
    return await reader.readexactly(length)


def _completion(text: str) -> str:
    usage = {"prompt_tokens": 200, "completion_tokens": 40}
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return json.dumps({"model": "toy-judge", "choices": [choice], "usage": usage})


def _prompt(body: dict[str, Any]) -> str:
    return body["messages"][-1]["content"]


@contextmanager
def serving(server: JudgeServer) -> Iterator[JudgeServer]:
    """The server in a thread of its own; `url` is filled in."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()

    async def start() -> asyncio.Server:
        started = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        server.url = f"http://127.0.0.1:{started.sockets[0].getsockname()[1]}/v1"
        ready.set()
        return started

    async def stop(started: asyncio.Server) -> None:
        started.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def work() -> None:
        asyncio.set_event_loop(loop)
        started.append(loop.run_until_complete(start()))
        loop.run_forever()
        loop.run_until_complete(stop(started[0]))
        loop.close()

    started: list[asyncio.Server] = []
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
