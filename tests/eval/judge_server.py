"""A judge server on this machine that states a limit, keeps to it, and misbehaves in a given share of its calls.

`python -m tests.eval.judge_server` runs one in a process of its own until its standard input ends: it prints its url,
and then what it counted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from eval.autodq.samples import Sample

FAULTS = ("hang", "garbage", "truncated", "wrong_count", "server_error", "unavailable", "refused")
KINDS = ("bucket", "window", "at_once")


@dataclass
class JudgeServer:
    """limit: None for any number; faulty: share of the calls within it that go wrong, each in one of the ways.

    kind: what the limit counts. "bucket": calls a second, of which a tenth may come together. "window": calls in each
    whole second. "at_once": calls under way. said: calls by what came of them, "beyond" are those over the limit.
    paid: how often a good answer was given to each prompt. seconds: that a good answer takes.
    """

    limit: float | None = None
    kind: Literal["bucket", "window", "at_once"] = "bucket"
    faulty: float = 0.0
    seconds: float = 0.005
    faults: tuple[str, ...] = FAULTS
    url: str = ""
    paid: Counter[str] = field(default_factory=Counter)
    said: Counter[str] = field(default_factory=Counter)
    asked: list[dict[str, Any]] = field(default_factory=list)
    began: float = 0.0
    ended: float = 0.0
    call_seconds: float = 0.0
    missing: bool = False
    seed: int = 0
    _tokens: float = 1.0
    _filled: float = 0.0
    _running: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, call after call."""
        try:
            while body := await _body(reader):
                self._note()
                status, text = await self._answer(json.loads(body), reader)
                self._note()
                content = text.encode()
                writer.write(f"HTTP/1.1 {status} x\r\ncontent-length: {len(content)}\r\n\r\n".encode() + content)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    async def _answer(self, body: dict[str, Any], reader: asyncio.StreamReader) -> tuple[int, str]:
        self.asked.append(body)
        if self.missing:
            return 404, "no such model"
        if not self._take(time.monotonic()):
            self.said["beyond"] += 1
            return 429, "slow down"
        fault = self._random.choice(self.faults) if self._random.random() < self.faulty else "good"
        self.said[fault] += 1
        self._running += 1
        try:
            if fault == "hang":
                await reader.read()  # ends when the caller gives up, as a server notices it
                return 0, ""
            await asyncio.sleep(self.seconds)
            return self._said(fault, body)
        finally:
            self._note()
            self._running -= 1

    def _said(self, fault: str, body: dict[str, Any]) -> tuple[int, str]:
        answer = self.answer(body)
        if fault == "good":
            self.paid[_prompt(body)] += 1
        return {
            "good": (200, _completion(answer)),
            "garbage": (200, "<html>nginx</html>"),
            "truncated": (200, _completion(answer[: len(answer) // 2])),
            "wrong_count": (200, _completion(json.dumps({"0": "entailment", "99": "neutral"}))),
            "server_error": (500, "oh no"),
            "unavailable": (503, "oh no"),
            "refused": (429, "not now"),
        }[fault]

    def _note(self) -> None:
        """Moves the clock on: seconds between the first and the last thing that happened, and calls in them."""
        now = time.monotonic()
        self.began = self.began or now
        self.call_seconds += self._running * (now - (self.ended or now))
        self.ended = now

    def _take(self, now: float) -> bool:
        """Whether a call is within the limit."""
        if self.limit is None:
            return True
        if self.kind == "at_once":
            return self._running < self.limit
        if self.kind == "window":
            self._tokens = self.limit if int(now) != int(self._filled) else self._tokens
        else:
            self._tokens = min(max(1.0, self.limit / 10), self._tokens + (now - (self._filled or now)) * self.limit)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def counts(self) -> dict[str, Any]:
        """What it counted, for another process."""
        return {
            "said": dict(self.said),
            "paid_twice": sum(count > 1 for count in self.paid.values()),
            "seconds": self.ended - self.began,
            "call_seconds": self.call_seconds,
        }

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


def samples(number: int) -> list[Sample]:
    """Samples that the server knows to judge: half of the claims and half of the events are entailed."""
    return [
        Sample(
            f"x_{i}",
            "all",
            f"a dog {i} runs. a cat {i} jumps.",
            f"a dog {i} runs. rain {i}.",
            (f"a dog {i} runs", f"rain {i}"),
        )
        for i in range(number)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=KINDS, default="bucket")
    parser.add_argument("--limit", type=float)
    parser.add_argument("--faulty", type=float, default=0.0)
    parser.add_argument("--seconds", type=float, default=0.005)
    parser.add_argument("--seed", type=int, default=0)
    with serving(JudgeServer(**vars(parser.parse_args()))) as server:
        print(server.url, flush=True)
        sys.stdin.read()
        print(json.dumps(server.counts()), flush=True)


if __name__ == "__main__":
    main()
