"""Long labelled videos from real takes: decoded one after the other and joined by transitions that we make."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from media.synthetic.encoding import Encoding
from media.synthetic.scene import Flash, Scene, exact_seconds
from media.synthetic.texture import Image, Texture
from media.synthetic.transition import Transition, mix
from media.synthetic.truth import Truth
from media.synthetic.world import World
from media.synthetic.write import truth_of, write_frames


@dataclass(frozen=True)
class Joins:
    """What is joined and how: `seed` draws the order of the takes, their spans, the transitions and the flashes.

    `seconds`: takes are added, and come again, until the whole lasts so long. `take_seconds`: shortest and longest
    piece of a take. `kinds`: drawn from with equal chance. `flash_share`: share of the pieces with a flash.
    """

    seconds: float = 120.0
    seed: int = 0
    take_seconds: tuple[float, float] = (3.0, 12.0)
    kinds: tuple[str, ...] = ("hard", "hard", "dissolve", "fade", "wipe")
    transition_seconds: tuple[float, float] = (0.3, 1.2)
    flash_share: float = 0.2

    def __post_init__(self) -> None:
        if self.take_seconds[0] < self.shortest_take_s:
            raise ValueError(
                f"take_seconds must start at >= {self.shortest_take_s} (two transitions and half a second), "
                f"got {self.take_seconds}. Make the pieces longer or the transitions shorter."
            )
        if not 0 <= self.flash_share <= 1:
            raise ValueError(f"flash_share must be in [0, 1], got {self.flash_share}. Use 0 for no flashes.")

    @property
    def shortest_take_s(self) -> float:
        return 2 * self.transition_seconds[1] + 0.5


@dataclass(frozen=True)
class Piece:
    """A take from `start_s`, the take's time when its scene starts; the transition before shows footage before it."""

    take: Path
    start_s: Fraction


def write_joined(takes: Sequence[Path], joins: Joins, encoding: Encoding, path: Path) -> Truth:
    """Writes a video of `takes` (files without a cut of their own) and says what is true about it.

    Pictures are cropped to fill the frame. The clips' motion and luma are None: nobody knows them. Raises
    ValueError when no take is as long as `joins.shortest_take_s`.
    """
    world, pieces = plan(takes, joins)
    times = [Fraction(tick) / encoding.fps for tick in encoding.ticks(world.seconds)]
    file_times = write_frames(_frames(world, pieces, times, encoding.display_size), encoding, path)
    truth = truth_of(world, encoding, times, file_times)
    return replace(truth, clips=tuple(replace(clip, luma_mean=None, motion=None) for clip in truth.clips))


def plan(takes: Sequence[Path], joins: Joins) -> tuple[World, tuple[Piece, ...]]:
    """The timeline, as a world of grey stand-ins with the right times, and the piece of a take behind each."""
    lengths = {take: length for take in sorted(takes) if (length := take_seconds(take)) >= joins.shortest_take_s}
    if not lengths:
        raise ValueError(
            f"none of {len(takes)} takes lasts {joins.shortest_take_s} s or more. "
            "Give longer takes or shorter transitions."
        )
    random = np.random.default_rng(joins.seed)
    pieces, scenes, transitions = [], [], []
    lead = total = Fraction(0)  # half of the transition before; seconds so far
    for take in _order(random, list(lengths)):
        transition = _drawn_transition(random, joins)
        trail = exact_seconds(transition.seconds) / 2
        footage = min(_milliseconds(random.uniform(*joins.take_seconds)), _milliseconds(lengths[take]))
        start = _milliseconds(random.uniform(0, lengths[take] - float(footage)))
        seconds = footage - lead - trail
        scenes.append(
            Scene(Texture("flat", colour="grey"), seconds, flashes=_flashes(random, joins, lead, seconds - trail))
        )
        pieces.append(Piece(take, start + lead))
        total += seconds
        if total >= joins.seconds:
            break
        transitions.append(transition)
        lead = trail
    return World(tuple(scenes), tuple(transitions)), tuple(pieces)


def take_seconds(take: Path) -> float:
    """How long the file's pictures last, from its packets. Raises av.FFmpegError or ValueError when it has none."""
    with av.open(str(take)) as container:
        stream = container.streams.video[0]
        base = stream.time_base
        packets = [packet for packet in container.demux(stream) if packet.pts is not None]
    if not packets or base is None:
        raise ValueError(f"{take} has no time stamps. Leave it out or remux it.")
    stamps = [packet.pts for packet in packets if packet.pts is not None]
    last = max(packets, key=lambda packet: packet.pts or 0)
    return float((max(stamps) - min(stamps) + (last.duration or 0)) * base)


