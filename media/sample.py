"""The frames displayed at asked times, with the least decoding that is certainly right."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import av
import numpy as np

from media.decoding import StreamReport
from media.errors import MediaError
from media.frame import Frame
from media.geometry import Sizing
from media.limits import DEFAULT_LIMITS, Limits
from media.opening import OpenVideo, Source, open_video
from media.packets import PacketIndex, index_packets
from media.pixels import Scaler
from media.seeking import LostError, key_before, nothing_came, pictures_from
from media.stream import scaler_for, timed

SEEK_GAIN = 4  # a seek must spare more frames than this, or decoding on is as cheap


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
    with open_video(source, limits=limits) as video:
        index = index_packets(video, limits)
    if not times:
        return Sampled([], 0)
    if not index.sound:
        return _one_pass(source, times, sizing, threads, limits)
    numbers = np.searchsorted(index.times_us, times, side="right") - 1
    if not exact:
        numbers = np.array([key_before(index, int(number)) for number in numbers])
    found, num_decoded = _Walk(source, index, sizing, threads, limits).frames(sorted({int(n) for n in numbers}))
    return Sampled([found[int(number)] for number in numbers], num_decoded)


class _Walk:
    """Goes through the wanted frames from first to last, seeking where that spares decoding."""

    def __init__(self, source: Source, index: PacketIndex, sizing: Sizing, threads: int, limits: Limits) -> None:
        self._source, self._index, self._sizing = source, index, sizing
        self._threads, self._limits = threads, limits
        self._num_decoded = 0

    def frames(self, wanted: list[int]) -> tuple[dict[int, Frame], int]:
        """Frames by their number, and how many pictures were decoded for them."""
        found: dict[int, Frame] = {}
        try:
            with open_video(self._source, threads=self._threads, limits=self._limits) as video:
                self._by_seeking(video, wanted, found)
        except LostError:
            self._from_start(wanted, found)
        except MediaError as error:
            if not nothing_came(error):
                raise
            self._from_start(wanted, found)
        return found, self._num_decoded

    def _by_seeking(self, video: OpenVideo, wanted: list[int], found: dict[int, Frame]) -> None:
        assert self._index.pts is not None
        scaler = scaler_for(video, self._index.first_picture, self._sizing)
        needed = frozenset(int(self._index.pts[number]) for number in wanted)
        report = StreamReport()
        pictures: Iterator[tuple[int, av.VideoFrame]] = iter(())
        at = -1 - SEEK_GAIN  # nothing decoded yet: the first frame needs a seek
        for number in wanted:
            if key_before(self._index, number) > at + SEEK_GAIN:
                pictures = pictures_from(video, self._index, number, report, needed)
            at, picture = self._next_at(pictures, number)
            found[number] = self._frame(number, picture, scaler)
        if report.corrupt_packets or report.corrupt_frames:
            raise LostError  # what damage looks like depends on what was decoded before

    def _next_at(self, pictures: Iterator[tuple[int, av.VideoFrame]], number: int) -> tuple[int, av.VideoFrame]:
        for at, picture in pictures:
            self._num_decoded += 1
            if at > number:
                break
            if at == number:
                return at, picture
        raise LostError

    def _from_start(self, wanted: list[int], found: dict[int, Frame]) -> None:
        """One pass; where a frame does not come (damage), the one before it stays on display."""
        times = [int(self._index.times_us[number]) for number in wanted]
        once = _one_pass(self._source, times, self._sizing, self._threads, self._limits)
        self._num_decoded += once.num_decoded
        found.update(zip(wanted, once.frames, strict=True))

    def _frame(self, number: int, picture: av.VideoFrame, scaler: Scaler) -> Frame:
        frame = Frame(number, int(self._index.times_us[number]), picture, scaler)
        frame.settle()
        return frame


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
