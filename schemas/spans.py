"""Time: integer microseconds on a video's own timeline, from its first frame; spans are half-open."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

US = 1_000_000
_TIMECODE = re.compile(r"^(?:(?:(\d+):)?([0-5]?\d):(?=[0-5]?\d(?:[.,]|$)))?(\d+)(?:[.,](\d{1,9}))?$")


@dataclass(frozen=True, order=True)
class Span:
    """The half-open time `[start_us, end_us)`.

    Raises:
        ValueError: `end_us` lies before `start_us`.
    """

    start_us: int
    end_us: int

    def __post_init__(self) -> None:
        if self.end_us < self.start_us:
            raise ValueError(f"a span needs start_us <= end_us, got [{self.start_us}, {self.end_us})")

    @property
    def seconds(self) -> float:
        return (self.end_us - self.start_us) / US

    def contains(self, other: Span) -> bool:
        return self.start_us <= other.start_us and other.end_us <= self.end_us

    def overlap_us(self, other: Span) -> int:
        """Microseconds that both spans share; 0 where they do not meet."""
        return max(0, min(self.end_us, other.end_us) - max(self.start_us, other.start_us))


def to_us(seconds: float | Fraction) -> int:
    """Seconds as whole microseconds, rounded to the nearest."""
    return round(Fraction(seconds) * US)


def parse_timecode(text: str) -> int:
    """Microseconds of `H:MM:SS.fff`, `HH:MM:SS`, `MM:SS` or plain seconds, as the datasets write them.

    Raises:
        ValueError: the text is none of these.
    """
    match = _TIMECODE.match(text.strip())
    if not match:
        raise ValueError(f"not a time: {text!r}. Allowed: H:MM:SS.fff, MM:SS.fff or seconds, e.g. 0:01:20.880")
    hours, minutes, seconds, fraction = match.groups()
    whole = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds)
    return whole * US + to_us(Fraction(int(fraction or 0), 10 ** len(fraction or "")))


def format_timecode(us: int) -> str:
    """`H:MM:SS.mmm` of a time in microseconds, rounded to the nearest millisecond."""
    ms = (us + 500) // 1000
    return f"{ms // 3_600_000}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"


def spans_between(gaps: Sequence[Span], end_us: int) -> list[Span]:
    """What is left of `[0, end_us)` between the gaps, in order; an empty gap (a hard cut) only divides.

    Gaps may overlap and need not be sorted. Nothing empty is returned.
    """
    left, at_us = [], 0
    for gap in sorted(gaps):
        if gap.start_us > at_us:
            left.append(Span(at_us, min(gap.start_us, end_us)))
        at_us = max(at_us, gap.end_us)
        if at_us >= end_us:
            break
    if at_us < end_us:
        left.append(Span(at_us, end_us))
    return left


def count_within(times_us: Sequence[int], span: Span) -> int:
    """How many of the sorted times lie in the span."""
    return bisect_left(times_us, span.end_us) - bisect_left(times_us, span.start_us)
