"""The decode loop that goes on after damage, and what it met."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import av
from av.error import EOFError as EndOfFile
from av.error import FFmpegError
from av.packet import Packet

from media.errors import MediaError
from media.opening import OpenVideo, reason_of

MAX_READ_ERRORS = 64  # in a row; behind a truncation every further read fails


@dataclass
class StreamReport:
    """What a decode met, filled while it runs and complete when it ends.

    num_frames: frames decoded so far. end_us: end of the last frame. corrupt_packets: packets that the demuxer
    could not read whole or the decoder refused; they were left out. corrupt_frames: frames that came, but marked
    damaged by the decoder. warnings: names, each once, in order of appearance (corrupt_packets, corrupt_frames,
    truncated, timestamps_repaired, resolution_changed, pix_fmt_changed).
    """

    num_frames: int = 0
    end_us: int = 0
    corrupt_packets: int = 0
    corrupt_frames: int = 0
    warnings: list[str] = field(default_factory=list)

    def warn(self, name: str) -> None:
        if name not in self.warnings:
            self.warnings.append(name)


def packets_of(video: OpenVideo, report: StreamReport) -> Iterator[Packet]:
    """Every packet of the chosen stream in file order, from where the container stands; reading errors are counted."""
    errors = 0
    while errors < MAX_READ_ERRORS:
        try:
            for packet in video.container.demux(video.stream):
                if not packet.size and packet.dts is None:
                    continue  # PyAV's flush packet; `decoded` flushes by itself
                errors = 0
                if packet.is_corrupt:
                    report.warn("corrupt_packets")
                yield packet
            return
        except IndexError:  # PyAV 18, after the last packet, when the demuxer found further streams on the way
            return
        except FFmpegError as error:
            reason = reason_of(error, "decode_error")
            if reason != "decode_error":
                raise MediaError(reason, f"{video.name}: {error.strerror} while reading.") from error
            errors += 1
            report.corrupt_packets += 1
            report.warn("corrupt_packets")
    report.warn("truncated")


def decoded(
    video: OpenVideo,
    report: StreamReport,
    packets: Iterator[Packet] | None = None,
    wanted: Callable[[Packet], bool] | None = None,
) -> Iterator[av.VideoFrame]:
    """Every picture in presentation order. A refused packet is left out and counted; the next one is tried.

    wanted: called before each packet; False lets the decoder skip it if no other picture needs it.
    Raises MediaError (no_frames, decode_error) when not one picture comes out.
    """
    refused: FFmpegError | None = None
    num_packets = num_frames = 0
    context = video.stream.codec_context
    for packet in packets if packets is not None else packets_of(video, report):
        num_packets += 1
        if wanted is not None:
            context.skip_frame = "DEFAULT" if wanted(packet) else "NONREF"
        pictures, error = _pictures(context.decode, packet)
        refused = _count(video, report, error) or refused
        for picture in pictures:
            num_frames += 1
            yield _checked(picture, report)
    more = True
    while more:
        pictures, error = _pictures(context.decode, None)
        refused = _count(video, report, error) or refused
        for picture in pictures:
            num_frames += 1
            yield _checked(picture, report)
        more = error is not None and not isinstance(error, EndOfFile)
        if report.corrupt_packets > num_packets + MAX_READ_ERRORS:
            break
    if not num_frames:
        _raise_nothing(video, num_packets, refused)


def _pictures(
    decode: Callable[[Packet | None], list[av.VideoFrame]], packet: Packet | None
) -> tuple[list[av.VideoFrame], FFmpegError | None]:
    try:
        return decode(packet), None
    except FFmpegError as error:
        return [], error


def _count(video: OpenVideo, report: StreamReport, error: FFmpegError | None) -> FFmpegError | None:
    if error is None or isinstance(error, EndOfFile):
        return None
    if reason_of(error, "decode_error") == "out_of_memory":
        raise MediaError("out_of_memory", f"{video.name}: {error.strerror} while decoding.") from error
    report.corrupt_packets += 1
    report.warn("corrupt_packets")
    return error


def _checked(picture: av.VideoFrame, report: StreamReport) -> av.VideoFrame:
    if picture.is_corrupt:
        report.corrupt_frames += 1
        report.warn("corrupt_frames")
    return picture


def _raise_nothing(video: OpenVideo, num_packets: int, refused: FFmpegError | None) -> None:
    if not num_packets:
        raise MediaError("no_frames", f"{video.name} has a {video.stream.codec_context.name} stream without packets.")
    if refused is not None and reason_of(refused, "decode_error") == "unsupported_codec":
        raise MediaError("unsupported_codec", f"{video.name}: {refused.strerror}.") from refused
    said = f"; the decoder says: {refused.strerror}" if refused else ""
    raise MediaError("decode_error", f"{video.name}: no picture out of {num_packets} packets{said}.") from refused
