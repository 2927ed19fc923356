"""AutoDQ as it is run here: nothing for free, nothing dropped in silence.

Texts are judged as they were written. A judgement that failed makes a failed row, which is in no mean and in the
coverage. An empty prediction recalls nothing and claims nothing: recall 0, precision 0. Where the annotators saw no
event there is nothing to recall: recall is None, and so is precision if nothing is claimed either; None is in no mean.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from eval.autodq.samples import Sample, Verdict, failed, hits
from eval.judges.asking import StepFailed
from eval.judges.opinions import Opinion
from eval.judges.protocol import Label


@dataclass(frozen=True)
class Open:
    """Judges one sample after the other with whatever judge gives opinions."""

    opinion: Opinion

    async def judge(self, sample: Sample) -> Verdict:
        """The verdict on a sample; one without a prediction is a failed one."""
        if (reason := sample.failed_before) is not None:
            return failed(sample, reason)
        prediction = (sample.prediction or "").strip()
        try:
            expected = await self._expected(sample)
            (recall, claimed), precision = await self._both(sample, prediction, expected)
        except StepFailed as error:
            return failed(sample, error.reason, error.stage, error.detail)
        return _verdict(sample, expected, claimed, recall, precision)

    async def _expected(self, sample: Sample) -> list[str]:
        if sample.events is not None:
            return list(sample.events)
        return await self.opinion.extract(sample.key, "extract_ref", sample.reference)

    async def _both(
        self, sample: Sample, prediction: str, expected: Sequence[str]
    ) -> tuple[tuple[list[Label], list[str]], list[Label]]:
        if not prediction:
            return (["neutral"] * len(expected), []), []
        opinion, key = self.opinion, sample.key
        claimed = await opinion.extract(key, "extract_pred", prediction)
        recall, precision = await asyncio.gather(
            opinion.entail(key, "recall", prediction, expected),
            opinion.entail(key, "precision", sample.reference, claimed),
            return_exceptions=True,
        )
        for outcome in (recall, precision):
            if isinstance(outcome, BaseException):
                raise outcome
        assert not isinstance(recall, BaseException)
        assert not isinstance(precision, BaseException)
        return (recall, claimed), precision


def _verdict(
    sample: Sample,
    expected: Sequence[str],
    claimed: Sequence[str],
    recall: Sequence[Label],
    precision: Sequence[Label],
) -> Verdict:
    nothing = None if not expected else 0.0
    return Verdict(
        sample,
        recall=hits(recall) / len(expected) if expected else None,
        precision=hits(precision) / len(claimed) if claimed else nothing,
        reference_events=tuple(expected),
        predicted_events=tuple(claimed),
        recall_labels=tuple(recall),
        precision_labels=tuple(precision),
        hit_recall=f"hit: {hits(recall)} / {len(expected)}",
        hit_precision=f"hit: {hits(precision)} / {len(claimed)}",
    )
