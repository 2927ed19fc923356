"""A span of a video as a file of its own: exact to the frame, or copied and honest about its span."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain

import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

from media.encoding import Encoder, EncodeSettings, tags_of
from media.errors import MediaError
from media.frame import Frame
from media.limits import DEFAULT_LIMITS, Limits
from media.opening import Source, name_of, open_video
from media.packets import PacketIndex, index_packets
from media.sound import OpenSound, frames_between, open_sound
from media.stream import stream
from media.timeline import MICROSECOND
from media.writing import audio_codec_for, stores_decoding_gaps, written


@dataclass(frozen=True)
class CutReport:
    """What is in the file: num_frames frames that fill [start_us, end_us) of the source's timeline, perhaps sound."""

    start_us: int
    end_us: int
    num_frames: int
    has_audio: bool


def cut(
    source: Source,
    start_us: int,
    end_us: int,
    out: str | os.PathLike[str],
    *,
    codec: str = "libx264",
    crf: int = 18,
    preset: str | None = None,
    audio: bool = True,
    threads: int = 1,
    limits: Limits = DEFAULT_LIMITS,
) -> CutReport:
    """Encodes the frames whose time is in [start_us, end_us) to a local .mp4, .mov, .mkv or .webm.

    Times between frames, pixel shape, colour tags and 10 bit are kept; rotation is applied to the pixels, so that
    every reader sees the clip upright; an odd last row or column is cropped where the format cannot hold it; alpha
    is dropped. Sound is trimmed to the sample and encoded (AAC; Opus in WebM), left out where the timestamps are
    broken. Raises MediaError; ValueError for arguments out of range.
    """
    settings = EncodeSettings(codec, crf, preset, threads)
    check_span(start_us, end_us)
    with open_video(source, limits=limits) as video:
        index = index_packets(video, limits)
        clock = _Clock(index, video.time_base)
        rate = len(index.ticks) / (max(1, index.end_ticks) * video.time_base)
        tags = tags_of(video, index.first_picture, video.nominal_rate or rate)
    frames = stream(source, threads=threads, limits=limits, start_us=start_us, end_us=end_us)
    with open_sound(source, limits) as sound, frames, written(out) as container:
        first = next(frames, None)
        if first is None or first.picture is None:
            raise MediaError("empty_span", f"{name_of(source)}: no frame in [{start_us}, {end_us}) us.")
        encoder = Encoder(container, settings, tags, clock.time_base, first.picture)
        has_audio = audio and sound is not None and index.sound
        track = iter(())
        if has_audio and sound is not None:
            start, end = clock.seconds(first), clock.seconds_at(end_us)
            track = _sound_packets(container, sound, out, start, end)
        video_packets = _video_packets(encoder, clock, chain([first], frames), first)
        if stores_decoding_gaps(out):
            video_packets = _adding_up(video_packets, clock.length_of_span(first.time_us, end_us))
        mux_in_time_order(container, video_packets, track)
    ends = frames.report.end_us
    return CutReport(first.time_us, ends, encoder.num_frames, has_audio)


def check_span(start_us: int, end_us: int) -> None:
    """Raises ValueError unless 0 <= start_us < end_us."""
    if start_us < 0 or end_us <= start_us:
        raise ValueError(f"need 0 <= start_us < end_us, got [{start_us}, {end_us})")


class _Clock:
    """Times of frames in the source's own ticks where they are sound, in microseconds where they were repaired."""

    def __init__(self, index: PacketIndex, time_base: Fraction) -> None:
        self._index = index if index.sound else None
        self._start = (index.start_pts or 0) * time_base
        self.time_base = time_base if index.sound else Fraction(1, MICROSECOND)

    def ticks(self, frame: Frame) -> int:
        return frame.time_us if self._index is None else int(self._index.ticks[self._number(self._index, frame)])

    @staticmethod
    def _number(index: PacketIndex, frame: Frame) -> int:
        """The frame's place in the index; by its time, for where pictures are damaged fewer are counted."""
        return max(0, int(np.searchsorted(index.times_us, frame.time_us, side="right")) - 1)

    def length(self, frame: Frame) -> int:
        """Ticks until the next frame, or the end; 0 where nobody knows."""
        if self._index is None:
            return 0
        after = self._number(self._index, frame) + 1
        ends = self._index.ticks[after] if after < len(self._index.ticks) else self._index.end_ticks
        return int(ends) - self.ticks(frame)

    def length_of_span(self, start_us: int, end_us: int) -> int:
        """Ticks from the frame at start_us to the first frame at or after end_us, or the end; 0 if repaired."""
        if self._index is None:
            return 0
        return round((self.seconds_at(end_us) - self.seconds_at(start_us)) / self.time_base)

    def seconds(self, frame: Frame) -> Fraction:
        """The container's time of a frame."""
        return self._start + self.ticks(frame) * self.time_base

    def seconds_at(self, time_us: int) -> Fraction:
        """The container's time of the first frame at or after time_us, or of the end."""
        assert self._index is not None
        at = int(np.searchsorted(self._index.times_us, time_us))
        ends = self._index.ticks[at] if at < len(self._index.ticks) else self._index.end_ticks
        return self._start + int(ends) * self.time_base


def _video_packets(encoder: Encoder, clock: _Clock, frames: Iterable[Frame], first: Frame) -> Iterator[Packet]:
    start, last = clock.ticks(first), -1
    for frame in frames:
        assert frame.picture is not None
        last = max(last + 1, clock.ticks(frame) - start)  # of a damaged video two frames may share a place
        yield from encoder.encode(frame.picture, last, clock.length(frame))
    yield from encoder.flush()


def _adding_up(packets: Iterator[Packet], length: int) -> Iterator[Packet]:
    """The same packets, the last one's duration set by `set_last_duration`."""
    waiting: Packet | None = None
    first_dts: int | None = None
    for packet in packets:
        first_dts = packet.dts if first_dts is None else first_dts
        if waiting is not None:
            yield waiting
        waiting = packet
    if waiting is not None:
        set_last_duration(waiting, first_dts, length)
        yield waiting


def set_last_duration(packet: Packet, first_dts: int | None, ends: int) -> None:
    """Makes durations in decoding order, as MP4 stores them, add up to `ends` ticks since the first packet."""
    if packet.dts is not None and first_dts is not None and ends > packet.dts - first_dts:
        packet.duration = ends - (packet.dts - first_dts)


def _sound_packets(
    container: OutputContainer, sound: OpenSound, out: str | os.PathLike[str], start: Fraction, end: Fraction
) -> Iterator[Packet]:
    """Encoded sound of [start, end); the track is made at once, before anything is written."""
    rate = sound.stream.rate if audio_codec_for(out) == "aac" else 48_000
    track = container.add_stream(audio_codec_for(out), rate=rate, layout=sound.stream.layout.name)
    assert isinstance(track, AudioStream)

    def packets() -> Iterator[Packet]:
        for frame in frames_between(sound, start, end):
            yield from track.encode(frame)
        yield from track.encode(None)

    return packets()


def mux_in_time_order(container: OutputContainer, video: Iterator[Packet], sound: Iterator[Packet]) -> None:
    """Writes both, taking sound up to each picture's time, so that neither waits in memory for the other."""
    waiting = next(sound, None)
    for packet in video:
        while waiting is not None and _seconds(waiting) <= _seconds(packet):
            container.mux(waiting)
            waiting = next(sound, None)
        container.mux(packet)
    while waiting is not None:
        container.mux(waiting)
        waiting = next(sound, None)


def _seconds(packet: Packet) -> Fraction:
    return (packet.dts or 0) * packet.time_base
