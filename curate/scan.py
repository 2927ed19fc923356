"""One decode pass over a video: cuts, the clips between them, and what each clip measures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from curate.detectors.choose import DETECTORS, make_detector
from curate.detectors.cut import Cut
from curate.observers.motion import MotionObserver
from curate.observers.observer import Observer
from curate.observers.quality import ContentObserver, QualityObserver
from curate.requested import Misplaced, Placed, place
from engine.work import Row
from media.decoding import StreamReport
from media.stream import stream
from schemas.spans import Span, count_within, spans_between

WORKING_SIDE = 256  # longer side, in pixels, of the picture that detectors and observers see
OBSERVERS: tuple[Callable[[], Observer], ...] = (MotionObserver, QualityObserver, ContentObserver)


@dataclass(frozen=True)
class ScanSettings:
    """What a scan looks for. A scan with other settings is another scan: its rows replace the older ones.

    Raises:
        ValueError: no such detector.
    """

    detector: str = "default"

    def __post_init__(self) -> None:
        if self.detector not in DETECTORS:
            raise ValueError(f"no detector {self.detector!r}. Allowed: {', '.join(DETECTORS)}")


@dataclass(frozen=True)
class FoundClip:
    """A span between transitions, the frames in it, and its columns of `measures`."""

    span: Span
    num_frames: int
    measures: dict[str, float | None]


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
    """Decode a video once and let the detector and all observers see every frame.

    `fps` is the video's average rate; `beat` is called after each frame; `requested` are spans that dataset files ask
    for (`curate.requested`), which are measured as well.

    Raises:
        MediaError: the file gives no pictures.
    """
    detector = make_detector(settings.detector, fps)
    observers = [make() for make in OBSERVERS]
    push_to = [detector.push, *(observer.push for observer in observers)]
    times, keys = list[int](), list[int]()
    with stream(source, max_side=WORKING_SIDE, threads=threads, loop_filter="referenced") as frames:
        for frame in frames:
            for push in push_to:
                push(frame)
            times.append(frame.time_us)
            if frame.key_frame:
                keys.append(frame.time_us)
            beat()
        report = frames.report
    cuts = detector.finish(report.end_us)
    clips = [
        FoundClip(span, count, _measure(observers, span)) for span, count in clips_between(cuts, report.end_us, times)
    ]
    placed, misplaced = place(requested, times, keys, report.end_us)
    asked = [(p, FoundClip(p.span, count_within(times, p.span), _measure(observers, p.span))) for p in placed]
    return Scan(cuts, clips, report, asked, misplaced)


def clips_between(cuts: Sequence[Cut], end_us: int, times_us: Sequence[int]) -> list[tuple[Span, int]]:
    """The spans between the transitions that hold at least one frame, each with its number of frames.

    A rejected flash divides nothing. Nothing is left out for being short: that is for a selection to decide.
    """
    gaps = [cut.span for cut in cuts if cut.kind != "flash_rejected"]
    counted = [(span, count_within(times_us, span)) for span in spans_between(gaps, end_us)]
    return [(span, count) for span, count in counted if count]


def _measure(observers: Sequence[Observer], clip: Span) -> dict[str, float | None]:
    columns: dict[str, float | None] = {}
    for observer in observers:
        columns |= observer.measure(clip)
    return columns