class TakeReader:
    """Reads one take forwards; asked for a time, it gives the picture then on show, cropped to fill the frame."""

    def __init__(self, take: Path, width: int, height: int) -> None:
        self._container = av.open(str(take))
        self._container.streams.video[0].thread_type = "AUTO"
        self._frames = self._container.decode(video=0)
        self._size = (width, height)
        first = next(self._frames, None)
        if first is None:
            raise ValueError(f"{take} has no picture that decodes. Leave it out.")
        self._frame, self._next = first, first
        self._first_s = self._time(first)
        self._picture: Image | None = None

    def picture(self, seconds: float) -> Image:
        """The picture at `seconds` from the take's first frame: uint8 [H, W, 3] RGB; times must not go back."""
        while self._next is not None and self._time(self._next) - self._first_s <= seconds + 1e-6:
            self._frame, self._picture = self._next, None
            self._next = next(self._frames, None)
        if self._picture is None:
            self._picture = _fill(self._frame, *self._size)
        return self._picture

    def close(self) -> None:
        self._container.close()

    @staticmethod
    def _time(frame: av.VideoFrame) -> float:
        if frame.time is None:
            raise ValueError("a frame of a take has no time stamp. Leave that take out or remux it.")
        return frame.time


def _frames(world: World, pieces: Sequence[Piece], times: Sequence[Fraction], size: tuple[int, int]) -> Iterator[Image]:
    readers: dict[int, TakeReader] = {}

    def picture(index: int, at: Fraction) -> Image:
        if index not in readers:
            readers[index] = TakeReader(pieces[index].take, *size)
        local = at - world.starts[index]
        seen = readers[index].picture(float(local + pieces[index].start_s))
        for flash in world.scenes[index].flashes:
            seen = flash.over(seen) if flash.is_on(local) else seen
        return seen

    for at in times:
        index, share = world.shown(at)
        for done in [number for number in readers if number < index]:
            readers.pop(done).close()
        now = picture(index, at)
        yield mix(world.transitions[index], now, picture(index + 1, at), share) if share else now
    for reader in readers.values():
        reader.close()


def _order(random: np.random.Generator, takes: list[Path]) -> Iterator[Path]:
    """The takes in drawn order again and again, never the same twice in a row unless there is but one."""
    last = None
    while True:
        round_ = [takes[index] for index in random.permutation(len(takes))]
        if round_[0] == last:
            round_.append(round_.pop(0))
        yield from round_
        last = round_[-1]


def _drawn_transition(random: np.random.Generator, joins: Joins) -> Transition:
    kind: Any = joins.kinds[random.integers(len(joins.kinds))]
    seconds = _milliseconds(random.uniform(*joins.transition_seconds))
    colour = ("black", "black", "white", "blue", "grey")[random.integers(5)]
    direction = ("left", "right", "up", "down")[random.integers(4)]
    return Transition(kind, seconds if kind != "hard" else 0, colour, direction)


def _flashes(random: np.random.Generator, joins: Joins, start: Fraction, end: Fraction) -> tuple[Flash, ...]:
    """Perhaps one flash of one to three frames, away from the transitions."""
    wanted, at, frames = (
        random.random(),
        random.uniform(float(start) + 0.15, float(end) - 0.3),
        random.integers(1, 4),
    )
    return (Flash(_milliseconds(at), Fraction(int(frames) * 4, 100)),) if wanted < joins.flash_share else ()


def _milliseconds(seconds: float) -> Fraction:
    return Fraction(int(seconds * 1000), 1000)


def _fill(frame: av.VideoFrame, width: int, height: int) -> Image:
    """The frame upright, scaled to cover width x height and cropped to its middle: uint8 [height, width, 3] RGB."""
    turns = frame.rotation // 90
    if turns % 2:
        width, height = height, width
    scale = max(width / frame.width, height / frame.height)
    size = max(width, round(frame.width * scale)), max(height, round(frame.height * scale))
    large = frame.reformat(*size, format="rgb24", interpolation="AREA").to_ndarray()
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return np.ascontiguousarray(np.rot90(large[top : top + height, left : left + width], turns))
