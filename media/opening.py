"""The one door to a video file: open, choose the stream, refuse what the header gives away."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Literal

import av
import av.error
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from media.boxes import claimed_samples
from media.errors import MediaError
from media.limits import DEFAULT_LIMITS, Limits
from media.timeline import Timeline

Source = str | os.PathLike[str] | BinaryIO

# Playlists read other files by name, picture formats are no videos, tty takes any text for one.
REFUSED_DEMUXERS = {"hls", "dash", "concat", "concatf", "image2", "image2pipe", "tty", "lavfi", "sdp", "rtsp"}
CLOCK_MAY_JUMP = {"mpeg", "mpegts", "mpegtsraw", "vob", "dvd"}


@dataclass(frozen=True)
class OpenVideo:
    """A container with its chosen video stream, ready to demux."""

    name: str
    container: InputContainer
    stream: VideoStream

    @property
    def time_base(self) -> Fraction:
        if not self.stream.time_base:
            raise MediaError("no_timestamps", f"{self.name} has a stream without a time base.")
        return self.stream.time_base

    @property
    def clock_may_jump(self) -> bool:
        return self.container.format.name in CLOCK_MAY_JUMP

    @property
    def durations_add_up(self) -> bool:
        """Whether packet durations are gaps in decoding order, as in the sample tables of MP4 and MOV."""
        return self.container.format.name.startswith("mov,")

    @property
    def pts_known(self) -> bool:
        """Whether packets carry presentation times. AVI has none, and with reordered H.264 nobody can guess them."""
        context = self.stream.codec_context
        reordered = context.codec.canonical_name in ("h264", "hevc") and context.has_b_frames
        return not (self.container.format.name == "avi" and reordered)

    @property
    def nominal_rate(self) -> Fraction | None:
        """The frame rate the container promises, None if it promises none."""
        return self.stream.average_rate or self.stream.guessed_rate or None

    @property
    def nominal_step(self) -> int | None:
        """Ticks from frame to frame at the promised rate."""
        rate = self.nominal_rate
        return max(1, round(1 / (rate * self.time_base))) if rate else None

    def timeline(self) -> Timeline:
        """A fresh timeline for this stream's frames."""
        return Timeline(
            self.time_base,
            self.nominal_step,
            clock_may_jump=self.clock_may_jump,
            durations_add_up=self.durations_add_up,
        )


def name_of(source: Source) -> str:
    """What to call a source in a message."""
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    return str(getattr(source, "name", None) or f"<{type(source).__name__}>")


LoopFilter = Literal["all", "referenced"]


@contextmanager
def open_video(
    source: Source, *, threads: int = 1, limits: Limits = DEFAULT_LIMITS, loop_filter: LoopFilter = "all"
) -> Iterator[OpenVideo]:
    """Opens a path, an fsspec url (`zip://`, `memory://`, `s3://` ...) or a seekable binary file for decoding.

    Every other stream is discarded by the demuxer. threads: what the decoder may use, at least 1.
    loop_filter: "referenced" leaves out the deblocking of pictures that no other picture refers to: they keep their
    block edges, and nothing drifts (FFmpeg's skip_loop_filter=noref).
    Raises MediaError; errors of FFmpeg and of the storage inside the block become MediaErrors too.
    """
    if threads < 1:
        raise ValueError(f"threads must be >= 1, got {threads}")
    name = name_of(source)
    with opened_container(source, limits) as container:
        stream = _best_stream(container, name)
        _check_header(container, stream, name, limits)
        for other in container.streams:
            if other.index != stream.index:
                other.discard = Discard.all
        skip = {"skip_loop_filter": "noref"} if loop_filter == "referenced" else {}
        stream.codec_context.options = _codec_options(limits) | skip
        stream.thread_count = threads
        stream.thread_type = "AUTO" if threads > 1 else "NONE"
        yield OpenVideo(name, container, stream)


@contextmanager
def opened_container(source: Source, limits: Limits) -> Iterator[InputContainer]:
    """Opens a source without choosing a stream; errors inside the block become MediaErrors."""
    name = name_of(source)
    with as_media_errors(name), _readable(source) as file, _container(file, name, limits) as container:
        yield container


@contextmanager
def as_media_errors(name: str, otherwise: str = "decode_error") -> Iterator[None]:
    """Gives the errors of FFmpeg and of the storage their MediaError names; anything else is a bug and passes."""
    try:
        yield
    except MediaError:
        raise
    except FFmpegError as error:
        reason = reason_of(error, otherwise)
        # demuxers also say "I/O error" for bad data; storage that can be read is not to blame, nor tried again
        if reason == "io_error" and _can_be_read(Path(name)):
            reason = otherwise
        raise MediaError(reason, f"{name}: {_text(error)}.") from error
    except MemoryError as error:
        raise MediaError("out_of_memory", f"{name}: {error}.") from error
    except FileNotFoundError as error:
        raise MediaError("missing_file", f"{name}: {error}.") from error
    except OSError as error:
        raise MediaError("io_error", f"{name}: {error}.") from error


