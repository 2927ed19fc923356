"""The sound of a span of a video: trimmed to it, decoded or as packets. Times are the container's, in seconds."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.filter import Graph
from av.packet import Packet
from av.stream import Discard

from media.limits import DEFAULT_LIMITS, Limits
from media.opening import Source, opened_container

_PREROLL = Fraction(1, 10)  # seconds decoded before the span: an AAC or Opus decoder is right after one frame


@dataclass(frozen=True)
class OpenSound:
    """The first sound stream that a decoder exists for."""

    container: InputContainer
    stream: AudioStream

    @property
    def time_base(self) -> Fraction:
        return self.stream.time_base or Fraction(1, self.stream.rate)


@contextmanager
def open_sound(source: Source, limits: Limits = DEFAULT_LIMITS) -> Iterator[OpenSound | None]:
    """Opens a video for its sound; None when it has none that can be decoded. Raises MediaError."""
    with opened_container(source, limits) as container:
        known = [stream for stream in container.streams.audio if _is_usable(stream)]
        for other in container.streams:
            if not known or other.index != known[0].index:
                other.discard = Discard.all
        yield OpenSound(container, known[0]) if known else None


def _is_usable(stream: AudioStream) -> bool:
    return stream.codec_context is not None and stream.rate > 0 and stream.codec_context.channels > 0


def packets_between(sound: OpenSound, start: Fraction, end: Fraction) -> Iterator[Packet]:
    """Packets whose time is in [start, end), after a seek to before it."""
    base = sound.time_base
    with suppress(FFmpegError):  # without an index it is read from where it stands, the beginning
        sound.container.seek(int(start / base), stream=sound.stream)
    try:
        for packet in sound.container.demux(sound.stream):
            if packet.pts is None:
                continue
            if packet.pts * base >= end:
                return
            if packet.pts * base >= start:
                yield packet
    except (FFmpegError, IndexError):  # IndexError: as in decoding.packets_of
        return  # the sound is damaged here: what came before it stays


def frames_between(sound: OpenSound, start: Fraction, end: Fraction) -> Iterator[AudioFrame]:
    """Sound of [start, end) to the sample; pts 0 is `start`, time base one sample."""
    graph: Graph | None = None
    for packet in packets_between(sound, max(Fraction(0), start - _PREROLL), end):
        try:
            frames = sound.stream.codec_context.decode(packet)
        except FFmpegError:
            continue
        for frame in frames:
            if frame.pts is None:
                continue
            graph = graph or _trimmer(frame, start, end)
            graph.push(frame)
            yield from _pulled(graph)
    if graph is not None:
        graph.push(None)
        yield from _pulled(graph)


def _trimmer(frame: AudioFrame, start: Fraction, end: Fraction) -> Graph:
    graph = Graph()
    base = Fraction(1, frame.sample_rate)
    source = graph.add_abuffer(
        sample_rate=frame.sample_rate,
        format=frame.format.name,
        layout=frame.layout.name,
        time_base=frame.time_base or base,
    )
    steps = [
        graph.add("asettb", str(base)),
        graph.add("atrim", f"start_pts={round(start / base)}:end_pts={round(end / base)}"),
        graph.add("asetpts", f"PTS-{round(start / base)}"),
        graph.add("abuffersink"),
    ]
    for before, after in zip([source, *steps], steps, strict=False):
        before.link_to(after)
    graph.configure()
    return graph


def _pulled(graph: Graph) -> Iterator[AudioFrame]:
    while True:
        try:
            frame = graph.pull()
        except (BlockingIOError, EOFError):
            return
        assert isinstance(frame, AudioFrame)
        yield frame
