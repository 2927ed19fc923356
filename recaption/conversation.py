"""A conversation about pictures and videos: turns that remember what was shown, and answers that grow as they come."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from model.captioner import CaptionRequest, CaptionResult
from recaption.describe import PICTURES, media_item

VIDEOS = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".wmv", ".m4v", ".mpg", ".mpeg", ".flv", ".ts", ".gif"})


class Answerer(Protocol):
    """Answers one request; tells the text so far while it is written."""

    def answer(self, request: CaptionRequest, tell: Callable[[str], None] | None = None) -> CaptionResult: ...


@dataclass(frozen=True)
class Style:
    """How answers are made. frames: of all that is shown; None is the model's own number.

    Raises:
        ValueError: a number that cannot be.
    """

    frames: int | None = None
    temperature: float = 0.0
    top_p: float = 1.0
    max_new_tokens: int = 512
    seed: int = 0

    def __post_init__(self) -> None:
        CaptionRequest("check", [], n_frames=self.frames, temperature=self.temperature, top_p=self.top_p,
                       max_new_tokens=self.max_new_tokens)  # fmt: skip


@dataclass
class Conversation:
    """What was said and shown. A file that is shown stands before the next question."""

    style: Style = Style()
    messages: list[dict[str, Any]] = field(default_factory=list)
    shown: list[Path] = field(default_factory=list)
    _waiting: list[Path] = field(default_factory=list)

    def show(self, path: Path) -> None:
        """Add a picture, gif or video.

        Raises:
            ValueError: no such file, or one of another kind.
        """
        if not path.is_file():
            raise ValueError(f"{path} is not a file")
        if path.suffix.lower() not in PICTURES | VIDEOS:
            known = ", ".join(sorted(PICTURES | VIDEOS))
            raise ValueError(f"{path.name}: its ending is none of {known}")
        self._waiting.append(path.resolve())
        self.shown.append(path.resolve())

    def reset(self) -> None:
        """Forget everything: what was said and what was shown."""
        self.messages, self.shown, self._waiting = [], [], []

    def ask(self, question: str, model: Answerer) -> Iterator[str]:
        """The answer as it grows, each time the whole text so far. A failed answer leaves no trace but its question's
        files.

        Raises:
            Failed: there is no answer.
        """
        content = [*(media_item(path) for path in self._waiting), {"type": "text", "text": question}]
        asked: list[dict[str, Any]] = [*self.messages, {"role": "user", "content": content}]
        request = CaptionRequest(
            "turn", asked, n_frames=self.style.frames, temperature=self.style.temperature, top_p=self.style.top_p,
            max_new_tokens=self.style.max_new_tokens, seed=self.style.seed + len(self.messages),
        )  # fmt: skip
        result: CaptionResult | None = None
        for said in growing(model, request):
            if isinstance(said, CaptionResult):
                result = said
            else:
                yield said
        assert result is not None
        if result.text is None:
            raise Failed(f"{result.error}: {result.detail}")
        self._waiting = []
        self.messages = [*asked, {"role": "assistant", "content": result.text}]
        yield result.text

    def with_style(self, **changes: Any) -> None:
        """Answer otherwise from now on. Raises ValueError."""
        self.style = replace(self.style, **changes)


class Failed(Exception):
    """A question has no answer, and why."""


def growing(model: Answerer, request: CaptionRequest) -> Iterator[str | CaptionResult]:
    """Texts so far, and at last the result. The answer is written on a thread of its own, to its end."""
    waiting: queue.Queue[str | CaptionResult | BaseException] = queue.Queue()

    def work() -> None:
        try:
            waiting.put(model.answer(request, lambda text: waiting.put(text.rstrip("\ufffd"))))
        except BaseException as error:  # noqa: BLE001  (raised again in the caller's thread)
            waiting.put(error)

    thread = threading.Thread(target=work, name="longtake-answer", daemon=True)
    thread.start()
    before = ""
    while True:
        said = waiting.get()
        if isinstance(said, BaseException):
            raise said
        if isinstance(said, CaptionResult):
            thread.join()
            yield said
            return
        if said != before:
            before = said
            yield said
