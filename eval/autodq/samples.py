"""What AutoDQ compares, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from eval.judges.protocol import Label
from eval.rows import FAILED_PREDICTION, Row

BUCKETS: dict[str, tuple[tuple[str, float, float], ...]] = {
    "subjects": (("<=1", -1e9, 1), ("==2", 2, 2), ("==3", 3, 3), (">=4", 4, 1e9)),
    "shots": (("<=1", -1e9, 1), ("==2", 2, 2), ("==3", 3, 3), (">=4", 4, 1e9)),
    "events": (("<=3", -1e9, 3), ("in [4, 5]", 4, 5), ("in [6, 7]", 6, 7), (">=8", 8, 1e9)),
}
"""Splits by a count of the annotation (`n_subjects`, …): name, least and greatest count, both included."""


@dataclass(frozen=True)
class Sample:
    """One prediction with its reference. events: the annotators', None where they must be extracted."""

    key: str
    subset: str
    prediction: str | None
    reference: str
    events: tuple[str, ...] | None
    counts: dict[str, float] = field(default_factory=dict)
    vid: str | None = None
    video: str | None = None

    @property
    def failed_before(self) -> str | None:
        """Why there is nothing to judge: no prediction at all, or the original's mark for a failed one."""
        if self.prediction is None:
            return "no_prediction"
        return "failed_prediction" if self.prediction.strip() == FAILED_PREDICTION else None


def sample_of(row: Row) -> Sample:
    """The sample of a row; rows without a dataset are the subset `all`."""
    counts = {name: row.extra.get(f"n_{name}") for name in BUCKETS}
    numbers = {name: float(n) for name, n in counts.items() if isinstance(n, int | float) and not isinstance(n, bool)}
    video = row.video
    return Sample(row.key, row.dataset or "all", row.prediction, row.reference, row.events, numbers, row.vid, video)


@dataclass(frozen=True)
class Verdict:
    """What a judge said of one sample. failure: why there is none; recall and precision are then None.

    recall or precision alone may be None under `open`: there was nothing that could be recalled, or claimed.
    """

    sample: Sample
    recall: float | None = None
    precision: float | None = None
    reference_events: tuple[str, ...] = ()
    predicted_events: tuple[str, ...] = ()
    recall_labels: tuple[Label, ...] = ()
    precision_labels: tuple[Label, ...] = ()
    hit_recall: str | None = None
    hit_precision: str | None = None
    failure: str | None = None
    failed_stage: str | None = None
    detail: str = ""

    @property
    def success(self) -> bool:
        return self.failure is None

    def as_json(self) -> dict[str, Any]:
        """A row of `samples` in scores.json."""
        return {
            "idx": self.sample.key,
            "subset": self.sample.subset,
            "success": self.success,
            "recall": self.recall,
            "precision": self.precision,
            "hit_num_recall": self.hit_recall,
            "hit_num_precision": self.hit_precision,
            "reference_events": list(self.reference_events),
            "relations_recall": list(self.recall_labels),
            "predicted_events": list(self.predicted_events),
            "relations_precision": list(self.precision_labels),
            "failure": self.failure,
            "failed_stage": self.failed_stage,
            "detail": self.detail,
            "reference": self.sample.reference,
            "prediction": self.sample.prediction,
            "video": self.sample.video,
        }


def judged(
    sample: Sample,
    sides: tuple[Sequence[str], Sequence[str]],
    labels: tuple[Sequence[Label], Sequence[Label]],
    empty: tuple[float | None, float | None],
) -> Verdict:
    """Shares of entailed events, of the reference and of the prediction. empty: the share where there are none."""
    (expected, claimed), (recall, precision) = sides, labels
    return Verdict(
        sample,
        recall=hits(recall) / len(expected) if expected else empty[0],
        precision=hits(precision) / len(claimed) if claimed else empty[1],
        reference_events=tuple(map(str, expected)),
        predicted_events=tuple(map(str, claimed)),
        recall_labels=tuple(recall),
        precision_labels=tuple(precision),
        hit_recall=f"hit: {hits(recall)} / {len(expected)}",
        hit_precision=f"hit: {hits(precision)} / {len(claimed)}",
    )


def failed(sample: Sample, failure: str, stage: str | None = None, detail: str = "") -> Verdict:
    """The verdict on a sample that could not be judged."""
    return Verdict(sample, failure=failure, failed_stage=stage, detail=detail[:300])


def hits(labels: Sequence[Label]) -> int:
    """Only entailment counts, in both directions."""
    return sum(label == "entailment" for label in labels)
