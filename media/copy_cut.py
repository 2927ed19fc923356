"""A span copied without decoding, which starts at a keyframe: what is really in the file is measured and said."""

import os
from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from media.cut import CutReport, check_span, mux_in_time_order, set_last_duration
from media.decoding import StreamReport, packets_of
from media.errors import MediaError
from media.limits import DEFAULT_LIMITS, Limits
from media.opening import Source, name_of, open_video
from media.packets import PacketIndex, index_packets
from media.seeking import LostError, key_before, packets_from_key
from media.sound import open_sound, packets_between
from media.timeline import MICROSECOND
from media.writing import stores_decoding_gaps, written

S = TypeVar("S", VideoStream, AudioStream)


def copy_cut(
    source: Source,
    start_us: int,
    end_us: int,
    out: str | os.PathLike[str],
    *,
    audio: bool = True,
    limits: Limits = DEFAULT_LIMITS,
) -> CutReport:
    """Copies the packets from the keyframe at or before start_us until every frame before end_us is there.

    The file holds more than was asked: what lies between the keyframe and start_us, and at the end the
    frames that others were predicted from. The report says the true span, checked against the written file.
    Raises MediaError (no_timestamps where the source's are broken: then only `cut` is exact).
    """
    check_span(start_us, end_us)
    with open_video(source, limits=limits) as video:
        index = index_packets(video, limits)
        if index.pts is None:
            raise MediaError("no_timestamps", f"{video.name}: the timestamps are broken; use cut().")
        inside = np.flatnonzero((index.times_us >= start_us) & (index.times_us < end_us))
        if not len(inside):
            raise MediaError("empty_span", f"{video.name}: no frame in [{start_us}, {end_us}) us.")
    first = key_before(index, int(inside[0]))
    if not len(index.keys) or first not in index.keys:
        raise MediaError("no_keyframe", f"{name_of(source)} has none at or before {start_us} us.")
    last, has_audio = _copy(source, out, index, (first, int(inside[-1])), audio=audio, limits=limits)
    _check_written(out, index, first, last)
    ends = index.times_us[last + 1] if last + 1 < len(index.times_us) else index.report.end_us
    return CutReport(int(index.times_us[first]), int(ends), last - first + 1, has_audio)


def _copy(
    source: Source,
    out: str | os.PathLike[str],
    index: PacketIndex,
    span: tuple[int, int],
    *,
    audio: bool,
    limits: Limits,
) -> tuple[int, bool]:
    """Writes the file. Returns the number of the last frame in it, and whether there is sound."""
    assert index.pts is not None
    start_pts = int(index.pts[span[0]])
    with open_video(source, limits=limits) as video, open_sound(source, limits) as sound, written(out) as container:
        try:
            packets, last = _needed(packets_from_key(video, index, span[0], StreamReport()), index, *span)
        except LostError:
            with open_video(source, limits=limits) as again:
                packets, last = _needed(packets_of(again, StreamReport()), index, *span)
        ends = (int(index.ticks[last + 1]) if last + 1 < len(index.ticks) else index.end_ticks) + int(index.pts[0])
        if stores_decoding_gaps(out):
            set_last_duration(packets[-1], packets[0].dts, ends - start_pts)
        else:
            _set_own_durations(packets, index)
        picture = _template(container, video.stream, name_of(out))
        if index.first_picture.rotation:
            picture.set_display_rotation(index.first_picture.rotation)
        sounds: Iterator[Packet] = iter(())
        if audio and sound is not None:
            track = _template(container, sound.stream, name_of(out))
            start, end = start_pts * video.time_base, ends * video.time_base
            sounds = _onto(track, packets_between(sound, start, end), round(start / sound.time_base))
        mux_in_time_order(container, _onto(picture, packets, start_pts), sounds)
    return last, audio and sound is not None


def _needed(packets: Iterator[Packet], index: PacketIndex, first: int, asked: int) -> tuple[list[Packet], int]:
    """Packets in decoding order from keyframe `first` until frames first..last are whole, last >= asked; and last.

    Leading pictures, shown before the keyframe, are left out: what they need is not in the file.
    """
    assert index.pts is not None
    key_pts = int(index.pts[first])
    kept: list[Packet] = []
    last = first
    for packet in packets:
        if packet.pts is None or packet.pts < key_pts or packet.is_discard or not (kept or packet.pts == key_pts):
            continue
        kept.append(packet)
        last = max(last, int(np.searchsorted(index.pts, packet.pts)))
        if last >= asked and len(kept) == last - first + 1:
            break
    return kept, last


def _set_own_durations(packets: Iterable[Packet], index: PacketIndex) -> None:
    assert index.pts is not None
    lengths = np.diff(np.append(index.ticks, index.end_ticks))
    for packet in packets:
        packet.duration = int(lengths[np.searchsorted(index.pts, packet.pts or 0)])


def _template(container: OutputContainer, stream: S, out: str) -> S:
    try:
        return container.add_stream_from_template(stream, opaque=True)
    except ValueError as error:  # the container cannot hold the codec
        raise MediaError("encode_error", f"{out}: {error}.") from error


def _onto(track: Stream, packets: Iterable[Packet], start_pts: int) -> Iterator[Packet]:
    """The packets as the track's own, on a clock that starts at start_pts."""
    for packet in packets:
        packet.pts = None if packet.pts is None else packet.pts - start_pts
        packet.dts = None if packet.dts is None else packet.dts - start_pts
        packet.stream = track
        yield packet


def _check_written(out: str | os.PathLike[str], index: PacketIndex, first: int, last: int) -> None:
    """Raises MediaError when the file does not show frames first..last at their times."""
    with open_video(out) as video:
        seen = index_packets(video, DEFAULT_LIMITS).times_us
        tolerance = int(MICROSECOND * video.time_base) + 2
    expected = index.times_us[first : last + 1] - index.times_us[first]
    if len(seen) != len(expected) or np.abs(seen - expected).max() > tolerance:
        raise MediaError(
            "encode_error", f"{name_of(out)} shows {len(seen)} frames, not the {len(expected)} copied; use cut()."
        )
