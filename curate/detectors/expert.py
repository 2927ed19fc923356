"""A second opinion on transitions that the default detector is not sure of: TransNetV2 over the frames around them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

EXPERTS = ("transnetv2",)
BESIDE = 2  # frames on both sides of a doubt that count as it


class Expert(Protocol):
    """Says how likely a transition is. size: (width, height) of the pictures it wants; reach: frames around a doubt."""

    size: tuple[int, int]
    reach: int

    def opinion(self, frames: NDArray[np.uint8], first: int, last: int) -> float:
        """How likely it is, 0 to 1, that a transition lies at frames [first, last] of these: uint8 [N, H, W, 3] RGB.

        There are `reach` frames on both sides, or as many as the video has.
        """
        ...


class TransNetV2Expert:
    """The probability of the likeliest frame there to be a transition's middle. Raises ModelError: no weights."""

    def __init__(self) -> None:
        from model.transnetv2 import EDGE, HEIGHT, STEP, WIDTH, WINDOW, TransNetV2  # noqa: PLC0415  (torch: seconds)

        self.size, self.reach = (WIDTH, HEIGHT), WINDOW // 2
        self._network, self._edge, self._step, self._window = TransNetV2(), EDGE, STEP, WINDOW

    def opinion(self, frames: NDArray[np.uint8], first: int, last: int) -> float:
        return max(self._likeliest(frames, start, first, last) for start in self._starts(first, last))

    def _starts(self, first: int, last: int) -> Iterator[int]:
        """Where the middle of each window begins, so that together they cover the doubt."""
        first, last = first - BESIDE, last + BESIDE
        spare = max(0, self._step - (last - first + 1)) // 2
        yield from range(first - spare, last + 1, self._step)

    def _likeliest(self, frames: NDArray[np.uint8], start: int, first: int, last: int) -> float:
        numbers = np.arange(start - self._edge, start - self._edge + self._window)
        answer = self._network.around(frames[np.clip(numbers, 0, len(frames) - 1)])
        here = slice(max(0, first - BESIDE - start), last + BESIDE + 1 - start)
        return float(answer.single[here].max())


def make_expert(name: str) -> Expert:
    """An expert by the name that `--expert` takes. Raises ValueError: no such expert."""
    if name != "transnetv2":
        raise ValueError(f"no expert {name!r}. Allowed: {', '.join(EXPERTS)}")
    return TransNetV2Expert()


def shrunk_for(expert: Expert, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture of the size that an expert wants, uint8 [H, W, 3]."""
    return np.asarray(cv2.resize(rgb, expert.size, interpolation=cv2.INTER_AREA), np.uint8)


def ranges_around(doubts: Sequence[range], reach: int, num_frames: int) -> list[range]:
    """The frames that an expert wants to see for each doubt."""
    return [range(max(0, doubt.start - reach), min(num_frames, doubt.stop + reach)) for doubt in doubts]
