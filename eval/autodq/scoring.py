"""From verdicts to figures: sub-set means, the mean of those, F1 of the two means, and the splits by count."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from eval.autodq.samples import BUCKETS, Verdict
from eval.printed import boxed, mean, rounded


@dataclass(frozen=True)
class Figure:
    """Recall and precision in [0, 1]; None where nothing could be averaged. F1 is derived."""

    recall: float | None
    precision: float | None
    success: int
    failed: int

    @property
    def f1(self) -> float | None:
        return f1_of(self.recall, self.precision)

    def as_json(self) -> dict[str, Any]:
        """Unrounded."""
        return {
            "f1": self.f1,
            "recall": self.recall,
            "precision": self.precision,
            "success": self.success,
            "failed": self.failed,
        }


def f1_of(recall: float | None, precision: float | None) -> float | None:
    """2rp / (r + p); 0 where both are 0, None where one is None."""
    if recall is None or precision is None:
        return None
    return 2 * recall * precision / (recall + precision) if recall + precision else 0.0


@dataclass(frozen=True)
class Scores:
    """All figures of one run. coverage: share of the samples that were judged."""

    overall: Figure
    subsets: dict[str, Figure]
    buckets: dict[str, dict[str, Figure]]
    coverage: float


def score(verdicts: Sequence[Verdict]) -> Scores:
    """Macro over sub-sets as the original does it: mean recall, mean precision, then F1 of those two numbers.

    A sub-set without a single judged sample is in no mean; its failures are counted all the same.
    """
    names = sorted({verdict.sample.subset for verdict in verdicts})
    subsets = {name: figure_of(v for v in verdicts if v.sample.subset == name) for name in names}
    scored = [figure for figure in subsets.values() if figure.success]
    success, total = sum(f.success for f in scored), len(verdicts)
    overall = Figure(
        mean([f.recall for f in scored if f.recall is not None]),
        mean([f.precision for f in scored if f.precision is not None]),
        success,
        total - success,
    )
    return Scores(overall, subsets, _buckets(verdicts), success / total if total else 0.0)


def figure_of(verdicts: Iterable[Verdict]) -> Figure:
    """Plain means over the judged samples of a group."""
    verdicts = list(verdicts)
    judged = [verdict for verdict in verdicts if verdict.success]
    return Figure(
        mean([v.recall for v in judged if v.recall is not None]),
        mean([v.precision for v in judged if v.precision is not None]),
        len(judged),
        len(verdicts) - len(judged),
    )


def _buckets(verdicts: Sequence[Verdict]) -> dict[str, dict[str, Figure]]:
    """Micro means over all judged samples; a sample whose row has no such count is in no split."""
    judged = [verdict for verdict in verdicts if verdict.success]
    return {
        name: {label: figure_of(filter(_counts(name, least, most), judged)) for label, least, most in splits}
        for name, splits in BUCKETS.items()
        if any(name in verdict.sample.counts for verdict in verdicts)
    }


def _counts(name: str, least: float, most: float) -> Callable[[Verdict], bool]:
    def counts(verdict: Verdict) -> bool:
        count = verdict.sample.counts.get(name)
        return count is not None and least <= count <= most

    return counts


def tables(scores: Scores) -> str:
    """The original's tables, to the digit; where it prints nan for the F1 of two zeros stands 0.0."""
    rows = [
        [name, *_three(figure), figure.success, figure.failed]
        for name, figure in scores.subsets.items()
        if figure.success
    ]
    overall = scores.overall
    rows.append(["OVERALL", *_three(overall), overall.success, overall.failed])
    columns = ["Task", "F1 Score", "Action Recall", "Action Precision", "Success", "Failed"]
    parts = ["=====DREAM Evaluation Summary=====", boxed(columns, rows)]
    for name, splits in scores.buckets.items():
        parts += [f"\n=====DREAM Evaluation Split by Bucket #{name}=====", _bucket_table(splits)]
    return "\n".join(parts)


def _three(figure: Figure) -> list[float]:
    return [rounded(value, 3) for value in (figure.f1, figure.recall, figure.precision)]


def _bucket_table(splits: dict[str, Figure]) -> str:
    figures = splits.values()
    return boxed(
        ["Score", *splits],
        [
            ["Recall", *(rounded(figure.recall, 3) for figure in figures)],
            ["Precision", *(rounded(figure.precision, 3) for figure in figures)],
            ["F1", *(rounded(figure.f1, 3) for figure in figures)],
            ["Count", *(figure.success for figure in figures)],
        ],
    )
