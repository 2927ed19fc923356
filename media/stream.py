"""Every frame of a video, decoded once, in presentation order. The hot path of the product."""

from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np

from media.ahead import ahead
from media.decoding import StreamReport, decoded
from media.errors import MediaError
from media.frame import Frame
from media.geometry import Geometry, Sizing, clockwise, display_size
from media.limits import DEFAULT_LIMITS, Limits
from media.opening import LoopFilter, OpenVideo, Source, open_video
from media.packets import PacketIndex, index_packets
from media.pixels import Scaler
from media.seeking import LostError, nothing_came, pictures_from
from media.timeline import MICROSECOND, Timeline, to_us

LARGE_AHEAD = 4  # pictures as decoded that wait; more only costs memory
SMALL_AHEAD = 48  # settled ones; who works on 32 at a time does not make the decoder wait


class FrameStream:
    """An iterator over Frames; `.report` says what the decode met and is complete when the iterator ends."""

    def __init__(self, frames: Generator[Frame, None, None], report: StreamReport) -> None:
        self._frames = frames
        self.report = report

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        return next(self._frames)

    def __enter__(self) -> "FrameStream":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file; also done when the iterator ends or is collected."""
        self._frames.close()


def stream(
    source: Source,
    *,
    max_side: int | None = None,
    threads: int = 1,
    limits: Limits = DEFAULT_LIMITS,
    start_us: int = 0,
    end_us: int | None = None,
    loop_filter: LoopFilter = "all",
    settled: bool = False,
) -> FrameStream:
    """Yields the frames whose time is in [start_us, end_us), each decoded once, in presentation order.

    max_side: the longer side of the pictures as shown; never enlarged; None gives the full size.
    threads: with 1 all happens in the caller's thread; with more, decoding runs some frames ahead on
    threads - 1 others. start_us: when > 0 the packets are read once before, and decoding starts at the keyframe
    before it where that is proved safe. Errors (MediaError) come while iterating. Damage does not end the stream: a
    packet that cannot be decoded is left out and counted in `.report`, and frames after it may carry artefacts until
    the next keyframe. A picture that changes its size on the way is brought to the first one's.
    loop_filter: see `open_video`; "referenced" saves a quarter of the decoding and shows only at full size.
    settled: with several threads, frames are also brought to their working size ahead; for who looks at every one.
    """
    if threads < 1:
        raise ValueError(f"threads must be >= 1, got {threads}")
    if start_us < 0 or (end_us is not None and end_us <= start_us):
        raise ValueError(f"need 0 <= start_us < end_us, got [{start_us}, {end_us})")
    report = StreamReport()
    asked = _Asked(source, Sizing(max_side), max(1, threads - 1), limits, start_us, end_us, loop_filter)
    frames = _frames(asked, report)
    return FrameStream(read_ahead(frames, settled=settled) if threads > 1 else frames, report)


def read_ahead(frames: Generator[Frame, None, None], *, settled: bool) -> Generator[Frame, None, None]:
    """The same frames, made on a thread of its own; settled: their working pictures as well."""
    return ahead(_settled(frames), SMALL_AHEAD) if settled else ahead(frames, LARGE_AHEAD)


def _settled(frames: Generator[Frame, None, None]) -> Generator[Frame, None, None]:
    with closing(frames):
        for frame in frames:
            frame.settle()
            yield frame


@dataclass(frozen=True)
class _Asked:
    source: Source
    sizing: Sizing
    threads: int
    limits: Limits
    start_us: int
    end_us: int | None
    loop_filter: LoopFilter

    def opened(self) -> AbstractContextManager[OpenVideo]:
        return open_video(self.source, threads=self.threads, limits=self.limits, loop_filter=self.loop_filter)


def _frames(asked: _Asked, report: StreamReport) -> Generator[Frame, None, None]:
    if asked.start_us and (yield from _seeked(asked, report)):
        return
    with asked.opened() as video:
        yield from _inside(timed(video, report, asked.sizing, asked.limits), asked, report)


def _seeked(asked: _Asked, report: StreamReport) -> Generator[Frame, None, bool]:
    """Decodes from the keyframe before the span. Returns False, before any frame, where that is not safe."""
    with open_video(asked.source, limits=asked.limits) as video:
        index = index_packets(video, asked.limits)
    if index.pts is None:
        return False
    number = int(np.searchsorted(index.times_us, asked.start_us))
    if number == len(index.times_us):
        return True
    trial = StreamReport()
    with asked.opened() as video:
        frames = _inside(_from_index(video, index, number, asked.sizing, trial), asked, trial)
        try:
            first = next(frames)
        except (LostError, StopIteration):
            return False
        except MediaError as error:
            if not nothing_came(error):
                raise
            return False
        yield first
        yield from frames
    report.__dict__.update(trial.__dict__)
    return True


def _from_index(
    video: OpenVideo, index: PacketIndex, number: int, sizing: Sizing, report: StreamReport
) -> Iterator[Frame]:
    scaler = scaler_for(video, index.first_picture, sizing)
    last = -1
    for at, picture in pictures_from(video, index, number, report):
        if at <= last:  # only damage makes a decoder go back
            report.warn("timestamps_repaired")
            continue
        last = at
        report.num_frames += 1
        ends = index.times_us[at + 1] if at + 1 < len(index.times_us) else index.report.end_us
        report.end_us = int(ends)
        note_changes(index.first_picture, picture, report)
        yield Frame(at, int(index.times_us[at]), picture, scaler)


def _inside(frames: Iterator[Frame], asked: _Asked, report: StreamReport) -> Iterator[Frame]:
    for frame in frames:
        if asked.end_us is not None and frame.time_us >= asked.end_us:
            report.end_us = frame.time_us  # the frame before ends where this one starts
            return
        if frame.time_us >= asked.start_us:
            yield frame


def timed(video: OpenVideo, report: StreamReport, sizing: Sizing, limits: Limits = DEFAULT_LIMITS) -> Iterator[Frame]:
    """The frames of an open video from its beginning, with their times."""
    timeline = video.timeline()
    scaler: Scaler | None = None
    first: av.VideoFrame | None = None
    for picture in decoded(video, report):
        if scaler is None or first is None:
            first, scaler = picture, scaler_for(video, picture, sizing)
        note_changes(first, picture, report)
        time_us = place(video, timeline, picture, report)
        check_length(video.name, report.num_frames, report.end_us, limits)
        yield Frame(report.num_frames - 1, time_us, picture, scaler)


def place(video: OpenVideo, timeline: Timeline, picture: av.VideoFrame, report: StreamReport) -> int:
    """The time of the next picture in microseconds; brings the report up to date."""
    try:
        ticks = timeline.place(picture.pts if video.pts_known else None, picture.duration)
    except ValueError as error:
        raise MediaError("no_timestamps", f"{video.name}: {error}.") from error
    report.num_frames += 1
    report.end_us = to_us(timeline.end_ticks, timeline.time_base)
    if timeline.repaired:
        report.warn("timestamps_repaired")
    return to_us(ticks, timeline.time_base)


def scaler_for(video: OpenVideo, picture: av.VideoFrame, sizing: Sizing) -> Scaler:
    """The scaler that the first picture of a video decides for all."""
    rotation = clockwise(picture.rotation)
    sar: Fraction | None = video.stream.sample_aspect_ratio
    display = display_size(picture.width, picture.height, sar, rotation)
    width, height = sizing.of(display)
    return Scaler(Geometry(rotation, width, height), display)


def check_length(name: str, num_frames: int, end_us: int, limits: Limits) -> None:
    """Raises MediaError when a video turns out longer than it may be."""
    if limits.max_frames is not None and num_frames > limits.max_frames:
        raise MediaError("too_many_frames", f"{name} has more than {limits.max_frames} frames.")
    if limits.max_seconds is not None and end_us > limits.max_seconds * MICROSECOND:
        raise MediaError("too_long", f"{name} lasts more than {limits.max_seconds} s.")


def note_changes(first: av.VideoFrame, picture: av.VideoFrame, report: StreamReport) -> None:
    if (picture.width, picture.height) != (first.width, first.height):
        report.warn("resolution_changed")
    if picture.format.name != first.format.name:
        report.warn("pix_fmt_changed")
