"""AutoDQ as it is run here: nothing for free, nothing dropped in silence.

Texts are judged as they were written. A judgement that failed makes a failed row, which is in no mean and in the
coverage. An empty prediction recalls nothing and claims nothing: recall 0, precision 0. Where the annotators saw no
event there is nothing to recall: recall is None, and so is precision if nothing is claimed either; None is in no mean.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from eval.autodq.samples import Sample, Verdict, failed, judged
from eval.judges.asking import StepFailed
from eval.judges.opinions import Opinion
from eval.judges.protocol import Label

One = TypeVar("One")
Other = TypeVar("Other")


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
            if not prediction:
                nothing: list[Label] = ["neutral"] * len(expected)
                return _verdict(sample, expected, [], nothing, [])
            recall, (claimed, precision) = await _together(
                self.opinion.entail(sample.key, "recall", prediction, expected), self._precision(sample, prediction)
            )
        except StepFailed as error:
            return failed(sample, error.reason, error.stage, error.detail)
        return _verdict(sample, expected, claimed, recall, precision)

    async def _expected(self, sample: Sample) -> list[str]:
        if sample.events is not None:
            return list(sample.events)
        return await self.opinion.extract(sample.key, "extract_ref", sample.reference)

    async def _precision(self, sample: Sample, prediction: str) -> tuple[list[str], list[Label]]:
        """What is claimed, and whether the reference entails it."""
        claimed = await self.opinion.extract(sample.key, "extract_pred", prediction)
        return claimed, await self.opinion.entail(sample.key, "precision", sample.reference, claimed)


async def _together(one: Awaitable[One], other: Awaitable[Other]) -> tuple[One, Other]:
    """Both results. Where one fails, the other is waited for all the same: it is paid, and remembered."""
    first, second = await asyncio.gather(one, other, return_exceptions=True)
    if isinstance(first, BaseException):
        raise first
    if isinstance(second, BaseException):
        raise second
    return first, second


def _verdict(
    sample: Sample,
    expected: Sequence[str],
    claimed: Sequence[str],
    recall: Sequence[Label],
    precision: Sequence[Label],
) -> Verdict:
    return judged(sample, (expected, claimed), (recall, precision), (None, 0.0 if expected else None))
