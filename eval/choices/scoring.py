"""Accuracy over multiple-choice answers: the original's tables and denominators, or ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from eval.choices.official import Branch, branch_of, is_correct, read_letter
from eval.choices.reading import options_in, read_choice
from eval.printed import boxed, mean, rounded
from eval.rows import Row

Protocol = Literal["official", "open"]
GROUPED = ("MVBench", "TVBench", "FAVOR-Bench")
"""Benchmarks whose accuracy is shown for every task."""


@dataclass(frozen=True)
class Answer:
    """One answer. letter: None where none could be read; correct is then False."""

    row: Row
    letter: str | None
    correct: bool

    @property
    def task(self) -> str:
        return self.row.dataset.rsplit("/", maxsplit=1)[-1]

    def as_json(self) -> dict[str, Any]:
        """A row of `samples` in scores.json."""
        return {
            "idx": self.row.key,
            "task": self.task,
            "success": self.letter is not None,
            "letter": self.letter,
            "correct": self.correct,
            "prediction": self.row.prediction,
            "reference": self.row.reference,
            "video": self.row.video,
        }


@dataclass(frozen=True)
class Accuracy:
    """value: in [0, 1], None of nothing. success, failed: answers that could and could not be read."""

    value: float | None
    success: int
    failed: int

    def as_json(self) -> dict[str, Any]:
        """Unrounded."""
        return {"accuracy": self.value, "success": self.success, "failed": self.failed}


@dataclass(frozen=True)
class ChoiceScores:
    """overall, by task (in the order of the table), and the rule that made overall of the tasks: macro or micro."""

    overall: Accuracy
    tasks: dict[str, Accuracy]
    rule: Literal["macro", "micro"]
    answers: tuple[Answer, ...]


def read_answers(rows: Sequence[Row], protocol: Protocol, dataset: str) -> list[Answer]:
    """Every row's answer under a protocol. Video-MME is read as Tarsier 1 reads it in both branches."""
    if protocol == "open":
        return [_open(row) for row in rows]
    branches: list[Branch] = ["tarsier" if dataset == "Video-MME" else branch_of(row) for row in rows]
    return [_official(row, branch) for row, branch in zip(rows, branches, strict=True)]


def _official(row: Row, branch: Branch) -> Answer:
    prediction = row.prediction or ""
    letter = read_letter(prediction, branch)
    return Answer(row, letter, letter is not None and is_correct(prediction, row.reference, branch))


def _open(row: Row) -> Answer:
    """The reference is read like an answer: some files have the letter alone, some the option's text behind it."""
    options = options_in(row.question or row.prompt)
    right = read_choice(row.reference, options)
    letter = read_choice(row.prediction or "", options)
    return Answer(row, letter, letter is not None and letter == right)


def score_choices(rows: Sequence[Row], protocol: Protocol, dataset: str) -> ChoiceScores:
    """`official`: what was not read is left out, MVBench is macro on the older branch.

    `open`: it is wrong, all is micro.
    """
    answers = read_answers(rows, protocol, dataset)
    macro = protocol == "official" and dataset == "MVBench" and bool(rows) and branch_of(rows[0]) == "tarsier"
    tasks = _by_task(answers, protocol, _initials if macro else str) if dataset in GROUPED else {}
    overall = _accuracy(answers, protocol)
    if macro:
        counted = [task.value for task in tasks.values() if task.value is not None]
        overall = Accuracy(mean(counted), overall.success, overall.failed)
    return ChoiceScores(overall, tasks, "macro" if macro else "micro", tuple(answers))


def _accuracy(answers: Sequence[Answer], protocol: Protocol) -> Accuracy:
    counted = [answer for answer in answers if protocol == "open" or answer.letter is not None]
    success = sum(answer.letter is not None for answer in answers)
    return Accuracy(mean([float(answer.correct) for answer in counted]), success, len(answers) - success)


def _by_task(answers: Sequence[Answer], protocol: Protocol, label: Callable[[str], str]) -> dict[str, Accuracy]:
    """Tasks in the order of their labels; under `official` one without a single answer that was read is not there."""
    names = sorted({answer.task for answer in answers}, key=lambda name: (label(name), name))
    scored = {name: _accuracy([answer for answer in answers if answer.task == name], protocol) for name in names}
    return {label(name): task for name, task in scored.items() if task.success or protocol == "open"}


def _initials(task: str) -> str:
    """ "Action Count" is AC."""
    return "".join(word[0] for word in task.split(" ")[:2] if word)


def printed_lines(scores: ChoiceScores, dataset: str) -> list[str]:
    """What the original prints, to the digit, for all benchmarks but Video-MME."""
    overall = scores.overall
    head = ["=====Evaluation Summary====="]
    if dataset in GROUPED:
        tasks = {**scores.tasks, "OVERALL": overall}
        rows = [[name, _percent(task.value), task.success, task.failed] for name, task in tasks.items()]
        return [*head, *boxed(["Task", "Accuracy", "Success", "Failed"], rows).split("\n")]
    return [
        *head,
        f"Dataset: {dataset}\tMetric: Accuracy",
        f"#Successful Results: {overall.success}",
        f"#Failed Results: {overall.failed}",
        f"Accuracy: {_percent(overall.value)}",
    ]


def _percent(value: float | None) -> float:
    return rounded(None if value is None else value * 100, 1)
