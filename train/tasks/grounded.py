"""Captions that name the frames of each event: `<frame: 2-5> …`, as Tarsier2 learns them (arXiv 2501.07888, 3.2)."""

from __future__ import annotations

import re

import numpy as np

from model.sampling import uniform_v1
from train.tasks.clip_frames import ClipFrames
from train.tasks.rule import Messages, Row, SampleRule, Unfit, asked, prompt_of

MARK = re.compile(r"<\s*frames?\s*:?\s*\d+(?:\s*[-–]\s*\d+)?\s*>", re.IGNORECASE)


def grounded(row: Row, rule: SampleRule, clip: ClipFrames) -> Messages:
    """The clip's frames, spread evenly and named in the sample, so that numbers and frames cannot come apart.

    Marks of a text that has one for each event are written anew; other texts become their events, each behind its
    mark. Frames count from 1, ends included. Raises Unfit.
    """
    if not row["event_texts"]:
        raise Unfit("no_events", "the caption names no events with times.")
    places = uniform_v1(len(clip), rule.n_frames)
    times = clip.times_us[places]
    spans = [mark_of(times, start, end) for start, end in zip(row["event_start_us"], row["event_end_us"], strict=True)]
    if len(MARK.findall(row["text"])) == len(spans):
        left = iter(spans)
        text = MARK.sub(lambda _: next(left), row["text"])
    else:
        text = " ".join(f"{mark} {event}" for mark, event in zip(spans, row["event_texts"], strict=True))
    return asked([clip.item(places)], prompt_of(row, rule), text)


def mark_of(times_us: np.ndarray, start_us: int, end_us: int) -> str:
    """The frames that begin in [start_us, end_us), or the one nearest to its middle where none does."""
    first, last = np.searchsorted(times_us, [start_us, end_us])
    if first == last:
        first = int(np.abs(times_us - (start_us + end_us) / 2).argmin())
        last = first + 1
    return f"<frame: {first + 1}>" if last == first + 1 else f"<frame: {first + 1}-{last}>"
