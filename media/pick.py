"""Chosen frames of a video whose packets are known, with the least decoding that is certainly right."""

from collections.abc import Generator, Iterator, Sequence

import av

from media.decoding import StreamReport
from media.errors import MediaError
from media.frame import Frame
from media.geometry import Sizing
from media.limits import DEFAULT_LIMITS, Limits
from media.opening import LoopFilter, Source, open_video
from media.packets import PacketIndex
from media.seeking import LostError, key_before, nothing_came, pictures_from
from media.stream import FrameStream, read_ahead, scaler_for

SEEK_GAIN = 4  # a seek must spare more frames than this, or decoding on is as cheap


def pick(
    source: Source,
    index: PacketIndex,
    numbers: Sequence[int],
    *,
    sizing: Sizing,
    threads: int = 1,
    limits: Limits = DEFAULT_LIMITS,
    loop_filter: LoopFilter = "all",
    settled: bool = False,
) -> FrameStream:
    """The frames of these numbers, ascending, as `stream` would give them; `.report.num_frames` counts what it took.

    A frame that no other frame needs and that was not asked for is not decoded where the codec allows that, and
    keyframes that lie further on are seeked. threads, settled: as for `stream`.

    Raises, while iterating, LostError where a place cannot be proved or the file is damaged (what damage looks like
    depends on what was decoded before): stream it from the beginning instead; MediaError.
    """
    report = StreamReport(end_us=index.report.end_us)
    frames = _picked(source, index, numbers, sizing, threads, limits, loop_filter, report)
    return FrameStream(read_ahead(frames, settled=settled) if threads > 1 else frames, report)


def _picked(
    source: Source,
    index: PacketIndex,
    numbers: Sequence[int],
    sizing: Sizing,
    threads: int,
    limits: Limits,
    loop_filter: LoopFilter,
    report: StreamReport,
) -> Generator[Frame, None, None]:
    if index.pts is None:
        raise LostError
    needed = frozenset(int(index.pts[number]) for number in numbers)
    pictures: Iterator[tuple[int, av.VideoFrame]] = iter(())
    at = -1 - SEEK_GAIN  # nothing decoded yet: the first frame needs a seek
    try:
        with open_video(source, threads=threads, limits=limits, loop_filter=loop_filter) as video:
            scaler = scaler_for(video, index.first_picture, sizing)
            for number in numbers:
                if key_before(index, number) > at + SEEK_GAIN:
                    pictures = pictures_from(video, index, number, report, needed)
                at, picture = _next_at(pictures, number, report)
                yield Frame(number, int(index.times_us[number]), picture, scaler)
    except MediaError as error:
        if not nothing_came(error):
            raise
        raise LostError from error


def _next_at(
    pictures: Iterator[tuple[int, av.VideoFrame]], number: int, report: StreamReport
) -> tuple[int, av.VideoFrame]:
    for at, picture in pictures:
        report.num_frames += 1
        if at > number or report.corrupt_packets or report.corrupt_frames:
            break
        if at == number:
            return at, picture
    raise LostError
