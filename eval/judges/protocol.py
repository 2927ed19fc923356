"""Who judges, and what is asked.

Two kinds answer one question each: chats write text, natives give the verdict itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

Label = Literal["entailment", "neutral", "contradiction"]
LABELS: tuple[Label, ...] = ("entailment", "neutral", "contradiction")
Stage = Literal["extract_ref", "extract_pred", "recall", "precision", "answer"]


@dataclass(frozen=True)
class Identity:
    """What a score depends on beside texts and prompts. name: as results show it; revision: of weights or file."""

    name: str
    revision: str


@dataclass(frozen=True)
class Question:
    """One prompt about one sample. schema: of the answer, for judges that can be held to one."""

    sample: str
    stage: Stage
    prompt_id: str
    prompt: str
    text: str
    events: tuple[str, ...] = ()
    system: str | None = None
    schema: Mapping[str, Any] | None = None
    max_new_tokens: int = 2048


@dataclass(frozen=True)
class Reply:
    """What came back: a text, or the class of the failure.

    stands: whether a failure is the judge's own last word on this question (a filter, a refusal), which asking again
    in another run would only pay for twice; a broken connection is not.
    """

    text: str | None
    failure: str | None = None
    detail: str = ""
    stands: bool = True
    prompt_tokens: int = 0
    output_tokens: int = 0
    model: str | None = None


@runtime_checkable
class ChatJudge(Protocol):
    """Answers prompts with text. greedy: whether the same question always has the same answer."""

    identity: Identity
    greedy: bool

    async def ask(self, question: Question, repeat: int) -> Reply:
        """The answer to a question that this run asks for the repeat-th time, from 0."""
        ...

    async def close(self) -> None:
        """Lets connections and memory go."""
        ...


@runtime_checkable
class NativeJudge(Protocol):
    """Gives verdicts without a prompt. Raises JudgeRefused for a text that it cannot judge."""

    identity: Identity

    async def extract(self, text: str) -> list[str]:
        """The events that a text tells."""
        ...

    async def entail(self, text: str, events: Sequence[str]) -> list[Label]:
        """A label for each event."""
        ...

    async def close(self) -> None:
        """Lets memory go."""
        ...


Judge = ChatJudge | NativeJudge
