"""What an observer is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from media.frame import Frame
from schemas.spans import Span

Measured = float | int | bytes | list[int] | None
"""One value of a row of `measures`."""


class Measuring(Protocol):
    """Can be asked for columns of `measures` of a clip."""

    def measure(self, clip: Span) -> Mapping[str, Measured]: ...


class Observer(Measuring, Protocol):
    """Is pushed every frame in order, then asked for the columns of `measures` that it fills, clip by clip.

    Clips are known only once all frames have passed; an observer keeps a few numbers a sample, never pictures.
    A column that could not be measured (a clip of one frame has no motion) is None.
    """

    def push(self, frame: Frame) -> None: ...
