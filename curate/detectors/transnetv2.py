"""TransNetV2 (arXiv 2008.04838) as a detector of its own, with its authors' threshold. Needs the extra `model`."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import cv2
import numpy as np

from curate.detectors.cut import Cut
from media.frame import Frame

if TYPE_CHECKING:
    from model.transnetv2 import Transitions

THRESHOLD = 0.5
BATCH = 50  # frames that are handed over together


class TransNetV2Detector:
    """Where one frame stands out it is a hard cut; where several do, a transition whose kind the network cannot tell.

    Raises:
        ModelError: the package that holds the weights is not installed.
    """

    name = "transnetv2"

    def __init__(self) -> None:
        from model.transnetv2 import HEIGHT, WIDTH, TransNetV2  # noqa: PLC0415  (torch: seconds, and only workers need it)

        self._size = (WIDTH, HEIGHT)
        self._network = TransNetV2()
        self._frames: list[np.ndarray] = []
        self._times, self._single = array("q"), array("f")

    def push(self, frame: Frame) -> None:
        self._times.append(frame.time_us)
        self._frames.append(cv2.resize(frame.rgb, self._size, interpolation=cv2.INTER_AREA))
        if len(self._frames) == BATCH:
            self._hand_over()

    def finish(self, end_us: int) -> list[Cut]:
        self._hand_over()
        self._keep(self._network.finish())
        times = [*self._times, end_us]
        return [self._cut(times, first, last) for first, last in _runs(np.frombuffer(self._single, np.float32))]

    def _hand_over(self) -> None:
        if self._frames:
            self._keep(self._network.push(np.stack(self._frames)))
            self._frames = []

    def _keep(self, answer: Transitions) -> None:
        self._single.extend(answer.single.tolist())

    def _cut(self, times: list[int], first: int, last: int) -> Cut:
        """Frame `last` is the last one of the transition; a hard cut's is the last frame of the old shot."""
        score = max(self._single[first : last + 1])
        if first == last:
            return Cut(times[last + 1], times[last + 1], "hard", score, self.name)
        return Cut(times[first], times[last + 1], "unspecified", score, self.name)


def _runs(probabilities: np.ndarray) -> list[tuple[int, int]]:
    """First and last frame of each run above the threshold that another shot follows."""
    above = np.concatenate([[False], probabilities > THRESHOLD, [False]]).astype(np.int8)
    edges = np.flatnonzero(np.diff(above))
    runs = [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return [(first, last) for first, last in runs if last + 1 < len(probabilities)]
