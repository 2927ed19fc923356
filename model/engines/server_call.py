"""One call to a server, tried again where that can help, by the class of what went wrong."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx

from model.captioner import CaptionRequest, CaptionResult, TokenLogprob, failed
from model.engines.chat_body import EncodedMedia
from model.engines.clients import Clients
from model.engines.concurrency import AdaptiveLimit
from model.engines.pacing import Pacer

OVERLOAD = frozenset({408, 429, 503, 529})
LONGEST_WAIT = 60.0
LOOK_SECONDS = 0.5


class ServerBroken(Exception):
    """No request of this run can succeed: the key is refused, or the url or model does not exist."""


@dataclass(frozen=True)
class _Failure:
    """reason: of the result. again: whether another try can help. overload: whether fewer calls would.

    full: whether the server turned the call away for their number, and not for a fault.
    """

    reason: str
    detail: str
    again: bool
    overload: bool = False
    wait: float | None = None
    full: bool = False


class Call:
    """Posts bodies. retries: counts of failures that led to another try, by reason.

    pacer: learns how many calls a second the server takes; refusals for a full house (429) then count apart from the
    tries, up to `overload_tries`, for they say nothing against the request. patience: seconds that a call is waited
    for as things stand now, which may shrink while it runs; None leaves it to the client's timeout.
    """

    def __init__(
        self,
        client: httpx.AsyncClient | Clients,
        url: str,
        limit: AdaptiveLimit,
        tries: int,
        first_wait: float,
        retries: Counter[str],
        pacer: Pacer | None = None,
        overload_tries: int = 100,
        patience: Callable[[], float] | None = None,
    ) -> None:
        self._client, self._url, self._limit = client, url, limit
        self._tries, self._first_wait, self._retries = tries, first_wait, retries
        self._pacer, self._overload_tries, self._patience = pacer, overload_tries, patience
        self._random = Random(0)

    async def result(
        self,
        request: CaptionRequest,
        body: Mapping[str, Any],
        media: Sequence[EncodedMedia],
        provenance: Mapping[str, Any],
    ) -> CaptionResult:
        """The answer, or the failure of the last try. Raises ServerBroken."""
        begun = time.perf_counter()
        outcome: CaptionResult | _Failure = _Failure("server_error", "never asked", again=True)
        number = refusals = 0
        while True:
            if self._pacer is not None:
                await self._pacer.turn()
            async with self._limit.slot():
                outcome = await self._once(request, body, media, provenance)
            if isinstance(outcome, CaptionResult) or not outcome.again:
                break
            if self._pacer is not None and outcome.full:
                refusals += 1
            else:
                number += 1
            if number >= self._tries or refusals >= self._overload_tries:
                break
            self._retries[outcome.reason] += 1
            await asyncio.sleep(self._wait(min(number + refusals, 4 if refusals else 10) - 1, outcome))
        seconds = time.perf_counter() - begun
        if isinstance(outcome, _Failure):
            return failed(request, outcome.reason, outcome.detail, seconds=seconds, provenance=provenance)
        return outcome

    def _wait(self, number: int, failure: _Failure) -> float:
        """The server's own wish, or twice as long each time, with a random share so that not all come back at once."""
        if failure.wait is not None:
            return min(failure.wait, LONGEST_WAIT)
        return min(LONGEST_WAIT, self._first_wait * 2**number) * self._random.uniform(0.5, 1.0)

    async def _once(
        self,
        request: CaptionRequest,
        body: Mapping[str, Any],
        media: Sequence[EncodedMedia],
        provenance: Mapping[str, Any],
    ) -> CaptionResult | _Failure:
        begun = time.perf_counter()
        try:
            response = await self._posted(body)
        except httpx.TimeoutException as error:
            self._overloaded(full=False)
            return _Failure("timeout", f"{type(error).__name__} after {time.perf_counter() - begun:.1f} s", again=True)
        except httpx.HTTPError as error:
            return _Failure("connection", f"{type(error).__name__}: {error}", again=True)
        if response.status_code != httpx.codes.OK:
            failure = _status_failure(response)
            if failure.overload:
                self._overloaded(full=failure.full)
            return failure
        if self._pacer is not None:
            self._pacer.accepted()
        answer = _read(request, response, media, provenance, time.perf_counter() - begun)
        if isinstance(answer, CaptionResult):
            self._limit.succeeded()
        return answer

    async def _posted(self, body: Mapping[str, Any]) -> httpx.Response:
        """The response. Raises httpx.TimeoutException once patience is at its end."""
        if self._patience is None:
            return await self._client.post(self._url, json=body)
        begun = time.perf_counter()
        task = asyncio.ensure_future(self._client.post(self._url, json=body))
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=LOOK_SECONDS)
                if not task.done() and time.perf_counter() - begun > self._patience():
                    raise httpx.ReadTimeout("no answer")
            return task.result()
        finally:
            task.cancel()

    def _overloaded(self, *, full: bool) -> None:
        """Fewer at once; with a pacer, refusals slow the pace instead, and single faults are taken for chance."""
        if self._pacer is None:
            self._limit.overloaded()
        elif full:
            self._pacer.refused()
        else:
            self._limit.troubled()


