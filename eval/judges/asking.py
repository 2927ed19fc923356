"""Asking a chat, with what was paid before remembered: the cache stands between a protocol and its judge."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from eval.judges.cache import Judgements
from eval.judges.protocol import ChatJudge, Judge, Question, Reply, Stage

AT_ONCE = 512
"""Samples under way together; how many of their questions are asked at once is the judge's own matter."""
Item = TypeVar("Item")
Result = TypeVar("Result")


async def ask_about_all(items: Iterable[Item], judge: Judge, one: Callable[[Item], Awaitable[Result]]) -> list[Result]:
    """What `one` makes of each item, in their order, many at once; then the judge is closed.

    Raises:
        whatever the first item raised that could not be judged at all.
    """
    waiting = enumerate(items)
    results: dict[int, Result] = {}

    async def one_after_the_other() -> None:
        for place, item in waiting:
            results[place] = await one(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(one_after_the_other())
    except BaseExceptionGroup as errors:
        raise _first_of(errors) from errors
    finally:
        await judge.close()
    return [results[place] for place in sorted(results)]


def _first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error = group.exceptions[0]
    return _first_of(error) if isinstance(error, BaseExceptionGroup) else error


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
