"""What a detector is, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from media.frame import Frame
from schemas.spans import Span


@dataclass(frozen=True, order=True)
class Cut:
    """One transition `[start_us, end_us)`; for a hard cut both are the first frame of the new shot."""

    start_us: int
    end_us: int
    kind: str
    score: float | None
    detector: str

    @property
    def span(self) -> Span:
        return Span(self.start_us, self.end_us)


class Detector(Protocol):
    """Is pushed every frame in order; `finish` gives all that it found, in order of time."""

    def push(self, frame: Frame) -> None: ...

    def finish(self, end_us: int) -> list[Cut]: ...
