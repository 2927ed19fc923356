"""Asking a chat, with what was paid before remembered: the cache stands between a protocol and its judge."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

from eval.judges.cache import Judgements
from eval.judges.protocol import ChatJudge, Question, Reply, Stage


class StepFailed(Exception):
    """No attempt of a step gave an answer that can be used: its stage, and the reason of the last attempt."""

    def __init__(self, stage: Stage, reason: str, detail: str) -> None:
        super().__init__(stage, reason, detail)
        self.stage, self.reason, self.detail = stage, reason, detail


class Asker(Protocol):
    """What a protocol asks its questions."""

    async def ask(self, question: Question, repeat: int) -> Reply:
        """The reply to a question that is asked for the repeat-th time."""
        ...


@dataclass
class CachedAsker:
    """Remembers whole replies by judge, prompt, text, events and repeat. cache None: every question is asked.

    calls: questions that went to the judge; failures: how they failed, by class.
    """

    judge: ChatJudge
    cache: Judgements | None
    calls: int = 0
    from_cache: int = 0
    failures: Counter[str] = field(default_factory=Counter)

    async def ask(self, question: Question, repeat: int) -> Reply:
        """From the cache, or from the judge and then at once into the cache."""
        key = None
        if self.cache is not None:
            event = repr(question.events)
            key = self.cache.key(self.judge.identity, question.prompt_id, question.text, event, repeat)
            if (kept := self.cache.reply(key)) is not None:
                self.from_cache += 1
                return kept
        self.calls += 1
        reply = await self.judge.ask(question, repeat)
        if reply.failure is not None:
            self.failures[reply.failure] += 1
        if self.cache is not None and key is not None and reply.stands:
            self.cache.keep(key, self.judge.identity, question, repr(question.events), repeat, reply)
        return reply
