"""The engine that asks a server: vLLM, SGLang, or any other that speaks OpenAI's chat completions."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from model.captioner import CaptionRequest, CaptionResult, failed
from model.engines.chat_body import Form, chat_body, encode_job
from model.engines.pace import Pace
from model.engines.patience import Patience
from model.engines.server_call import Call, ServerBroken, session
from model.engines.workers import Workers
from model.errors import ModelError
from model.processors.settings import Tarsier2Settings

LEAST_PATIENCE = 30.0
"""Seconds that a clip is waited for at least, however quick the others are."""


@dataclass(frozen=True)
class ServerSettings:
    """form: "video_frames" sends decoded frames as one video (vLLM, SGLang), "images" as pictures (clouds), "video_url"
    the url or file alone, which the server then samples itself. quality: of JPEG; None sends PNG, which is exact.
    start, most: calls at once. seconds: until a call counts as lost, at the latest. tries: of each request. usd_read,
    usd_written: price of a million tokens. budget_usd: after which nothing more is sent. frames.double_frames must stay
    True for Tarsier2.
    """

    form: Form = "video_frames"
    frames: Tarsier2Settings = field(default_factory=Tarsier2Settings)
    quality: int | None = 95
    start: int = 4
    most: int = 64
    seconds: float = 300.0
    tries: int = 5
    first_wait: float = 0.5
    workers: int = 4
    usd_read: float = 0.0
    usd_written: float = 0.0
    budget_usd: float | None = None

    def __post_init__(self) -> None:
        if self.form not in ("video_frames", "images", "video_url"):
            raise ValueError(f"form must be 'video_frames', 'images' or 'video_url', got {self.form!r}.")
        if self.tries < 1:
            raise ValueError(f"tries must be >= 1, got {self.tries}.")


@dataclass
class Ledger:
    """What was sent and what it cost. retries: by the class of failure that led to them."""

    answered: int = 0
    failures: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    retries: Counter[str] = field(default_factory=Counter)

    def lines(self) -> list[str]:
        """For people."""
        line = f"{self.answered} answered, {self.failures} failed; {self.prompt_tokens} tokens read, "
        lines = [line + f"{self.output_tokens} written, {self.usd:.4f} USD"]
        if self.retries:
            lines.append("retries: " + ", ".join(f"{name} {count}" for name, count in sorted(self.retries.items())))
        return lines


class OpenAICaptioner:
    """A `Captioner` over a server. base_url: up to and with /v1.

    Raises ServerBroken from `caption` where no request can succeed: the key is refused, or there is no such model.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str | None = None,
        settings: ServerSettings | None = None,
    ) -> None:
        self._url = base_url.rstrip("/") + "/chat/completions"
        self._model = model
        self._key = api_key
        self._settings = settings or ServerSettings()
        self.ledger = Ledger()

    def caption(self, requests: Iterable[CaptionRequest]) -> Iterator[CaptionResult]:
        """One result a request, in the order in which the server answers."""
        results: queue.Queue[CaptionResult | BaseException | None] = queue.Queue(maxsize=2 * self._settings.most)
        gone = threading.Event()
        source = _Source(requests)
        thread = threading.Thread(target=self._in_thread, args=(source, results, gone), daemon=True)
        thread.start()
        try:
            while (result := results.get()) is not None:
                if isinstance(result, BaseException):
                    raise result
                yield result
        finally:
            gone.set()
            while thread.is_alive():  # a full queue must not hold it
                with contextlib.suppress(queue.Empty):
                    results.get(timeout=0.05)
            thread.join()

    def _in_thread(self, source: _Source, results: queue.Queue[Any], gone: threading.Event) -> None:
        try:
            asyncio.run(self._all(source, results, gone))
        except BaseExceptionGroup as group:
            results.put(_first(group))
        except BaseException as error:  # noqa: BLE001  (handed to the caller's thread, where it is raised)
            results.put(error)
        else:
            results.put(None)

    async def _all(self, source: _Source, results: queue.Queue[Any], gone: threading.Event) -> None:
        settings = self._settings
        pace = Pace(min(settings.start, settings.most), settings.most)
        patience = Patience(LEAST_PATIENCE, settings.seconds)
        with Workers(settings.workers) as workers:
            async with session(self._key) as connections:
                call = Call(
                    connections, self._url, pace, patience, settings.tries, settings.first_wait, self.ledger.retries
                )
                async with asyncio.TaskGroup() as group:
                    for _ in range(settings.most):
                        group.create_task(self._one_after_the_other(source, call, workers, results, gone))

    async def _one_after_the_other(
        self, source: _Source, call: Call, workers: Workers, results: queue.Queue[Any], gone: threading.Event
    ) -> None:
        while not gone.is_set():
            request = await asyncio.to_thread(source.next)
            if request is None:
                return
            result = await self._answer(request, call, workers)
            self._book(result)
            await asyncio.to_thread(results.put, result)

    async def _answer(self, request: CaptionRequest, call: Call, workers: Workers) -> CaptionResult:
        settings = self._settings
        if settings.budget_usd is not None and self.ledger.usd >= settings.budget_usd:
            return failed(request, "budget", f"{self.ledger.usd:.4f} of {settings.budget_usd} USD are spent.")
        try:
            frames = replace(settings.frames, n_frames=request.n_frames) if request.n_frames else settings.frames
            wait = workers.submit(encode_job(request, frames, settings.form, settings.quality))
            media = await asyncio.to_thread(wait)
            body = chat_body(request, media, self._model, settings.form, settings.quality)
        except ModelError as error:
            return failed(request, error.reason, error.detail)
        return await call.result(request, body, media, self._provenance())

    def _book(self, result: CaptionResult) -> None:
        ledger, settings = self.ledger, self._settings
        ledger.answered += result.error is None
        ledger.failures += result.error is not None
        ledger.prompt_tokens += result.prompt_tokens
        ledger.output_tokens += result.output_tokens
        ledger.usd += (result.prompt_tokens * settings.usd_read + result.output_tokens * settings.usd_written) / 1e6

    def _provenance(self) -> dict[str, Any]:
        quality = self._settings.quality
        return {
            "engine": "openai",
            "model": self._model,
            "form": self._settings.form,
            "pictures": "png" if quality is None else f"jpeg {quality}",
            "frames_doubled": self._settings.frames.double_frames and self._settings.form == "video_frames",
            "resizer": "server" if self._settings.form == "video_url" else "pil",
        }


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error that the calls ended with."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


class _Source:
    """The requests, one at a time, whoever asks."""

    def __init__(self, requests: Iterable[CaptionRequest]) -> None:
        self._requests = iter(requests)
        self._lock = threading.Lock()

    def next(self) -> CaptionRequest | None:
        with self._lock:
            return next(self._requests, None)


__all__ = ["Ledger", "OpenAICaptioner", "ServerBroken", "ServerSettings"]
