"""All frames of a video as its packets tell: times, keyframes, end; nothing decoded but the first picture."""

import os
from array import array
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.packet import Packet
from numpy.typing import NDArray

from media.decoding import StreamReport, decoded, packets_of
from media.errors import MediaError
from media.limits import Limits
from media.opening import OpenVideo, Source, open_video
from media.timeline import MICROSECOND, JumpRule, ticks_to_us, to_us

_MISSING = -(1 << 63)
_MOST_SECONDS = 1 << 40  # what fits an int64 in microseconds; only a damaged timestamp is larger


class Entry(NamedTuple):
    """One shown frame's packet, in ticks of the stream's time base."""

    pts: int | None
    dts: int | None
    duration: int
    key: bool
    leads: bool = True


@dataclass(frozen=True)
class PacketIndex:
    """The frames of one video in presentation order.

    ticks: int64 [N], from the first frame. times_us: the same in microseconds. end_ticks: end of the last frame.
    pts: int64 [N], the stream's own, only when `sound`. keys: int64 [K], frame numbers of the keyframes.
    sound: every pts present, different and on one clock, so that pts name frames and seeking is safe.
    """

    ticks: NDArray[np.int64]
    times_us: NDArray[np.int64]
    end_ticks: int
    start_pts: int | None
    pts: NDArray[np.int64] | None
    keys: NDArray[np.int64]
    leads: NDArray[np.bool_]
    sound: bool
    first_picture: av.VideoFrame
    report: StreamReport


_KEPT_INDEXES = 4
_kept: OrderedDict[tuple[object, ...], PacketIndex] = OrderedDict()


def index_of(source: Source, limits: Limits) -> PacketIndex:
    """The index of a source. Those of the last few local files are kept while the files stay as they are: whoever
    reads many spans of one long video demuxes it once. Raises MediaError.
    """
    stamp = _stamp(source)
    if stamp is None:
        with open_video(source, limits=limits) as video:
            return index_packets(video, limits)
    key = (*stamp, limits)
    if key not in _kept:
        with open_video(source, limits=limits) as video:
            _kept[key] = index_packets(video, limits)
        while len(_kept) > _KEPT_INDEXES:
            _kept.popitem(last=False)
    _kept.move_to_end(key)
    return _kept[key]


def _stamp(source: Source) -> tuple[object, ...] | None:
    """What tells a local file from any other, and from itself after a change; None for what is no local file."""
    if not isinstance(source, str | os.PathLike) or "://" in os.fspath(source) or "::" in os.fspath(source):
        return None
    try:
        status = Path(source).stat()
    except OSError:
        return None  # whoever opens it says why
    return os.fspath(source), status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def index_packets(video: OpenVideo, limits: Limits) -> PacketIndex:
    """Demuxes everything once and decodes until the first picture. Frames that cannot be shown are left out:
    those flagged discard (edit lists), invisible VP8/VP9 frames, and what comes before the first decodable picture.

    Raises MediaError: no_frames, decode_error, too_many_frames, too_long, no_timestamps.
    """
    report = StreamReport()
    entries = _Entries()
    walk = _recorded(video, report, entries, limits)
    pictures = decoded(video, report, walk)
    first = next(pictures)
    for _ in walk:  # the decoder has seen enough
        pass
    shown = entries.in_presentation_order(JumpRule(video.time_base, video.clock_may_jump))
    if first.pts is not None:
        late = next((i for i, entry in enumerate(shown) if entry.pts == first.pts), 0)
        if late:
            report.warn("starts_undecodable")
        shown = shown[late:]
    return _placed(video, shown, first, report, limits)


def _recorded(video: OpenVideo, report: StreamReport, entries: "_Entries", limits: Limits) -> Iterator[Packet]:
    codec = video.stream.codec_context.codec.canonical_name
    for packet in packets_of(video, report):
        if not packet.is_discard and not _is_invisible(packet, codec):
            entries.add(packet, pts_known=video.pts_known)
            if limits.max_frames is not None and len(entries) > limits.max_frames:
                raise MediaError("too_many_frames", f"{video.name} has more than {limits.max_frames} frames.")
        yield packet