def _status_failure(response: httpx.Response) -> _Failure:
    status = response.status_code
    detail = f"HTTP {status}: {response.text[:300]}"
    if status in (401, 403):
        raise ServerBroken(f"The server refuses the key. {detail}")
    if status == httpx.codes.NOT_FOUND:
        raise ServerBroken(f"There is no such url or model. {detail}")
    if status in OVERLOAD:
        full = status == httpx.codes.TOO_MANY_REQUESTS
        return _Failure("rate_limited", detail, again=True, overload=True, wait=_retry_after(response), full=full)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return _Failure("server_error", detail, again=True, wait=_retry_after(response))
    return _Failure("refused", detail, again=False)


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds; the form with a date is not used by these servers."""
    value = response.headers.get("retry-after", "")
    return float(value) if value.replace(".", "", 1).isdigit() else None


def _read(
    request: CaptionRequest,
    response: httpx.Response,
    media: Sequence[EncodedMedia],
    provenance: Mapping[str, Any],
    seconds: float,
) -> CaptionResult | _Failure:
    try:
        answer = response.json()
        choice = answer["choices"][0]
        text = choice["message"]["content"]
        finish = choice.get("finish_reason")
        usage = answer.get("usage") or {}
        counts = (int(usage.get("prompt_tokens", 0)), int(usage.get("completion_tokens", 0)))
        logprobs = _logprobs(choice)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        return _Failure("bad_answer", f"{error!r} in {response.text[:200]!r}", again=True)
    if finish == "content_filter":
        return _Failure("content_filter", "The server's filter cut the answer off.", again=False)
    if not isinstance(text, str):
        return _Failure("bad_answer", f"no text, but {text!r}", again=True)
    if request.json_schema is not None and finish != "length" and not _is_json(text):
        return _Failure("bad_answer", f"asked for JSON, got {text[:200]!r}", again=True)
    ids = tuple(one.id for one in logprobs if one.id is not None)
    known = {"model_returned": answer.get("model"), "system_fingerprint": answer.get("system_fingerprint")}
    return CaptionResult(
        request.request_id,
        text,
        "length" if finish == "length" else "stop",
        prompt_tokens=counts[0],
        output_tokens=counts[1],
        frame_indices=tuple(index for one in media for index in one.indices),
        frame_times_us=tuple(time_us for one in media for time_us in one.times_us),
        seconds=seconds,
        logprobs=logprobs,
        output_ids=ids if len(ids) == len(logprobs) else (),
        provenance={**provenance, **{key: value for key, value in known.items() if value}},
    )


def _logprobs(choice: Mapping[str, Any]) -> tuple[TokenLogprob, ...]:
    return tuple(_token(one) for one in (choice.get("logprobs") or {}).get("content") or ())


def _token(one: Mapping[str, Any]) -> TokenLogprob:
    top = tuple((other["token"], other["logprob"]) for other in one["top_logprobs"])
    ids = [_token_id(text) for text, _ in top]
    known = tuple(number for number in ids if number is not None)
    return TokenLogprob(
        one["token"], one["logprob"], top, _token_id(one["token"]), known if len(known) == len(top) else ()
    )


def _token_id(text: str) -> int | None:
    """17 of "token_id:17", the form in which vLLM gives ids."""
    _, found, number = text.partition("token_id:")
    return int(number) if found and number.isdigit() else None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
