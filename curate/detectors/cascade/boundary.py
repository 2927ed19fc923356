"""Where exactly, between two looks, a hard cut lies: at the frame that differs most from the one before it."""

from __future__ import annotations

from curate.detectors.cascade.look import Look
from curate.detectors.cascade.signs import pair_signs
from media.frame import Frame


class Boundary:
    """Is pushed neighbouring frames; `time_us` is the start of the one that changed most, None before there are two."""

    def __init__(self) -> None:
        self._before: Look | None = None
        self._greatest = -1.0
        self.time_us: int | None = None

    def push(self, frame: Frame) -> None:
        self.push_look(Look(frame))

    def push_look(self, look: Look) -> None:
        if self._before is not None:
            change = _change(self._before, look)
            if change > self._greatest:
                self._greatest, self.time_us = change, look.time_us
        self._before = look

    def restart(self) -> None:
        """The last frame begins the next stretch."""
        self._greatest, self.time_us = -1.0, None


def _change(first: Look, second: Look) -> float:
    difference, lost_share, lost_area, _worst, _median, hues, lights, _light = pair_signs(first, second)
    return difference + lost_share + lost_area + hues + lights
