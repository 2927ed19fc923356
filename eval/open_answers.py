"""Short open answers, graded by a judge: accuracy is the share of yes, and a mean score from 0 to 5 stands beside it.

After Video-ChatGPT's grading (arXiv 2306.05424), as the original uses it: texts lower-cased, one attempt, failures left
out. `open` keeps the texts as they are, holds the judge to a schema, and asks again where an answer cannot be used.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from eval.errors import EvalError
from eval.judges.asking import CachedAsker, ask_about_all
from eval.judges.cache import Judgements
from eval.judges.protocol import ChatJudge, Judge, Question
from eval.judges.repair import UNPARSABLE, literal
from eval.judges.replay import ReplayJudge
from eval.printed import mean, rounded
from eval.prompts.library import Prompt, ours
from eval.rows import FAILED_PREDICTION, Row

Protocol = Literal["official", "open"]
ATTEMPTS: Mapping[Protocol, int] = {"official": 1, "open": 5}
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "pred": {"type": "string", "enum": ["yes", "no"]},
        "score": {"type": "integer", "enum": [0, 1, 2, 3, 4, 5]},
    },
    "required": ["pred", "score"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Grade:
    """What a judge said of one answer. failure: why there is none."""

    row: Row
    correct: bool | None = None
    score: float | None = None
    failure: str | None = None
    detail: str = ""

    def as_json(self) -> dict[str, Any]:
        """A row of `samples` in scores.json."""
        return {
            "idx": self.row.key,
            "success": self.failure is None,
            "correct": self.correct,
            "score": self.score,
            "failure": self.failure,
            "detail": self.detail,
            "question": self.row.question or self.row.prompt,
            "prediction": self.row.prediction,
            "reference": self.row.reference,
            "video": self.row.video,
        }


@dataclass(frozen=True)
class Graded:
    """All grades, in the order of the rows, and what they took."""

    grades: tuple[Grade, ...]
    judge: str
    revision: str
    prompts: Mapping[str, Prompt]
    calls: int
    from_cache: int
    failed_calls: Mapping[str, int]

    @property
    def accuracy(self) -> float | None:
        return mean([float(grade.correct) for grade in self.grades if grade.correct is not None])

    @property
    def mean_score(self) -> float | None:
        return mean([grade.score for grade in self.grades if grade.score is not None])

    @property
    def success(self) -> int:
        return sum(grade.failure is None for grade in self.grades)


def grade_all(
    rows: Sequence[Row],
    judge: Judge,
    protocol: Protocol,
    *,
    cache: Judgements | None,
    prompts: Mapping[str, Prompt] | None = None,
) -> Graded:
    """A grade of every row. prompts: `qa-system` and `qa-grade` in place of ours.

    Raises:
        EvalError: the judge does not chat, or cannot be reached at all.
    """
    if not isinstance(judge, ChatJudge):
        raise EvalError(f"{judge.identity.name} judges events; open answers need a judge that reads a question.")
    asker = CachedAsker(judge, None if isinstance(judge, ReplayJudge) else cache)
    used = {name: (prompts or ours())[name] for name in ("qa-system", "qa-grade")}
    grades = asyncio.run(ask_about_all(rows, judge, lambda row: _grade(row, asker, protocol, used)))
    identity = judge.identity
    failed = dict(sorted(asker.failures.items()))
    return Graded(tuple(grades), identity.name, identity.revision, used, asker.calls, asker.from_cache, failed)


async def _grade(row: Row, asker: CachedAsker, protocol: Protocol, prompts: Mapping[str, Prompt]) -> Grade:
    if row.prediction is None:
        return Grade(row, failure="no_prediction")
    if protocol == "open" and row.prediction.strip() == FAILED_PREDICTION:
        return Grade(row, failure="failed_prediction")
    question, answer, prediction = row.question or row.prompt, row.reference, row.prediction
    if protocol == "official":
        answer, prediction = answer.lower(), prediction.lower()
    asked = Question(
        row.key,
        "answer",
        f"{prompts['qa-grade'].key} {prompts['qa-system'].key}",
        prompts["qa-grade"].fill(question=question, answer=answer, prediction=prediction),
        json.dumps([question, answer, prediction], ensure_ascii=False),
        system=prompts["qa-system"].text,
        schema=SCHEMA if protocol == "open" else None,
        max_new_tokens=64,
    )
    reason, detail = "never_asked", ""
    for number in range(ATTEMPTS[protocol]):
        reply = await asker.ask(asked, number)
        if reply.text is None:
            reason, detail = reply.failure or "bad_answer", reply.detail
            if not reply.stands:
                break
            continue
        try:
            correct, score = read_grade(reply.text, protocol)
            return Grade(row, correct, score)
        except UNPARSABLE as error:
            reason, detail = "not_parsed", f"{error!r} in {reply.text[:120]}"
    return Grade(row, failure=reason, detail=detail)


def read_grade(text: str, protocol: Protocol) -> tuple[bool, float]:
    """(correct, score in [0, 5]) of an answer. `official`: a Python dictionary alone, whose score is no text.

    Raises:
        one of eval.judges.repair.UNPARSABLE: it is no such answer.
    """
    value = literal(text) if protocol == "official" else _object_in(text)
    said, score = value["pred"], value["score"]
    if protocol == "open" and isinstance(said, str):
        said, score = said.strip().lower(), float(score)
    if said not in ("yes", "no"):
        raise ValueError(f"pred {said!r} is neither yes nor no")
    if score < 0 or score > 5:
        raise ValueError(f"score {score!r} is not in [0, 5]")
    return said == "yes", float(score)


def _object_in(text: str) -> Any:
    """The outermost braces of a text as JSON, else as a Python literal."""
    inner = text[text.find("{") : text.rfind("}") + 1]
    try:
        return json.loads(inner)
    except ValueError:
        return literal(inner)


def grade_lines(graded: Graded, dataset: str) -> list[str]:
    """What the original prints, to the digit."""
    accuracy = None if graded.accuracy is None else graded.accuracy * 100
    return [
        "=====Evaluation Summary=====",
        f"Dataset: {dataset}\tMetric: GPT Accuracy",
        f"#Successful Results: {graded.success}",
        f"#Failed Results: {len(graded.grades) - graded.success}",
        f"Accuracy: {rounded(accuracy, 1)}",
        f"Average Score: {rounded(graded.mean_score, 3)}",
    ]
