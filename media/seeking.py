"""Decoding from the middle of a video, proved to be in the right place or not at all."""

from collections.abc import Callable, Iterator

import av
import numpy as np
from av.error import FFmpegError
from av.packet import Packet

from media.decoding import StreamReport, decoded, packets_of
from media.errors import MediaError
from media.nal_units import Unreferenced
from media.opening import OpenVideo
from media.packets import PacketIndex

TRIES = 4  # keyframes further and further back
# Codecs whose non-reference pictures nothing else needs. Not HEVC: there a higher temporal layer may need them.
_SKIPPABLE = {"h264", "mpeg1video", "mpeg2video", "mpeg4"}


class LostError(Exception):
    """Seeking did not lead to the asked frame; decode from the beginning instead."""


def key_before(index: PacketIndex, number: int) -> int:
    """The number of the last keyframe at or before a frame; 0 if there is none."""
    at = int(np.searchsorted(index.keys, number, side="right")) - 1
    return int(index.keys[at]) if at >= 0 else 0


def pictures_from(
    video: OpenVideo,
    index: PacketIndex,
    number: int,
    report: StreamReport,
    needed: frozenset[int] | None = None,
) -> Iterator[tuple[int, av.VideoFrame]]:
    """(frame number, picture) from the keyframe at or before `number` on, after a seek.

    needed: pts of the only frames that will be looked at; others that nothing depends on need not be decoded.
    Raises LostError when the place cannot be proved: the index must be sound, the demuxer must land on a keyframe at
    or before the wanted one, and the first picture from there must be that keyframe.
    """
    if index.pts is None:
        raise LostError
    key = key_before(index, number)
    key_pts = int(index.pts[key])
    packets = packets_from_key(video, index, key, report)
    codec = video.stream.codec_context.codec.canonical_name
    pts_needed = needed | {key_pts} if needed is not None and codec in _SKIPPABLE else None
    if pts_needed is not None and codec == "h264":
        packets = _of_use(video, packets, pts_needed)
    arrived = False
    for picture in decoded(video, report, packets, _wanting(pts_needed)):
        if picture.pts is None:
            raise LostError
        if picture.pts < key_pts:  # leading pictures of an open group; their references lie before it
            continue
        if not arrived and picture.pts != key_pts:
            raise LostError
        arrived = True
        at = int(np.searchsorted(index.pts, picture.pts))
        if at == len(index.pts) or index.pts[at] != picture.pts:
            raise LostError
        yield at, picture


def _of_use(video: OpenVideo, packets: Iterator[Packet], pts_needed: frozenset[int]) -> Iterator[Packet]:
    """Leaves out packets that a decoder would skip: they take turns of its threads, which then wait."""
    unreferenced = Unreferenced(video.stream.codec_context)
    return (packet for packet in packets if packet.pts in pts_needed or not unreferenced(packet))


def _wanting(pts_needed: frozenset[int] | None) -> Callable[[Packet], bool] | None:
    if pts_needed is None:
        return None

    def wanted(packet: Packet) -> bool:
        return packet.pts in pts_needed

    return wanted


def packets_from_key(video: OpenVideo, index: PacketIndex, key: int, report: StreamReport) -> Iterator[Packet]:
    """Packets from a keyframe shown at or before keyframe number `key`; goes further back until it finds one.

    Raises LostError when the demuxer lands behind it every time.
    """
    if index.pts is None or not len(index.keys):
        raise LostError
    key_pts = int(index.pts[key])
    place = int(np.searchsorted(index.keys, key))
    for step in (0, 1, 3, 7)[:TRIES]:
        if step > place:
            break
        target = int(index.pts[index.keys[place - step]])
        try:
            video.container.seek(target, stream=video.stream)
        except FFmpegError as error:
            raise LostError from error
        packets = packets_of(video, report)
        first = next((packet for packet in packets if packet.is_keyframe), None)
        if first is not None and first.pts is not None and first.pts <= key_pts:
            return _chain(first, packets)
    raise LostError


def _chain(first: Packet, rest: Iterator[Packet]) -> Iterator[Packet]:
    yield first
    yield from rest


def nothing_came(error: MediaError) -> bool:
    """Whether a decode gave nothing at all, which after a seek only means a wrong place."""
    return error.reason in ("no_frames", "decode_error")
