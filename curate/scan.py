"""The scan of a video: cuts, the clips between them, and what each clip measures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from curate.detectors.cascade.detector import CascadeDetector
from curate.detectors.cut import Cut
from curate.observers.observer import Measured, Measuring
from curate.passes import ScanSettings, Seen, look, watch
from curate.requested import Misplaced, Placed, place
from engine.work import Row
from media.decoding import StreamReport
from media.limits import DEFAULT_LIMITS
from media.opening import open_video
from media.packets import index_packets
from media.seeking import LostError
from schemas.spans import Span, count_within, spans_between

GUARD_US = 100_000  # what is left out on both sides of a gradual transition, whose ends nobody sees exactly


@dataclass(frozen=True)
class FoundClip:
    """A span between transitions, the frames in it, and its columns of `measures`."""

    span: Span
    num_frames: int
    measures: dict[str, Measured]


@dataclass(frozen=True)
class Scan:
    """What one pass over a video found."""

    cuts: list[Cut]
    clips: list[FoundClip]
    report: StreamReport
    requested: list[tuple[Placed, FoundClip]]
    misplaced: list[Misplaced]


def scan(
    source: str,
    settings: ScanSettings,
    *,
    fps: Fraction,
    threads: int = 1,
    beat: Callable[[], None] = lambda: None,
    requested: Sequence[Row] = (),
) -> Scan:
    """Let the detector and all observers see a video in one decode pass.

    The default detector is shown what `look_plan` chooses, and then the frames around each hard cut; the decoder skips
    what neither needs. Every frame is decoded for a detector that wants it, with `settings.thorough`, and where packets
    do not say where frames are or the file is damaged. `fps` is the video's average rate; `beat` is called after each
    frame; `requested` are spans that dataset files ask for (`curate.requested`), which are measured as well.

    Raises:
        MediaError: the file gives no pictures.
    """
    if settings.detector == "default" and not settings.thorough:
        with open_video(source) as video:
            index = index_packets(video, DEFAULT_LIMITS)
        if index.sound and not index.report.corrupt_packets:
            try:
                return _of(look(source, index, settings, threads, beat), requested)
            except LostError:
                pass  # the place of a frame cannot be proved: what decoding everything gives is certain
    return _of(watch(source, settings, fps, threads, beat), requested)


def _of(seen: Seen, requested: Sequence[Row]) -> Scan:
    """Cuts, the clips between them and those that were asked for, and what each clip measures."""
    end_us, detector = seen.report.end_us, seen.detector
    cuts = detector.finish(end_us)
    measuring, guard_us = list[Measuring](seen.observers), 0
    if isinstance(detector, CascadeDetector):
        measuring, guard_us = [*seen.observers, detector], GUARD_US

    def clip(span: Span, count: int) -> FoundClip:
        return FoundClip(span, count, _measure(measuring, span))

    clips = [clip(*each) for each in clips_between(cuts, end_us, seen.times_us, guard_us)]
    placed, misplaced = place(requested, seen.times_us, seen.keys_us, end_us)
    asked = [(each, clip(each.span, count_within(seen.times_us, each.span))) for each in placed]
    return Scan(cuts, clips, seen.report, asked, misplaced)


def clips_between(
    cuts: Sequence[Cut], end_us: int, times_us: Sequence[int], guard_us: int = 0
) -> list[tuple[Span, int]]:
    """The spans between the transitions that hold at least one frame, each with its number of frames.

    A rejected flash divides nothing. Nothing is left out for being short: that is for a selection to decide.
    guard_us: a transition that takes time is taken to be longer by so much at both ends.
    """
    gaps = [_guarded(cut.span, guard_us) for cut in cuts if cut.kind != "flash_rejected"]
    counted = [(span, count_within(times_us, span)) for span in spans_between(gaps, end_us)]
    return [(span, count) for span, count in counted if count]


def _guarded(gap: Span, guard_us: int) -> Span:
    if gap.end_us == gap.start_us:
        return gap
    return Span(max(0, gap.start_us - guard_us), gap.end_us + guard_us)


def _measure(observers: Sequence[Measuring], clip: Span) -> dict[str, Measured]:
    columns: dict[str, Measured] = {}
    for observer in observers:
        columns |= observer.measure(clip)
    return columns
