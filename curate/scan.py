"""One decode pass over a video: cuts, the clips between them, and what each clip measures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from curate.detectors.cascade.detector import CascadeDetector
from curate.detectors.choose import DETECTORS, make_detector
from curate.detectors.cut import Cut, Detector
from curate.look_plan import look_plan
from curate.observers.beside import Beside
from curate.observers.borders import BorderObserver
from curate.observers.changes import ChangeObserver
from curate.observers.coherence import CoherenceObserver
from curate.observers.hashes import HashObserver
from curate.observers.motion import MotionObserver
from curate.observers.observer import Measured, Measuring, Observer
from curate.observers.quality import ContentObserver, QualityObserver
from curate.observers.signature import SignatureObserver
from curate.observers.text import TextObserver
from curate.requested import Misplaced, Placed, place
from engine.work import Row
from media.decoding import StreamReport
from media.frame import Frame
from media.geometry import Sizing
from media.limits import DEFAULT_LIMITS
from media.opening import open_video
from media.packets import PacketIndex, index_packets
from media.pick import pick
from media.seeking import LostError
from media.stream import FrameStream, stream
from schemas.spans import Span, count_within, spans_between

WORKING_SIDE = 256  # longer side, in pixels, of the picture that detectors and observers see
OBSERVERS: tuple[Callable[[], Observer], ...] = (
    MotionObserver,
    QualityObserver,
    ContentObserver,
    BorderObserver,
    ChangeObserver,
    TextObserver,
    HashObserver,
    CoherenceObserver,
    SignatureObserver,
)
GUARD_US = 100_000  # what is left out on both sides of a gradual transition, whose ends nobody sees exactly


@dataclass(frozen=True)
class ScanSettings:
    """What a scan looks for. A scan with other settings is another scan: its rows replace the older ones.

    thorough: decode every frame; the default detector needs only some of them, the other detectors always want all.

    Raises:
        ValueError: no such detector.
    """

    detector: str = "default"
    thorough: bool = False

    def __post_init__(self) -> None:
        if self.detector not in DETECTORS:
            raise ValueError(f"no detector {self.detector!r}. Allowed: {', '.join(DETECTORS)}")


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
                return _of(_look(source, index, threads, beat), requested)
            except LostError:
                pass  # the place of a frame cannot be proved: what decoding everything gives is certain
    return _of(_watch(source, make_detector(settings.detector, fps), threads, beat), requested)


@dataclass(frozen=True)
class _Seen:
    """What a pass over a video leaves: times of all frames and of the key frames among them, in microseconds."""

    detector: Detector
    observers: list[Observer]
    report: StreamReport
    times_us: list[int]
    keys_us: list[int]


def _look(source: str, index: PacketIndex, threads: int, beat: Callable[[], None]) -> _Seen:
    """Only what the default detector needs."""
    detector = CascadeDetector()
    observers = [make() for make in OBSERVERS]

    def frames_of(numbers: Sequence[int]) -> FrameStream:
        return pick(source, index, numbers, sizing=Sizing(WORKING_SIDE), threads=threads, loop_filter="referenced")

    with frames_of(look_plan(index)) as looks, Beside(observers, threads) as beside:
        for frame in looks:
            beside.push(frame)
            detector.push(frame)
            beat()
        report = looks.report
    windows = [(window, _numbers_within(index, window)) for window in detector.windows()]
    with frames_of(sorted({number for _window, numbers in windows for number in numbers})) as frames:
        kept = dict[int, Frame]()
        for window, numbers in windows:
            kept = {number: frame for number, frame in kept.items() if number >= numbers[0]}
            while numbers[-1] not in kept:
                frame = next(frames)
                kept[frame.index] = frame
            detector.look_again(window, [kept[number] for number in numbers])
            beat()
        report.num_frames += frames.report.num_frames
    return _Seen(detector, observers, report, index.times_us.tolist(), index.times_us[index.keys].tolist())


def _numbers_within(index: PacketIndex, window: Span) -> range:
    first, last = np.searchsorted(index.times_us, [window.start_us, window.end_us], side="left")
    return range(int(first), int(last))


def _watch(source: str, detector: Detector, threads: int, beat: Callable[[], None]) -> _Seen:
    """Every frame."""
    observers = [make() for make in OBSERVERS]
    times, keys = list[int](), list[int]()
    with (
        stream(source, max_side=WORKING_SIDE, threads=threads, loop_filter="referenced") as frames,
        Beside(observers, threads) as beside,
    ):
        for frame in frames:
            beside.push(frame)
            detector.push(frame)
            times.append(frame.time_us)
            if frame.key_frame:
                keys.append(frame.time_us)
            beat()
    return _Seen(detector, observers, frames.report, times, keys)


def _of(seen: _Seen, requested: Sequence[Row]) -> Scan:
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
