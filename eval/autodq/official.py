"""AutoDQ as the original runs it, so that numbers of today can stand beside numbers of then.

Texts are lower-cased; shipped events are used as they are; each step has ten attempts; the recall of a sample is judged
before its precision; an empty list of events scores 1.0; what fails is dropped from every mean, and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from eval.autodq.official_answers import BadAnswer, read_events, read_labels
from eval.autodq.samples import Sample, Verdict, failed, judged
from eval.judges.asking import Asker, StepFailed
from eval.judges.opinions import Opinion
from eval.judges.protocol import Label, Question, Stage
from eval.prompts.library import Prompt

ATTEMPTS = 10
FREE_POINTS = (1.0, 1.0)
"""For an empty list of events, whatever was answered about it."""
Read = TypeVar("Read")


@dataclass(frozen=True)
class Official:
    """Judges one sample after the other's rules with a judge that chats. prompts: `autodq-extract`, `autodq-entail`."""

    asker: Asker
    prompts: Mapping[str, Prompt]

    async def judge(self, sample: Sample) -> Verdict:
        """The verdict on a sample; a sample without a prediction cannot be lower-cased, and fails."""
        if sample.prediction is None:
            return failed(sample, "no_prediction")
        reference, prediction = sample.reference.lower(), sample.prediction.lower()
        try:
            given = sample.events
            expected = list(given) if given is not None else await self._extract(sample, "extract_ref", reference)
            claimed = await self._extract(sample, "extract_pred", prediction)
            recall = await self._entail(sample, "recall", prediction, expected, instead=reference)
            precision = await self._entail(sample, "precision", reference, claimed, instead=prediction)
        except StepFailed as error:
            return failed(sample, error.reason, error.stage, error.detail)
        return judged(sample, (expected, claimed), (recall, precision), FREE_POINTS)

    async def _extract(self, sample: Sample, stage: Stage, text: str) -> list[str]:
        text = text.replace('"', "'")
        prompt = self.prompts["autodq-extract"]
        question = Question(sample.key, stage, prompt.key, prompt.fill(caption=text), text)
        return await self._attempts(question, read_events)

    async def _entail(
        self, sample: Sample, stage: Stage, text: str, events: Sequence[str], instead: str
    ) -> list[Label]:
        """instead: what is shown as the only event where there are none."""
        shown = list(events) or [instead.replace("\n", " ")]
        prompt = self.prompts["autodq-entail"]
        filled = prompt.fill(description=text, events=str(shown))
        question = Question(sample.key, stage, prompt.key, filled, text, tuple(map(str, shown)))
        return await self._attempts(question, lambda answer: read_labels(answer, len(events)))

    async def _attempts(self, question: Question, read: Callable[[str], Read]) -> Read:
        reason, detail = "never_asked", ""
        for number in range(ATTEMPTS):
            reply = await self.asker.ask(question, number)
            if reply.text is None:
                reason, detail = reply.failure or "bad_answer", reply.detail
                if not reply.stands:  # the server was tried again already, as often as it is worth
                    break
                continue
            try:
                return read(reply.text)
            except BadAnswer as error:
                reason, detail = error.reason, error.detail
        raise StepFailed(question.stage, reason, detail)


@dataclass(frozen=True)
class OfficialNative:
    """The same arithmetic for a judge that gives its verdicts without prompts."""

    opinion: Opinion

    async def judge(self, sample: Sample) -> Verdict:
        """The verdict on a sample."""
        if sample.prediction is None:
            return failed(sample, "no_prediction")
        reference, prediction = sample.reference.lower(), sample.prediction.lower()
        opinion, key, given = self.opinion, sample.key, sample.events
        try:
            expected = list(given) if given is not None else await opinion.extract(key, "extract_ref", reference)
            claimed = await opinion.extract(key, "extract_pred", prediction)
            recall = await opinion.entail(key, "recall", prediction, expected)
            precision = await opinion.entail(key, "precision", reference, claimed)
        except StepFailed as error:
            return failed(sample, error.reason, error.stage, error.detail)
        return judged(sample, (expected, claimed), (recall, precision), FREE_POINTS)
