"""One pass over a video: what the detector and the observers see of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from curate.detectors.cascade.detector import CascadeDetector
from curate.detectors.choose import DETECTORS, make_detector
from curate.detectors.cut import Detector
from curate.detectors.expert import EXPERTS, make_expert, ranges_around, shrunk_for
from curate.look_plan import look_plan
from curate.observers.beside import Beside
from curate.observers.borders import BorderObserver
from curate.observers.changes import ChangeObserver
from curate.observers.coherence import CoherenceObserver
from curate.observers.hashes import HashObserver
from curate.observers.motion import MotionObserver
from curate.observers.observer import Observer
from curate.observers.quality import ContentObserver, QualityObserver
from curate.observers.signature import SignatureObserver
from curate.observers.text import TextObserver
from media.decoding import StreamReport
from media.frame import Frame
from media.geometry import Sizing
from media.packets import PacketIndex
from media.pick import pick
from media.stream import FrameStream, stream
from schemas.spans import Span

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


@dataclass(frozen=True)
class ScanSettings:
    """What a scan looks for. A scan with other settings is another scan: its rows replace the older ones.

    thorough: decode every frame; the default detector needs only some of them, the other detectors always want all.
    expert: who is asked about transitions of which the default detector is not sure (`curate.detectors.expert`).

    Raises:
        ValueError: no such detector or expert.
    """

    detector: str = "default"
    thorough: bool = False
    expert: str | None = None

    def __post_init__(self) -> None:
        if self.detector not in DETECTORS:
            raise ValueError(f"no detector {self.detector!r}. Allowed: {', '.join(DETECTORS)}")
        if self.expert is not None and self.expert not in EXPERTS:
            raise ValueError(f"no expert {self.expert!r}. Allowed: {', '.join(EXPERTS)}")
        if self.expert is not None and self.detector != "default":
            raise ValueError(f"only the default detector asks an expert, not {self.detector!r}")


@dataclass(frozen=True)
class Seen:
    """What a pass over a video leaves: times of all frames and of the key frames among them, in microseconds."""

    detector: Detector
    observers: list[Observer]
    report: StreamReport
    times_us: list[int]
    keys_us: list[int]


def look(source: str, index: PacketIndex, settings: ScanSettings, threads: int, beat: Callable[[], None]) -> Seen:
    """Only what the default detector needs."""
    detector = CascadeDetector(asks=settings.expert is not None)
    observers = [make() for make in OBSERVERS]

    def frames_of(numbers: Sequence[int], decoding: int) -> FrameStream:
        return pick(
            source,
            index,
            numbers,
            sizing=Sizing(WORKING_SIDE),
            threads=decoding,
            loop_filter="referenced",
            settled=True,
        )

    with frames_of(look_plan(index), threads) as looks, Beside(observers, threads) as beside:
        for frame in looks:
            beside.push(frame)
            detector.push(frame)
            beat()
        report = looks.report
    if settings.expert:
        report.num_frames += _ask(detector, settings.expert, index.times_us, partial(frames_of, decoding=threads), beat)
    report.num_frames += _look_again(detector, index.times_us, threads, partial(frames_of, decoding=1), beat)
    return Seen(detector, observers, report, index.times_us.tolist(), index.times_us[index.keys].tolist())


def _look_again(
    detector: CascadeDetector,
    times_us: np.ndarray,
    threads: int,
    frames_of: Callable[[Sequence[int]], FrameStream],
    beat: Callable[[], None],
) -> int:
    """Shows the detector all frames around each hard cut; the number of frames that it took.

    The windows are divided among the threads: to each belongs some decoding, from the key frame before it.
    """
    windows = [(window, _numbers_within(times_us, window)) for window in detector.windows()]
    count = min(threads, len(windows))
    looked_at = SimpleQueue[bool]()  # True for each window, False for each thread that has ended

    def look_at(some: Sequence[tuple[Span, range]]) -> int:
        try:
            with frames_of(sorted({number for _window, numbers in some for number in numbers})) as frames:
                kept = dict[int, Frame]()
                for window, numbers in some:
                    kept = {number: frame for number, frame in kept.items() if number >= numbers[0]}
                    while numbers[-1] not in kept:
                        frame = next(frames)
                        kept[frame.index] = frame
                    detector.look_again(window, [kept[number] for number in numbers])
                    looked_at.put(True)
                return frames.report.num_frames
        finally:
            looked_at.put(False)

    with ThreadPoolExecutor(max(1, count), "longtake-place") as pool:
        shares = [windows[len(windows) * at // count : len(windows) * (at + 1) // count] for at in range(count)]
        looking = [pool.submit(look_at, share) for share in shares]
        ended = 0
        while ended < count:
            ended += not looked_at.get()
            beat()
        return sum(share.result() for share in looking)


def _numbers_within(times_us: np.ndarray, window: Span) -> range:
    first, last = np.searchsorted(times_us, [window.start_us, window.end_us], side="left")
    return range(int(first), int(last))


def watch(source: str, settings: ScanSettings, fps: Fraction, threads: int, beat: Callable[[], None]) -> Seen:
    """Every frame."""
    detector: Detector = make_detector(settings.detector, fps)
    if settings.expert:
        detector = CascadeDetector(asks=True)
    observers = [make() for make in OBSERVERS]
    times, keys = list[int](), list[int]()
    with (
        stream(source, max_side=WORKING_SIDE, threads=threads, loop_filter="referenced", settled=True) as frames,
        Beside(observers, threads) as beside,
    ):
        for frame in frames:
            beside.push(frame)
            detector.push(frame)
            times.append(frame.time_us)
            if frame.key_frame:
                keys.append(frame.time_us)
            beat()
    if settings.expert and isinstance(detector, CascadeDetector):

        def frames_of(_: Sequence[int]) -> FrameStream:
            return stream(source, max_side=WORKING_SIDE, threads=threads, loop_filter="referenced", settled=True)

        frames.report.num_frames += _ask(detector, settings.expert, np.array(times), frames_of, beat)
    return Seen(detector, observers, frames.report, times, keys)


def _ask(
    detector: CascadeDetector,
    expert_name: str,
    times_us: np.ndarray,
    frames_of: Callable[[Sequence[int]], FrameStream],
    beat: Callable[[], None],
) -> int:
    """Has the expert look at what the detector is not sure of; the number of frames that it took to show them.

    frames_of: frames of some numbers, or of all, ascending.
    """
    doubts = [_numbers_within(times_us, span) for span in detector.doubts()]
    if not doubts:
        return 0
    expert = make_expert(expert_name)
    shown = ranges_around(doubts, expert.reach, len(times_us))
    opinions = list[float]()
    with frames_of(sorted({number for numbers in shown for number in numbers})) as frames:
        kept = dict[int, NDArray[np.uint8]]()
        for doubt, numbers in zip(doubts, shown, strict=True):
            kept = {number: picture for number, picture in kept.items() if number >= numbers.start}
            while numbers[-1] not in kept:
                frame = next(frames)
                if frame.index >= numbers.start:
                    kept[frame.index] = shrunk_for(expert, frame.rgb)
            pictures = np.stack([kept[number] for number in numbers])
            opinions.append(expert.opinion(pictures, doubt.start - numbers.start, doubt.stop - 1 - numbers.start))
            beat()
        detector.settle(opinions)
        return frames.report.num_frames
