"""One call to a server, tried again where that can help, by the class of what went wrong."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import aiohttp
import certifi

from model.captioner import CaptionRequest, CaptionResult, TokenLogprob, failed
from model.engines.chat_body import EncodedMedia
from model.engines.pace import Pace
from model.engines.patience import Patience

OK, FORBIDDEN, NOT_FOUND, TOO_MANY, FAULT = 200, (401, 403), 404, 429, 500
UNAVAILABLE = frozenset({408, 503, 529})
LONGEST_WAIT = 60.0
TURNED_AWAY_TIMES = 10
CONNECT_SECONDS = 30.0


class ServerBroken(Exception):
    """No request of this run can succeed: the key is refused, or the url or model does not exist."""


@dataclass(frozen=True)
class _Failure:
    """reason: of the result. again: whether another try can help. wait: the server's wish, in seconds.

    turned_away: for the number of calls, which says nothing against the request.
    """

    reason: str
    detail: str
    again: bool
    wait: float | None = None
    turned_away: bool = False


def session(key: str | None) -> aiohttp.ClientSession:
    """Connections to servers, as many as calls run; to be closed. key: sent with every call. Needs a running loop."""
    secure = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE") or certifi.where())
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=secure),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
        headers={"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {}),
        trust_env=True,
    )


class Call:
    """Posts bodies. retries: counts of failures that led to another try, by reason.

    tries: of a request. That it was turned away for the number of calls says nothing against it, and counts a tenth.
    """

    def __init__(
        self,
        connections: aiohttp.ClientSession,
        url: str,
        pace: Pace,
        patience: Patience,
        tries: int,
        first_wait: float,
        retries: Counter[str],
    ) -> None:
        self._connections, self._url, self._pace, self._patience = connections, url, pace, patience
        self._tries, self._first_wait, self._retries = tries, first_wait, retries
        self._random = Random(0)
        self._asked = 0

    async def result(
        self,
        request: CaptionRequest,
        body: Mapping[str, Any],
        media: Sequence[EncodedMedia],
        provenance: Mapping[str, Any],
    ) -> CaptionResult:
        """The answer, or the failure of the last try; who asked first goes first. Raises ServerBroken."""
        begun = time.perf_counter()
        content = json.dumps(body).encode()
        order, self._asked = self._asked, self._asked + 1
        number = turned_away = 0
        while True:
            async with self._pace.turn(order):
                outcome = await self._once(request, content, media, provenance)
            if isinstance(outcome, CaptionResult):
                return outcome
            number += not outcome.turned_away
            turned_away += outcome.turned_away
            if not outcome.again or number + turned_away / TURNED_AWAY_TIMES >= self._tries:
                seconds = time.perf_counter() - begun
                return failed(request, outcome.reason, outcome.detail, seconds=seconds, provenance=provenance)
            self._retries[outcome.reason] += 1
            await asyncio.sleep(self._wait(number, turned_away, outcome))

    def _wait(self, number: int, turned_away: int, failure: _Failure) -> float:
        """The server's own wish, or twice as long each time, with a random share so that not all come back at once.

        Who was turned away waits for its next turn alone, once there is a rate.
        """
        if failure.wait is not None:
            return min(failure.wait, LONGEST_WAIT)
        if failure.turned_away and self._pace.rate.per_second is not None:
            return 0.0
        doublings = turned_away if failure.turned_away else number
        return min(LONGEST_WAIT, self._first_wait * 2 ** (min(doublings, 10) - 1)) * self._random.uniform(0.5, 1.0)

    async def _once(
        self, request: CaptionRequest, content: bytes, media: Sequence[EncodedMedia], provenance: Mapping[str, Any]
    ) -> CaptionResult | _Failure:
        begun = time.perf_counter()
        try:
            async with self._patience.holds(), self._connections.post(self._url, data=content) as response:
                said = await response.read()
        except TimeoutError:
            seconds = time.perf_counter() - begun
            self._patience.took(seconds)
            self._pace.lost()
            return _Failure("timeout", f"no answer after {seconds:.1f} s", again=True)
        except aiohttp.ClientError as error:
            return _Failure("connection", f"{type(error).__name__}: {error}", again=True)
        text = said.decode("utf-8", errors="replace")
        if response.status != OK:
            return self._refused(response, text)
        seconds = time.perf_counter() - begun
        answer = _read(request, text, media, provenance, seconds)
        if isinstance(answer, CaptionResult):
            self._patience.took(seconds)
            self._pace.answered()
        return answer

    def _refused(self, response: aiohttp.ClientResponse, text: str) -> _Failure:
        status, wait = response.status, _retry_after(response)
        detail = f"HTTP {status}: {text[:300]}"
        if status in FORBIDDEN:
            raise ServerBroken(f"The server refuses the key. {detail}")
        if status == NOT_FOUND:
            raise ServerBroken(f"There is no such url or model. {detail}")
        if status == TOO_MANY:
            self._pace.turned_away()
            return _Failure("rate_limited", detail, again=True, wait=wait, turned_away=True)
        if status in UNAVAILABLE:
            self._pace.lost()
            return _Failure("unavailable", detail, again=True, wait=wait)
        if status >= FAULT:
            return _Failure("server_error", detail, again=True, wait=wait)
        return _Failure("refused", detail, again=False)


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    """Seconds; the form with a date is not used by these servers."""
    value = response.headers.get("retry-after", "")
    return float(value) if value.replace(".", "", 1).isdigit() else None


def _read(
    request: CaptionRequest,
    said: str,
    media: Sequence[EncodedMedia],
    provenance: Mapping[str, Any],
    seconds: float,
) -> CaptionResult | _Failure:
    try:
        answer = json.loads(said)
        choice = answer["choices"][0]
        text = choice["message"]["content"]
        finish = choice.get("finish_reason")
        usage = answer.get("usage") or {}
        counts = (int(usage.get("prompt_tokens", 0)), int(usage.get("completion_tokens", 0)))
        logprobs = _logprobs(choice)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        return _Failure("bad_answer", f"{error!r} in {said[:200]!r}", again=True)
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