def _can_be_read(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            while file.read(1 << 20):
                pass
    except OSError:
        return False
    return True


def reason_of(error: FFmpegError, otherwise: str) -> str:
    """The reason that FFmpeg's error code speaks for, `otherwise` where it says only that data is bad."""
    if isinstance(error, av.error.MemoryError):
        return "out_of_memory"
    if isinstance(error, av.error.FileNotFoundError):
        return "missing_file"
    if isinstance(error, av.error.DecoderNotFoundError | av.error.PatchWelcomeError):
        return "unsupported_codec"
    if isinstance(error, av.error.InvalidDataError | av.error.EOFError):
        return otherwise
    if isinstance(error, OSError) and not isinstance(error, av.error.ArgumentError):
        return "io_error"
    return otherwise


def _text(error: FFmpegError) -> str:
    said = error.log[1][2].strip() if error.log and error.log[1] else ""
    return f"{error.strerror}{f' ({said})' if said else ''}".rstrip(".")


@contextmanager
def _readable(source: Source) -> Iterator[str | BinaryIO]:
    """A local path as FFmpeg takes it (`file:...`), or an open seekable file at its beginning."""
    if not isinstance(source, str | os.PathLike):
        source.seek(0)
        yield source
        return
    text = os.fspath(source)
    if "://" not in text and "::" not in text:
        path = Path(text)
        if not path.exists():
            raise MediaError("missing_file", f"{text} does not exist.")
        if path.is_dir():
            raise MediaError("not_a_video", f"{text} is a folder.")
        yield f"file:{path}"  # so that a name with a colon is not taken for a protocol
        return
    import fsspec  # noqa: PLC0415  heavy for those who only open local files

    try:
        opened: Any = fsspec.open(text, "rb")
    except (ValueError, ImportError) as error:  # unknown protocol, or its package is not installed
        raise MediaError("io_error", f"{text}: {error}.") from error
    with opened as file:
        yield file


@contextmanager
def _container(file: str | BinaryIO, name: str, limits: Limits) -> Iterator[InputContainer]:
    _check_claims(file, name, limits)
    options = {"format_whitelist": _allowed_demuxers(), "protocol_whitelist": "file"} | _codec_options(limits)
    try:
        container = av.open(file, "r", options=options, metadata_errors="replace")
    except av.error.InvalidDataError as error:
        raise MediaError("not_a_video", f"{name}: {_text(error)}.") from error
    except av.error.EOFError as error:
        raise MediaError("no_frames", f"{name}: {_text(error)}.") from error
    except av.error.ArgumentError as error:  # refused numbers in a header
        raise MediaError("not_a_video", f"{name}: {_text(error)}.") from error
    with container:
        yield container


def _check_claims(file: str | BinaryIO, name: str, limits: Limits) -> None:
    """Refuses an empty file, and an MP4 whose sample tables are a bomb: FFmpeg would build them while opening."""
    with Path(file.removeprefix("file:")).open("rb") if isinstance(file, str) else nullcontext(file) as raw:
        if not raw.read(1):
            raise MediaError("empty_file", f"{name} has 0 bytes.")
        raw.seek(0)
        head = raw.read(21)
        claimed = claimed_samples(raw)
        raw.seek(0)
    if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and head[20:21] and head[20] & 2:
        raise MediaError("unsupported_codec", f"{name} is an animated WebP, which FFmpeg reads from version 9 on.")
    if head[:4] == b"GIF8":  # FFmpeg forgets the size of a gif that it refuses
        _check_size(int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little"), name, limits)
    # a sound track has more samples than the picture has frames
    if limits.max_frames is not None and claimed > 10 * limits.max_frames:
        raise MediaError(
            "too_many_frames", f"{name} claims {claimed} samples in one track, max_frames is {limits.max_frames}."
        )


@cache
def _allowed_demuxers() -> str:
    known = sorted(av.formats_available)
    return ",".join(name for name in known if name not in REFUSED_DEMUXERS and not name.endswith("_pipe"))


def _codec_options(limits: Limits) -> dict[str, str]:
    return {} if limits.max_pixels is None else {"max_pixels": str(limits.max_pixels)}


def _best_stream(container: InputContainer, name: str) -> VideoStream:
    """The largest moving picture that a decoder exists for."""
    still = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    moving = [stream for stream in container.streams.video if not stream.disposition & still]
    if not moving:
        kinds = ", ".join(stream.type for stream in container.streams) or "nothing"
        raise MediaError("no_video_stream", f"{name} holds {kinds}.")
    # PyAV leaves codec_context None where no decoder exists, and crashes on many attributes of such a stream
    known = [stream for stream in moving if stream.codec_context is not None]
    if not known:
        raise MediaError("unsupported_codec", f"{name}: no decoder for its video stream.")
    return max(known, key=lambda s: (bool(s.disposition & Disposition.default), s.width * s.height, -s.index))


def _check_header(container: InputContainer, stream: VideoStream, name: str, limits: Limits) -> None:
    _check_size(stream.codec_context.width, stream.codec_context.height, name, limits)
    if limits.max_frames is not None and stream.frames > limits.max_frames:
        raise MediaError("too_many_frames", f"{name} claims {stream.frames} frames, max_frames is {limits.max_frames}.")


def _check_size(width: int, height: int, name: str, limits: Limits) -> None:
    if limits.max_pixels is not None and width * height > limits.max_pixels:
        raise MediaError("too_many_pixels", f"{name} is {width}x{height}, max_pixels is {limits.max_pixels}.")
