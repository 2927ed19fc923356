"""Exact presentation times: from pts in a time base to microseconds on the video's own timeline."""

from collections.abc import Iterable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

MICROSECOND = 1_000_000
BACKWARD_JUMP = Fraction(1, 2)  # seconds; a smaller step back is jitter, a larger one is a new clock
FORWARD_JUMP = 10  # seconds; FFmpeg's dts_delta_threshold, only for formats whose clock may jump


def to_us(ticks: int, time_base: Fraction) -> int:
    """Ticks of `time_base` seconds as microseconds, rounded half up, in integers only."""
    return (2 * ticks * time_base.numerator * MICROSECOND + time_base.denominator) // (2 * time_base.denominator)


class Timeline:
    """Gives every frame of one video, in presentation order, a strictly growing time in ticks from the first.

    Sound timestamps pass through unchanged. Broken ones are repaired and `repaired` is set: a missing pts follows
    the frame before at its duration; one that stands still or goes back a little follows by one tick; a jump back
    by more than half a second (where the clock may jump, also 10 s forward) is a new clock, joined on at the
    frame's duration.
    """

    def __init__(
        self, time_base: Fraction, step: int | None, *, clock_may_jump: bool = False, durations_add_up: bool = False
    ) -> None:
        """step: ticks from frame to frame that the container promises, used only where nothing better is known.

        durations_add_up: packet durations are gaps in decoding order, whose sum is the length (MP4, MOV).
        """
        self.time_base = time_base
        self.repaired = False
        self.start_pts: int | None = None
        self._step = step
        self._jumps = JumpRule(time_base, clock_may_jump)
        self._durations_add_up = durations_add_up
        self._sum = 0
        self._offset = 0
        self._last = -1
        self._last_length = 0

    @property
    def end_ticks(self) -> int:
        """End of the last frame: exact once all frames are placed."""
        if self._durations_add_up and not self.repaired and self._sum > self._last:
            return self._sum
        return self._last + self._last_length

    def place(self, pts: int | None, duration: int | None) -> int:
        """The next frame's ticks from the first frame. Raises ValueError when no time can be known."""
        if self._last < 0:
            ticks = 0
            self._offset = -(pts or 0)
            self.repaired = pts is None
            self.start_pts = pts
        else:
            ticks = self._after(self._last, pts)
        self._last = ticks
        self._last_length = duration or self._step or 0
        self._sum += self._last_length
        return ticks

    def _after(self, last: int, pts: int | None) -> int:
        follow = last + max(1, self._last_length)
        if pts is None:
            if not self._last_length:
                raise ValueError("no pts, no duration and no frame rate")
            self.repaired = True
            return follow
        if self.start_pts is None:
            self.start_pts = pts
            self._offset = follow - pts
        ticks = pts + self._offset
        if self._jumps.is_new_clock(ticks - last):
            self.repaired = True
            self._offset += follow - ticks
            return follow
        if ticks <= last:
            self.repaired = True
            return last + 1
        self._step = ticks - last  # what a frame without a duration is given
        return ticks


class JumpRule:
    """Tells a step of the clock that is too wild to be a gap between two frames."""

    def __init__(self, time_base: Fraction, clock_may_jump: bool) -> None:
        self._back = -int(BACKWARD_JUMP / time_base)
        self._forward = int(FORWARD_JUMP / time_base) if clock_may_jump else None

    def is_new_clock(self, step: int) -> bool:
        return step < self._back or (self._forward is not None and step > self._forward)


def ticks_to_us(ticks: Iterable[int], time_base: Fraction) -> NDArray[np.int64]:
    """int64 [N]: `to_us` of each."""
    return np.array([to_us(tick, time_base) for tick in ticks], dtype=np.int64)


def middle_times(start_us: int, end_us: int, n: int) -> list[int]:
    """The centres of n equal parts of [start_us, end_us), in microseconds. (0, 4 s, 2) gives 1 s and 3 s."""
    if n <= 0 or end_us <= start_us:
        raise ValueError(f"need n > 0 and start_us < end_us, got n={n}, [{start_us}, {end_us})")
    return [start_us + (end_us - start_us) * (2 * part + 1) // (2 * n) for part in range(n)]
