"""Pieces of a clip that get a caption of their own, and the times of events that a text names by frames."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from schemas.spans import Span

LEAST_REST_US = 1_000_000
_MARK = re.compile(r"<\s*frames?\s*:?\s*(\d+)(?:\s*[-–]\s*(\d+))?\s*>", re.IGNORECASE)


@dataclass(frozen=True)
class Event:
    """One event of a text. first, last: numbers of the frames in which it is seen, from 1, both included."""

    text: str
    first: int
    last: int


def segments_of(clip: Span, longest_us: int) -> list[Span]:
    """Pieces of `longest_us` from the clip's beginning, the last one shorter: LVD-2M's 30-second segments.

    A rest of under a second has hardly a frame to show, and belongs to the piece before it.
    """
    starts = list(range(clip.start_us, clip.end_us, longest_us))
    if len(starts) > 1 and clip.end_us - starts[-1] < LEAST_REST_US:
        starts.pop()
    return [Span(start, end) for start, end in pairwise([*starts, clip.end_us])]


def windows_of(clip: Span, longest_us: int | None) -> list[Span]:
    """The fewest pieces of equal length that are no longer than `longest_us`; None: the clip itself."""
    length = clip.end_us - clip.start_us
    count = 1 if longest_us is None else -(-length // longest_us)
    edges = [clip.start_us + length * i // count for i in range(count + 1)]
    return [Span(start, end) for start, end in pairwise(edges)]


def joined(texts: Sequence[str]) -> str:
    """Texts of consecutive pieces as one, each after "Caption x:"; a single one as it is."""
    if len(texts) == 1:
        return texts[0]
    return "\n".join(f"Caption {number}: {text}" for number, text in enumerate(texts, 1))


def events_of(text: str, num_frames: int) -> list[Event]:
    """The events of a text in which marks such as <frame: 2-5> stand before each event, or after each.

    Empty where the text does not hold to that: no marks, a frame that was not shown, an event without a mark.
    """
    marks = list(_MARK.finditer(text))
    if not marks:
        return []
    pieces = [text[a.end() : b.start()].strip() for a, b in pairwise(marks)]
    before, after = text[: marks[0].start()].strip(), text[marks[-1].end() :].strip()
    if not before and after:
        said = [*pieces, after]
    elif before and not after:
        said = [before, *pieces]
    else:
        return []
    events = [
        Event(piece, int(mark[1]), int(mark[2] or mark[1])) for piece, mark in zip(said, marks, strict=True) if piece
    ]
    sound = all(1 <= event.first <= event.last <= num_frames for event in events)
    return events if sound else []


def times_of(event: Event, frame_times_us: Sequence[int], end_us: int) -> Span:
    """From the event's first frame to the frame after its last one, or to the end of the clip."""
    start = frame_times_us[event.first - 1]
    after = frame_times_us[event.last] if event.last < len(frame_times_us) else end_us
    return Span(start, max(start, after))
