"""A judge behind an OpenAI-compatible server: vLLM, SGLang, llama.cpp, Ollama, or a cloud's.

Greedy and held to a JSON schema unless its spec says otherwise. Transport is the captioners' own: calls at once adapt,
and what can help is tried again, by the class of the failure.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from eval.errors import EvalError
from eval.judges.choose import Spec
from eval.judges.protocol import Identity, Question, Reply
from model.captioner import CaptionRequest, CaptionResult
from model.engines.pace import Pace
from model.engines.patience import Patience
from model.engines.server_call import Call, ServerBroken, session

if TYPE_CHECKING:
    import aiohttp

KEY = "LONGTAKE_JUDGE_KEY"
"""The environment variable whose value is sent as the key, and only there is one looked for."""
PASSING = frozenset({"timeout", "connection", "rate_limited", "unavailable", "server_error", "bad_answer", "budget"})
"""Failures that another run may not meet; the others are the judge's last word and are remembered."""
LEAST_PATIENCE = 2.0
"""Seconds that a call is waited for at least, however quick the others are."""
CHARACTERS_A_TOKEN = 3.0
"""A low guess, so that a reservation is rather too large."""


@dataclass(frozen=True)
class ServerJudgeSettings:
    """revision: of the weights, as far as one knows. temperature None: none is sent. schema False: prompts alone ask.

    start, most: calls at once. seconds: until a call counts as lost. usd_read, usd_written: price of a million tokens.
    budget_usd: what may be spent; calls under way are counted at the most that they can cost.
    """

    model: str
    revision: str = ""
    temperature: float | None = 0.0
    schema: bool = True
    tokens_field: str = "max_tokens"
    start: int = 16
    most: int = 256
    seconds: float = 60.0
    tries: int = 10
    first_wait: float = 0.25
    usd_read: float = 0.0
    usd_written: float = 0.0
    budget_usd: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.start <= self.most:
            raise EvalError(f"The judge's option at_once must be >= 1, got {self.most}.")
        if self.seconds <= 0 or self.tries < 1:
            raise EvalError("The judge's options timeout and tries must be > 0.")
        if min(self.usd_read, self.usd_written) < 0:
            raise EvalError("The judge's options usd_read and usd_written must be >= 0.")


@dataclass
class Spent:
    """Tokens and dollars. reserved: the most that calls under way may cost."""

    prompt_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    reserved: float = 0.0
    retries: Counter[str] = field(default_factory=Counter)


