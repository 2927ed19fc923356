"""Where exactly, between two looks, a hard cut lies: at the frame that differs most from the one before it."""

from __future__ import annotations

from curate.detectors.cascade.look import Look, Looks
from curate.detectors.cascade.signs import pair_signs
from media.frame import Frame


class Boundary:
    """Is pushed neighbouring frames, of which the last begins the next stretch when `restart` is called."""

    def __init__(self) -> None:
        self._looks: list[Look] = []

    def push(self, frame: Frame) -> None:
        self.push_look(Look(frame))

    def push_look(self, look: Look) -> None:
        self._looks.append(look)

    def restart(self) -> None:
        self._looks = self._looks[-1:]

    @property
    def time_us(self) -> int | None:
        """Start of the frame of this stretch that changed most; None before there are two."""
        if len(self._looks) <= 2:  # nothing to compare
            return self._looks[1].time_us if len(self._looks) == 2 else None
        looks = Looks.of(self._looks)
        difference, lost_share, lost_area, _worst, _median, hues, lights, _light = pair_signs(looks[:-1], looks[1:]).T
        change = difference + lost_share + lost_area + hues + lights
        return self._looks[1 + int(change.argmax())].time_us
