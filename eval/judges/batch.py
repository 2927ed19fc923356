"""Batch interfaces: questions go into a file, and another file brings the answers, hours later and at half the price.

The form is OpenAI's: a line {"custom_id", "method", "url", "body"} a question, {"custom_id", "response"} an answer.
Precision can only be asked about once the events are extracted, so a run over new captions takes two rounds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from eval.errors import EvalError
from eval.judges.protocol import Question, Reply
from eval.judges.server import ServerJudge
from eval.results import write_text


@dataclass
class BatchJudge:
    """A `ChatJudge` that answers from a file of answers and collects what is not in it. It asks no server."""

    server: ServerJudge
    answers: Mapping[str, Reply] = field(default_factory=dict)
    wanted: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.identity = self.server.identity
        self.greedy = self.server.greedy

    async def ask(self, question: Question, repeat: int) -> Reply:
        """The answer in the file; else a failure that the next round will not meet.

        A repeated question is a new one.
        """
        body = self.server.body(question, repeat)
        text = json.dumps([body, repeat], sort_keys=True)
        custom_id = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        if custom_id in self.answers:
            return self.answers[custom_id]
        line = {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body}
        self.wanted[custom_id] = line
        return Reply(None, "batched", "goes into the batch file", stands=False)

    async def close(self) -> None:
        """Nothing to let go."""

    def write(self, file: Path) -> int:
        """Writes the questions that want an answer, a line each; how many they are."""
        write_text(file, "".join(json.dumps(line) + "\n" for line in self.wanted.values()))
        return len(self.wanted)


def read_answers(file: Path) -> dict[str, Reply]:
    """Answers by their custom_id.

    Raises:
        EvalError: the file cannot be read, or a line is no answer of a batch.
    """
    answers: dict[str, Reply] = {}
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise EvalError(f"The batch {file} cannot be read: {error}") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                row = json.loads(line)
                answers[str(row["custom_id"])] = _reply(row)
            except (ValueError, KeyError, TypeError) as error:
                raise EvalError(f"{file}, line {number}: no answer of a batch ({error!r}).") from error
    return answers


def _reply(row: Mapping[str, Any]) -> Reply:
    response = row.get("response") or {}
    if row.get("error") or response.get("status_code") != 200:
        return Reply(None, "batch_error", str(row.get("error") or response)[:200], stands=False)
    body = response["body"]
    choice, usage = body["choices"][0], body.get("usage") or {}
    counts = {"prompt_tokens": usage.get("prompt_tokens", 0), "output_tokens": usage.get("completion_tokens", 0)}
    text, finish = choice["message"].get("content"), choice.get("finish_reason")
    if finish == "content_filter" or not isinstance(text, str):
        return Reply(None, "content_filter" if finish == "content_filter" else "bad_answer", f"{text!r}", **counts)
    if finish == "length":
        return Reply(None, "cut_off", text[-80:], **counts)
    return Reply(text, model=body.get("model"), **counts)
