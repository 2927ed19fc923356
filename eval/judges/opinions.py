"""What `open` asks of a judge, chat or native: the events of a text, and a label for every event. Paid for once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar, cast

from eval.errors import JudgeRefused
from eval.judges.answers import (
    EXTRACT_SCHEMA,
    UnusableAnswer,
    labels_schema,
    read_open_events,
    read_open_labels,
)
from eval.judges.asking import StepFailed
from eval.judges.cache import Judgement, Judgements, judgement_of
from eval.judges.protocol import LABELS, ChatJudge, Identity, Label, NativeJudge, Question, Reply, Stage
from eval.prompts.library import Prompt

NATIVE_PROMPT = "none"
ATTEMPTS = 5
_EVENTS_SEPARATOR = "\n"
Read = TypeVar("Read")


class Opinion(Protocol):
    """Verdicts about one sample. Raises StepFailed where none can be had."""

    async def extract(self, sample: str, stage: Stage, text: str) -> list[str]:
        """The events that a text tells."""
        ...

    async def entail(self, sample: str, stage: Stage, text: str, events: Sequence[str]) -> list[Label]:
        """A label for each event, in their order."""
        ...


@dataclass
class Remembered:
    """Judgements of one judge and prompt, by text and event. repeat: which of several independent askings."""

    identity: Identity
    cache: Judgements | None
    repeat: int = 0

    def events(self, prompt: str, text: str) -> list[str] | None:
        """Events that were extracted from a text before."""
        kept = self._get(prompt, text, "")
        if kept is None or kept.answer is None:
            return None
        return [event for event in kept.answer.split(_EVENTS_SEPARATOR) if event]

    def label(self, prompt: str, text: str, event: str) -> Label | None:
        """What was said about an event before."""
        kept = self._get(prompt, text, event)
        return cast("Label", kept.answer) if kept is not None and kept.answer in LABELS else None

    def keep_events(self, question: Question, reply: Reply, events: Sequence[str]) -> None:
        """Remembers an extraction; the judge's text is not needed again, its events are."""
        if self.cache is not None:
            plain = [" ".join(event.split()) for event in events]
            self.cache.add([self._row(question, "", reply, _EVENTS_SEPARATOR.join(plain))])

    def keep_labels(self, question: Question, reply: Reply, labels: Mapping[str, Label]) -> None:
        """Remembers all labels of one call at once; its tokens stand at the first of them."""
        if self.cache is None:
            return
        free = replace(reply, prompt_tokens=0, output_tokens=0)
        self.cache.add(
            self._row(question, event, free if place else reply, label)
            for place, (event, label) in enumerate(labels.items())
        )

    def _get(self, prompt: str, text: str, event: str) -> Judgement | None:
        if self.cache is None:
            return None
        return self.cache.get(self.cache.key(self.identity, prompt, text, event, self.repeat))

    def _row(self, question: Question, event: str, reply: Reply, answer: str) -> Judgement:
        key = Judgements.key(self.identity, question.prompt_id, question.text, event, self.repeat)
        return judgement_of(key, self.identity, question, event, self.repeat, reply, answer)


@dataclass
class ChatOpinion:
    """Asks a chat with prompts `open-extract` and `open-entail`. calls, from_cache: questions; failures: by class."""

    judge: ChatJudge
    prompts: Mapping[str, Prompt]
    remembered: Remembered
    calls: int = 0
    from_cache: int = 0
    failures: Counter[str] = field(default_factory=Counter)

    async def extract(self, sample: str, stage: Stage, text: str) -> list[str]:
        """From the cache, or by one prompt."""
        prompt = self.prompts["open-extract"]
        if (kept := self.remembered.events(prompt.key, text)) is not None:
            self.from_cache += 1
            return kept
        question = Question(sample, stage, prompt.key, prompt.fill(caption=text), text, schema=EXTRACT_SCHEMA)
        events, reply = await self._attempts(question, read_open_events)
        self.remembered.keep_events(question, reply, events)
        return [" ".join(event.split()) for event in events]

    async def entail(self, sample: str, stage: Stage, text: str, events: Sequence[str]) -> list[Label]:
        """One prompt for all events that were not judged before."""
        if not events:
            return []
        prompt = self.prompts["open-entail"]
        known = {event: self.remembered.label(prompt.key, text, event) for event in events}
        unknown = [event for event, label in known.items() if label is None]
        if not unknown:
            self.from_cache += 1
            return [known[event] for event in events]  # type: ignore[misc]
        numbered = "\n".join(f"{i}: {' '.join(event.split())}" for i, event in enumerate(unknown))
        filled = prompt.fill(description=text, numbered=numbered)
        schema = labels_schema(len(unknown))
        question = Question(sample, stage, prompt.key, filled, text, tuple(unknown), schema=schema)
        labels, reply = await self._attempts(question, lambda answer: read_open_labels(answer, len(unknown)))
        new = dict(zip(unknown, labels, strict=True))
        self.remembered.keep_labels(question, reply, new)
        return [new.get(event) or known[event] for event in events]  # type: ignore[misc]

    async def _attempts(self, question: Question, read: Callable[[str], Read]) -> tuple[Read, Reply]:
        reason, detail = "never_asked", ""
        for number in range(ATTEMPTS):
            self.calls += 1
            reply = await self.judge.ask(question, number)
            if reply.text is None:
                reason, detail = reply.failure or "bad_answer", reply.detail
                self.failures[reason] += 1
                if not reply.stands:
                    break
                continue
            try:
                return read(reply.text), reply
            except UnusableAnswer as error:
                reason, detail = error.reason, error.detail
                self.failures[reason] += 1
        raise StepFailed(question.stage, reason, detail)


@dataclass
class NativeOpinion:
    """The same of a judge that needs no prompt."""

    judge: NativeJudge
    remembered: Remembered
    calls: int = 0
    from_cache: int = 0
    failures: Counter[str] = field(default_factory=Counter)

    async def extract(self, sample: str, stage: Stage, text: str) -> list[str]:
        """From the cache, or from the judge."""
        if (kept := self.remembered.events(NATIVE_PROMPT, text)) is not None:
            self.from_cache += 1
            return kept
        self.calls += 1
        try:
            events = await self.judge.extract(text)
        except JudgeRefused as error:
            raise self._failed(stage, error) from error
        self.remembered.keep_events(Question(sample, stage, NATIVE_PROMPT, "", text), Reply(""), events)
        return [" ".join(event.split()) for event in events]

    async def entail(self, sample: str, stage: Stage, text: str, events: Sequence[str]) -> list[Label]:
        """The judge is asked for those events that it did not judge before."""
        if not events:
            return []
        known = {event: self.remembered.label(NATIVE_PROMPT, text, event) for event in events}
        unknown = [event for event, label in known.items() if label is None]
        if not unknown:
            self.from_cache += 1
            return [known[event] for event in events]  # type: ignore[misc]
        self.calls += 1
        try:
            labels = await self.judge.entail(text, unknown)
        except JudgeRefused as error:
            raise self._failed(stage, error) from error
        new = dict(zip(unknown, labels, strict=True))
        self.remembered.keep_labels(Question(sample, stage, NATIVE_PROMPT, "", text), Reply(""), new)
        return [new.get(event) or known[event] for event in events]  # type: ignore[misc]

    def _failed(self, stage: Stage, error: JudgeRefused) -> StepFailed:
        self.failures[error.reason] += 1
        return StepFailed(stage, error.reason, error.detail)
