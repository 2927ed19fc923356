"""The judge that answers from a transcript: a score is then a pure function of two files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from eval.errors import EvalError
from eval.judges.protocol import Identity, Question, Reply

RENAMED = (("DREAM/shorts_", "DREAM/vertical_video_"), ("DREAM/stock_", "DREAM/videvo_"))
"""Sub-sets that the two published annotation files name differently: a transcript of either serves both."""


class ReplayJudge:
    """Rows {"sample", "stage", "responses": [...]}: the k-th request of a sample's stage gets the k-th response.

    When they run out, the last one comes again. A response is {"content": text}, a bare text, or
    {"http_status": 400, "error": …}. Nothing is cached, for a repeated question is a question of its own.

    Raises:
        EvalError: there is no such file, or a line of it is no such row.
    """

    greedy = False

    def __init__(self, file: Path) -> None:
        try:
            content = file.read_bytes()
        except OSError as error:
            raise EvalError(f"The transcript {file} cannot be read: {error.strerror}.") from error
        self._responses = _transcript(file, content)
        self._asked: Counter[tuple[str, str]] = Counter()
        self.identity = Identity(f"replay:{file.stem}", sha256(content).hexdigest()[:16])

    async def ask(self, question: Question, repeat: int) -> Reply:
        """The next response of the question's sample and stage; repeat is not looked at."""
        key = next((key for key in _keys(question) if key in self._responses), (question.sample, question.stage))
        responses = self._responses.get(key)
        if not responses:
            return Reply(None, "not_in_transcript", f"no answer to {question.stage} of {question.sample}")
        number = min(self._asked[key], len(responses) - 1)
        self._asked[key] += 1
        return _reply(responses[number])

    @property
    def requests(self) -> int:
        """How often it was asked."""
        return self._asked.total()

    async def close(self) -> None:
        """Nothing to let go."""


def _keys(question: Question) -> list[tuple[str, str]]:
    """Sample and stage, under the sample's own name and then under the other one of its sub-set."""
    names = [question.sample]
    for pair in RENAMED:
        for old, new in (pair, pair[::-1]):
            if question.sample.startswith(old):
                names.append(new + question.sample.removeprefix(old))
    return [(name, question.stage) for name in names]


def _transcript(file: Path, content: bytes) -> dict[tuple[str, str], Sequence[Any]]:
    responses: dict[tuple[str, str], Sequence[Any]] = {}
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            key, given = (str(row["sample"]), str(row["stage"])), row["responses"]
        except (ValueError, KeyError, TypeError) as error:
            raise EvalError(
                f"{file}, line {number}: not a row with sample, stage and responses ({error!r})."
            ) from error
        if not isinstance(given, list):
            raise EvalError(f"{file}, line {number}: responses must be a list, got {type(given).__name__}.")
        responses[key] = given
    return responses


def _reply(response: Any) -> Reply:
    if isinstance(response, str):
        return Reply(response)
    if not isinstance(response, Mapping):
        return Reply(None, "bad_answer", f"a response of the type {type(response).__name__}")
    content = response.get("content")
    if isinstance(content, str):
        return Reply(content)
    if "http_status" in response:
        error = response.get("error")
        code = error.get("code") if isinstance(error, Mapping) else None
        reason = "content_filter" if code == "content_filter" else "refused"
        return Reply(None, reason, f"HTTP {response['http_status']}: {json.dumps(error)[:200]}")
    return Reply(None, "bad_answer", "no content")
