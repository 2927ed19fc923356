"""EgoSchema's full set has no public answers: its site, and its competition, score a file of a model's choices.

Both take the number of the option, from 0, by the question's id (`q_uid`): the site as a JSON object, the competition
as a table. An answer that could not be read is left out; the site counts it as wrong.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from eval.choices.scoring import Answer
from eval.results import write_text

FULL_SET = 5_031


def choices_by_question(answers: Sequence[Answer]) -> dict[str, int]:
    """The option of each question whose answer could be read, by the question's id, which is its video's too."""
    return {
        answer.row.vid or str(answer.row.idx): ord(answer.letter) - ord("A")
        for answer in answers
        if answer.letter is not None
    }


def write_submission(folder: Path, answers: Sequence[Answer]) -> list[str]:
    """submission.json and submission.csv; what to say of them.

    Raises:
        EvalError: they cannot be written.
    """
    chosen = choices_by_question(answers)
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows([("q_uid", "answer"), *chosen.items()])
    file = write_text(folder / "submission.json", json.dumps(chosen, indent=1) + "\n")
    write_text(folder / "submission.csv", table.getvalue())
    lines = [f"{len(chosen)} choices in {file} (and .csv), for EgoSchema's own site: these rows have no answers"]
    if len(chosen) < len(answers):
        lines.append(f"{len(answers) - len(chosen)} answers could not be read and are not in it")
    if len(answers) != FULL_SET:
        lines.append(f"the site wants all {FULL_SET:,} questions, here are {len(answers):,}")
    return lines