def _placed(
    video: OpenVideo, shown: list[Entry], first: av.VideoFrame, report: StreamReport, limits: Limits
) -> PacketIndex:
    timeline = video.timeline()
    try:
        ticks = [timeline.place(entry.pts, entry.duration) for entry in shown]
    except ValueError as error:
        raise MediaError("no_timestamps", f"{video.name}: {error}.") from error
    if timeline.repaired:
        report.warn("timestamps_repaired")
    end_us = to_us(timeline.end_ticks, video.time_base)
    if end_us > MICROSECOND * (limits.max_seconds if limits.max_seconds is not None else _MOST_SECONDS):
        raise MediaError("too_long", f"{video.name} lasts {end_us / MICROSECOND:.0f} s.")
    times_us = ticks_to_us(ticks, video.time_base)
    report.num_frames = len(ticks)
    report.end_us = end_us
    sound = not timeline.repaired
    return PacketIndex(
        ticks=np.array(ticks, dtype=np.int64),
        times_us=times_us,
        end_ticks=timeline.end_ticks,
        start_pts=timeline.start_pts,
        pts=np.array([entry.pts for entry in shown], dtype=np.int64) if sound else None,
        keys=np.flatnonzero([entry.key for entry in shown]),
        leads=np.array([entry.leads for entry in shown], dtype=np.bool_),
        sound=sound,
        first_picture=first,
        report=report,
    )


class _Entries:
    """What is kept of each packet, 25 bytes a frame."""

    def __init__(self) -> None:
        self._pts, self._dts, self._durations, self._keys = array("q"), array("q"), array("q"), bytearray()

    def __len__(self) -> int:
        return len(self._pts)

    def add(self, packet: Packet, *, pts_known: bool) -> None:
        self._pts.append(_MISSING if packet.pts is None or not pts_known else packet.pts)
        self._dts.append(_MISSING if packet.dts is None else packet.dts)
        self._durations.append(packet.duration or 0)
        self._keys.append(packet.is_keyframe)

    def in_presentation_order(self, jumps: JumpRule) -> list[Entry]:
        """Sorted by pts between jumps of the decoding clock; a packet without pts stays at its place."""
        ordered: list[Entry] = []
        run: list[Entry] = []
        clock: int | None = None
        latest = _MISSING
        for pts, dts, duration, key in zip(self._pts, self._dts, self._durations, self._keys, strict=True):
            known = None if pts == _MISSING else pts
            entry = Entry(known, None if dts == _MISSING else dts, duration, bool(key), pts > latest)
            latest = max(latest, pts)
            now = entry.dts if entry.dts is not None else entry.pts
            if clock is not None and now is not None and jumps.is_new_clock(now - clock):
                ordered += _by_pts(run)
                run = []
                entry, latest = entry._replace(leads=True), pts
            clock = now if now is not None else clock
            run.append(entry)
        return ordered + _by_pts(run)


def _by_pts(run: list[Entry]) -> list[Entry]:
    if any(entry.pts is None for entry in run):
        return run
    return sorted(run, key=lambda entry: entry.pts or 0)


def _is_invisible(packet: Packet, codec: str) -> bool:
    """Whether a packet holds only a frame that is never shown (VP8 and VP9 alternate references)."""
    if codec not in ("vp8", "vp9") or not packet.size:
        return False
    head = memoryview(packet)
    if codec == "vp8":
        return not head[0] >> 4 & 1  # show_frame, RFC 6386 section 9.1
    if head[-1] >> 5 == 0b110:  # a superframe ends with a shown frame
        return False
    # frame_marker(2) profile(2) [reserved(1) in profile 3] show_existing_frame frame_type show_frame
    at = 4 + (head[0] >> 4 & 0b11 == 0b11)
    bits = f"{head[0]:08b}"
    return bits[at] == "0" and at + 2 < 8 and bits[at + 2] == "0"
