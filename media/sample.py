"""The frames displayed at asked times, with the least decoding that is certainly right."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from media.decoding import StreamReport
from media.frame import Frame
from media.geometry import Sizing
from media.limits import DEFAULT_LIMITS, Limits
from media.opening import Source, open_video
from media.packets import index_of
from media.pick import pick
from media.seeking import LostError, key_before
from media.stream import timed


@dataclass(frozen=True)
class Sampled:
    """frames: one for each asked time, in the asked order. num_decoded: pictures that the decoder gave for them."""

    frames: list[Frame]
    num_decoded: int

    def __iter__(self) -> Iterator[Frame]:
        return iter(self.frames)

    def __len__(self) -> int:
        return len(self.frames)


def sample(
    source: Source,
    times_us: Sequence[int],
    *,
    max_side: int | None = None,
    size: tuple[int, int] | None = None,
    exact: bool = True,
    threads: int = 1,
    limits: Limits = DEFAULT_LIMITS,
) -> Sampled:
    """For each time the last frame that starts at or before it; any order, duplicates give the same Frame.

    size: (width, height) of the pictures, whatever their shape; max_side keeps the shape. exact=False gives the
    keyframe at or before each time instead: its time_us says so. After the end the last frame stays.
    A damaged video is decoded from its beginning, so that the frames are those of `stream`.
    Raises MediaError; ValueError for a time below 0.
    """
    times = [int(time) for time in times_us]
    if times and min(times) < 0:
        raise ValueError(f"times_us must be >= 0, got {min(times)}. Time 0 is the first frame.")
    sizing = Sizing(max_side, size)
    index = index_of(source, limits)
    if not times:
        return Sampled([], 0)
    if not index.sound:
        return _one_pass(source, times, sizing, threads, limits)
    numbers = np.searchsorted(index.times_us, times, side="right") - 1
    if not exact:
        numbers = np.array([key_before(index, int(number)) for number in numbers])
    found = dict[int, Frame]()
    picked = pick(
        source, index, sorted({int(number) for number in numbers}), sizing=sizing, threads=threads, limits=limits
    )
    try:
        for frame in picked:
            frame.settle()
            found[frame.index] = frame
    except LostError:
        once = _one_pass(source, [int(index.times_us[number]) for number in numbers], sizing, threads, limits)
        return Sampled(once.frames, picked.report.num_frames + once.num_decoded)
    return Sampled([found[int(number)] for number in numbers], picked.report.num_frames)


def _one_pass(source: Source, times: Sequence[int], sizing: Sizing, threads: int, limits: Limits) -> Sampled:
    """Decodes from the beginning up to the last asked time."""
    waiting = sorted(set(times))
    chosen: dict[int, Frame] = {}
    report = StreamReport()
    last: Frame | None = None
    with open_video(source, threads=threads, limits=limits) as video:
        for frame in timed(video, report, sizing, limits):
            due = bisect_right(waiting, frame.time_us - 1)
            if last is not None and due:
                last.settle()
                chosen.update(dict.fromkeys(waiting[:due], last))
                waiting = waiting[due:]
            if not waiting:
                break
            last = frame
    if last is not None and waiting:
        last.settle()
        chosen.update(dict.fromkeys(waiting, last))
    return Sampled([chosen[time] for time in times], report.num_frames)
