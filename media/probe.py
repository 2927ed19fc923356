"""What a video is, measured from its packets instead of believed from its header."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from media.errors import MediaError
from media.geometry import clockwise, display_size
from media.limits import DEFAULT_LIMITS, Limits
from media.opening import OpenVideo, Source, open_video
from media.packets import PacketIndex, index_of, index_packets
from media.timeline import to_us


@dataclass(frozen=True)
class VideoFacts:
    """One video.

    container, codec, pix_fmt: FFmpeg's names. bit_depth: of one channel. has_alpha: the stored format has an alpha
    channel (every gif has), also where the decoder leaves it out (VP8/VP9 alpha_mode).
    width, height: of the stored picture, as ffprobe prints. display_width, display_height: after the sample aspect
    ratio sar_num/sar_den (1/1 when the file names none) and the rotation (degrees clockwise, 0/90/180/270).
    fps_num/fps_den: the average rate: for even gaps the nominal one, else num_frames / duration.
    is_vfr: the longest and the shortest gap differ by more than two ticks and by more than 5 % of the mean gap.
    num_frames: counted. duration_us: from the first frame to the end of the last. start_us: the container's
    time of the first frame. warnings: names (duration_header_wrong, duration_header_missing, frames_header_wrong,
    size_header_wrong, timestamps_repaired, starts_undecodable, rotation_rounded, corrupt_packets, truncated, ...).
    """

    container: str
    codec: str
    pix_fmt: str
    bit_depth: int
    has_alpha: bool
    width: int
    height: int
    display_width: int
    display_height: int
    rotation: int
    sar_num: int
    sar_den: int
    fps_num: int
    fps_den: int
    is_vfr: bool
    num_frames: int
    duration_us: int
    start_us: int
    has_audio: bool
    warnings: tuple[str, ...]


def probe(source: Source, *, limits: Limits = DEFAULT_LIMITS) -> VideoFacts:
    """Demuxes all of the video and decodes its first picture. Raises MediaError."""
    with open_video(source, limits=limits) as video:
        index = index_packets(video, limits)
        return _facts(video, index)


def frame_times_us(source: Source, *, limits: Limits = DEFAULT_LIMITS) -> NDArray[np.int64]:
    """int64 [N]: the time of every frame since the first, in presentation order. Raises MediaError."""
    return index_of(source, limits).times_us.copy()


def _facts(video: OpenVideo, index: PacketIndex) -> VideoFacts:
    picture = index.first_picture
    parts = picture.format.components
    rotation = clockwise(picture.rotation)
    sar = video.stream.sample_aspect_ratio or Fraction(1)
    display = display_size(picture.width, picture.height, sar, rotation)
    if index.end_ticks <= index.ticks[-1]:
        raise MediaError("no_timestamps", f"{video.name}: nothing says how long its last frame lasts.")
    rate = _rate(video, index)
    return VideoFacts(
        container=video.container.format.name,
        codec=video.stream.codec_context.codec.canonical_name,
        pix_fmt=picture.format.name,
        bit_depth=max(part.bits for part in parts),
        has_alpha=any(part.is_alpha for part in parts) or video.stream.metadata.get("alpha_mode") == "1",
        width=picture.width,
        height=picture.height,
        display_width=display[0],
        display_height=display[1],
        rotation=rotation,
        sar_num=sar.numerator,
        sar_den=sar.denominator,
        fps_num=rate.numerator,
        fps_den=rate.denominator,
        is_vfr=_is_vfr(index),
        num_frames=len(index.ticks),
        duration_us=to_us(index.end_ticks, video.time_base),
        start_us=to_us(index.start_pts or 0, video.time_base),
        has_audio=bool(video.container.streams.audio),
        warnings=_warnings(video, index),
    )


def _is_vfr(index: PacketIndex) -> bool:
    gaps = np.diff(index.ticks)
    if len(gaps) < 2:
        return False
    spread = int(gaps.max() - gaps.min())
    return spread > 2 and spread * 20 > gaps.mean()


def _rate(video: OpenVideo, index: PacketIndex) -> Fraction:
    """The nominal rate where it explains the last frame's time to two ticks, else frames per duration."""
    nominal = video.nominal_rate
    gaps = len(index.ticks) - 1
    if nominal and not _is_vfr(index) and abs(gaps / (nominal * video.time_base) - int(index.ticks[-1])) <= 2:
        return nominal
    return Fraction(len(index.ticks)) / (index.end_ticks * video.time_base)


def _warnings(video: OpenVideo, index: PacketIndex) -> tuple[str, ...]:
    names = list(index.report.warnings)
    stream, step = video.stream, max(1, index.end_ticks // len(index.ticks))
    if stream.duration is None:
        if video.container.duration is None:
            names.append("duration_header_missing")
    elif abs(stream.duration - index.end_ticks) > step:
        names.append("duration_header_wrong")
    if stream.frames and stream.frames != len(index.ticks):
        names.append("frames_header_wrong")
    if (stream.codec_context.width, stream.codec_context.height) != (
        index.first_picture.width,
        index.first_picture.height,
    ):
        names.append("size_header_wrong")
    if round(index.first_picture.rotation) % 90:
        names.append("rotation_rounded")
    return tuple(names)