class ServerJudge:
    """A `ChatJudge` over a server. base_url: up to and with /v1."""

    def __init__(self, base_url: str, settings: ServerJudgeSettings, *, api_key: str | None = None) -> None:
        self._url = base_url.rstrip("/") + "/chat/completions"
        self.settings = settings
        self._key = api_key
        self._connections: aiohttp.ClientSession | None = None
        self._call: Call | None = None
        self._bad_answers_booked = 0
        self.spent = Spent()
        self.greedy = settings.temperature == 0
        drawn = "" if self.greedy else f";temperature={settings.temperature}"
        self.identity = Identity(settings.model, settings.revision + drawn)

    async def ask(self, question: Question, repeat: int) -> Reply:
        """One call, tried again where that can help. repeat: makes the seed where answers are drawn.

        Raises:
            EvalError: no question of this run can be answered: the key is refused, or there is no such url or model.
        """
        most = self._most_of(question)
        budget = self.settings.budget_usd
        if budget is not None and self.spent.usd + self.spent.reserved + most > budget:
            left = f"{self.spent.usd:.4f} of {budget} USD are spent"
            return Reply(None, "budget", f"{left}, and this question may cost {most:.4f}", stands=False)
        self.spent.reserved += most
        try:
            result = await self._opened().result(_request(question), self.body(question, repeat), (), {})
        except ServerBroken as error:
            raise EvalError(f"{self._url}: {error}") from error
        finally:
            self.spent.reserved -= most
        self._book(result, most)
        return _reply(result)

    async def close(self) -> None:
        """Closes the connections."""
        if self._connections is not None:
            await self._connections.close()
            self._connections = self._call = None

    def _opened(self) -> Call:
        """The connections belong to the event loop that asks, so they are made when it does."""
        if self._call is None:
            settings = self.settings
            self._connections = session(self._key)
            pace = Pace(settings.start, settings.most)
            patience = Patience(LEAST_PATIENCE, settings.seconds)
            self._call = Call(
                self._connections, self._url, pace, patience, settings.tries, settings.first_wait, self.spent.retries
            )
        return self._call

    def body(self, question: Question, repeat: int) -> dict[str, Any]:
        """What is posted."""
        settings = self.settings
        system = [] if question.system is None else [{"role": "system", "content": question.system}]
        body: dict[str, Any] = {
            "model": settings.model,
            "messages": [*system, {"role": "user", "content": question.prompt}],
            settings.tokens_field: question.max_new_tokens,
        }
        if settings.temperature is not None:
            body["temperature"] = settings.temperature
            if settings.temperature > 0:
                body["seed"] = repeat
        if settings.schema and question.schema is not None:
            schema = {"name": "answer", "schema": dict(question.schema), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body

    def _most_of(self, question: Question) -> float:
        """Dollars that a call costs at the very most."""
        read = (len(question.prompt) + len(question.system or "")) / CHARACTERS_A_TOKEN + 50
        return (read * self.settings.usd_read + question.max_new_tokens * self.settings.usd_written) / 1e6

    def _book(self, result: CaptionResult, most: float) -> None:
        """Answers that came and could not be used were paid as well: what is not known counts as the most."""
        spent, settings = self.spent, self.settings
        spent.prompt_tokens += result.prompt_tokens
        spent.output_tokens += result.output_tokens
        spent.usd += (result.prompt_tokens * settings.usd_read + result.output_tokens * settings.usd_written) / 1e6
        wasted = spent.retries["bad_answer"] - self._bad_answers_booked + (result.error == "bad_answer")
        self._bad_answers_booked = spent.retries["bad_answer"]
        spent.usd += wasted * most


def _request(question: Question) -> CaptionRequest:
    messages = [{"role": "user", "content": question.prompt}]
    return CaptionRequest(
        question.sample,
        messages,
        max_new_tokens=question.max_new_tokens,
        json_schema=question.schema,
    )


def _reply(result: CaptionResult) -> Reply:
    known = {
        "prompt_tokens": result.prompt_tokens,
        "output_tokens": result.output_tokens,
        "model": result.provenance.get("model_returned"),
    }
    if result.error is not None:
        return Reply(None, result.error, result.detail or "", result.error not in PASSING, **known)
    if result.finish_reason == "length":
        return Reply(None, "cut_off", f"after {result.output_tokens} tokens: {(result.text or '')[-80:]!r}", **known)
    return Reply(result.text, **known)


def server_judge(spec: Spec) -> ServerJudge:
    """The judge of a spec `http://HOST/v1?model=NAME&revision=…`.

    Raises:
        EvalError: an option is unknown or none of its kind, or the model is not named.
    """
    spec.only(
        "model", "revision", "temperature", "schema", "tokens_field", "at_once", "timeout", "tries", "usd_read",
        "usd_written", "budget",
    )  # fmt: skip
    if not spec.option("model"):
        raise EvalError(f"Which model judges? A score without it cannot be compared: {spec.about}?model=NAME.")
    most = int(spec.number("at_once", ServerJudgeSettings.most))
    drawn = spec.option("temperature", "0")
    settings = ServerJudgeSettings(
        model=spec.option("model"),
        revision=spec.option("revision"),
        temperature=None if drawn == "none" else spec.number("temperature", 0.0),
        schema=_yes(spec.options, "schema"),
        tokens_field=spec.option("tokens_field", "max_tokens"),
        start=max(1, min(16, most)),
        most=most,
        seconds=spec.number("timeout", 60.0),
        tries=int(spec.number("tries", 10)),
        usd_read=spec.number("usd_read", 0.0),
        usd_written=spec.number("usd_written", 0.0),
        budget_usd=spec.number("budget", 0.0) if "budget" in spec.options else None,
    )
    return ServerJudge(spec.about, settings, api_key=os.environ.get(KEY))


def _yes(options: Mapping[str, str], name: str) -> bool:
    text = options.get(name, "on")
    if text not in ("on", "off"):
        raise EvalError(f"The judge's option {name} must be on or off, got {text!r}.")
    return text == "on"
