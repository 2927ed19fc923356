"""An encoder that keeps what the source said about its pictures."""

import os
from dataclasses import dataclass
from fractions import Fraction

import av
from av.codec import Codec
from av.codec.context import Flags
from av.container import OutputContainer
from av.filter import Graph
from av.packet import Packet
from av.video.format import VideoFormat
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from media.errors import MediaError
from media.geometry import clockwise
from media.opening import OpenVideo
from media.writing import VIDEO_CODECS

_TURN = {90: "transpose=clock", 180: "hflip,vflip", 270: "transpose=cclock"}


@dataclass(frozen=True)
class Tags:
    """What goes with the pixels of a stream: rate, pixel shape, colour, rotation (degrees clockwise)."""

    rate: Fraction
    sar: Fraction
    rotation: int
    color_range: int
    color_primaries: int
    color_trc: int
    colorspace: int


def tags_of(video: OpenVideo, picture: av.VideoFrame, rate: Fraction) -> Tags:
    """The tags of an open video, as its first picture and its header give them."""
    context = video.stream.codec_context
    return Tags(
        rate=rate.limit_denominator(1 << 16),
        sar=video.stream.sample_aspect_ratio or Fraction(1),
        rotation=clockwise(picture.rotation),
        color_range=int(picture.color_range),
        color_primaries=context.color_primaries,
        color_trc=context.color_trc,
        colorspace=context.colorspace,
    )


@dataclass(frozen=True)
class EncodeSettings:
    """codec: one of VIDEO_CODECS. crf: constant quality, smaller is better. preset: the encoder's own name, or None."""

    codec: str = "libx264"
    crf: int = 18
    preset: str | None = None
    threads: int = 1

    def __post_init__(self) -> None:
        if self.codec not in VIDEO_CODECS:
            raise ValueError(f"codec must be one of {sorted(VIDEO_CODECS)}, got {self.codec!r}")


class Encoder:
    """Encodes stored pictures upright into one stream of a container; times are ticks of `time_base`."""

    def __init__(
        self,
        container: OutputContainer,
        settings: EncodeSettings,
        tags: Tags,
        time_base: Fraction,
        first: av.VideoFrame,
    ) -> None:
        self.num_frames = 0
        self._tags, self._time_base = tags, time_base
        self._size = (first.width, first.height)
        self._source_format = first.format.name
        self._format = _pix_fmt(settings.codec, first.format)
        self._from_rgb = (first.format.is_rgb or first.format.has_palette) and not VideoFormat(self._format).is_rgb
        width, height = self._upright_size()
        if settings.codec == "libsvtav1":
            os.environ.setdefault("SVT_LOG", "1")  # errors only; the library prints to stderr by itself
        options = {"crf": str(settings.crf)} | VIDEO_CODECS[settings.codec]
        if settings.preset is not None:
            options["preset"] = settings.preset
        self._stream = _new_stream(container, settings.codec, tags.rate, options)
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, self._format
        self._graph = self._make_graph(width, height)
        context = self._stream.codec_context
        context.time_base = time_base
        self._stream.time_base = time_base
        context.flags |= Flags.frame_duration
        context.thread_count = settings.threads
        context.sample_aspect_ratio = self._sar()
        context.color_range, context.colorspace = tags.color_range, tags.colorspace
        if self._from_rgb:
            context.color_range, context.colorspace = ColorRange.MPEG, Colorspace.SMPTE170M
        context.color_primaries, context.color_trc = tags.color_primaries, tags.color_trc

    def encode(self, picture: av.VideoFrame, ticks: int, length: int) -> list[Packet]:
        """Packets that came out after this picture. ticks: its time; length: until the next one, 0 for unknown."""
        if (picture.width, picture.height) != self._size or picture.format.name != self._source_format:
            picture = picture.reformat(*self._size, self._source_format)
        if self._graph is not None:
            self._graph.push(picture)
            turned = self._graph.pull()
            assert isinstance(turned, av.VideoFrame)
            picture = turned
        picture.pts, picture.duration, picture.time_base = ticks, length, self._time_base
        picture.pict_type = 0  # the encoder chooses; else it repeats the source's keyframes
        self.num_frames += 1
        return self._stream.encode(picture)

    def flush(self) -> list[Packet]:
        return self._stream.encode(None)

    def _upright_size(self) -> tuple[int, int]:
        width, height = self._size if self._tags.rotation in (0, 180) else self._size[::-1]
        across, down = _chroma_steps(self._format)
        return max(across, width // across * across), max(down, height // down * down)

    def _sar(self) -> Fraction:
        return self._tags.sar if self._tags.rotation in (0, 180) else 1 / self._tags.sar

    def _make_graph(self, width: int, height: int) -> Graph | None:
        upright = self._size if self._tags.rotation in (0, 180) else self._size[::-1]
        steps = [_TURN[self._tags.rotation]] if self._tags.rotation else []
        if (width, height) != upright:
            steps.append(f"crop={width}:{height}:0:0")
        if self._format != self._source_format:
            if self._from_rgb:
                steps.append("scale=out_color_matrix=smpte170m:out_range=limited")
            steps.append(f"format={self._format}")
        if not steps:
            return None
        graph = Graph()
        nodes = [
            graph.add(
                "buffer",
                f"video_size={self._size[0]}x{self._size[1]}:pix_fmt={self._source_format}"
                f":time_base={self._time_base}:colorspace={self._tags.colorspace}:range={self._tags.color_range}",
            )
        ]
        for step in ",".join(steps).split(","):
            name, _, arguments = step.partition("=")
            nodes.append(graph.add(name, arguments or None))
        nodes.append(graph.add("buffersink"))
        graph.link_nodes(*nodes).configure()
        return graph


def _new_stream(container: OutputContainer, codec: str, rate: Fraction, options: dict[str, str]) -> VideoStream:
    try:
        stream = container.add_stream(codec, rate=rate, options=options)
    except ValueError as error:  # the container cannot hold the codec
        raise MediaError("encode_error", f"{error}.") from error
    assert isinstance(stream, VideoStream)
    return stream


def _pix_fmt(codec: str, source: VideoFormat) -> str:
    """The encoder's format that loses least: the source's own, else planar YUV of its depth and chroma."""
    offered = {known.name for known in Codec(codec, "w").video_formats or []}
    depth = max(part.bits for part in source.components)
    chroma = "420" if source.is_rgb or source.has_palette or len(source.components) < 3 else _chroma(source)
    deep = "10le" if depth > 8 else ""
    own = [] if any(part.is_alpha for part in source.components) or source.has_palette else [source.name]
    candidates = [*own, f"yuv{chroma}p{deep}", f"yuv420p{deep}", "yuv420p"]
    return next(name for name in candidates if name in offered)


def _chroma(source: VideoFormat) -> str:
    across, down = _chroma_steps(source.name)
    return {(1, 1): "444", (2, 1): "422"}.get((across, down), "420")


def _chroma_steps(pix_fmt: str) -> tuple[int, int]:
    """How many luma columns and rows share a chroma sample; sizes must be multiples of it."""
    chroma = VideoFormat(pix_fmt, 64, 64)
    return 64 // max(1, chroma.chroma_width()), 64 // max(1, chroma.chroma_height())
