"""A video that was never encoded: shots joined on one timeline, at the times at which a detector would look."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import av
import numpy as np

from curate.detectors.cascade.detector import LOOK_US
from curate.detectors.cascade.training.coding import Coding, drawn_coding
from curate.detectors.cascade.training.draws import one_of, whole
from curate.detectors.cascade.training.events import Burst, drawn_events
from curate.detectors.cascade.training.labels import Edge
from curate.detectors.cascade.training.pieces import Piece, Shot, drawn_piece
from curate.detectors.cascade.training.slides import drawn_slides
from curate.detectors.cascade.training.solids import drawn_solid
from curate.detectors.cascade.training.takes import Filmed
from curate.detectors.cascade.training.transitions import Join, drawn_join
from media.synthetic.texture import Image

SIZES = (*[(256, 144)] * 5, *[(256, 192)] * 2, *[(144, 256)] * 2, (256, 106))
RATES = (24, 25, 30, 30, 60, 29.97, 23.976, 15, 12, 8)
MORE_EVENTS = 0.45
JUMP_SHARE = 0.22  # of the hard cuts between filmed shots
TALKS, SCREENS, STILLS, SOLIDS = 0.07, 0.06, 0.05, 0.05  # shares of the shots


@dataclass(frozen=True)
class Part:
    """A shot from the middle of the transition before it, `seconds` long up to the middle of the next one.

    `lead_s`: the whole length of the transition before it. `is_jump`: the shot before it is of the same take.
    """

    start_s: float
    seconds: float
    shot: Shot
    lead_s: float = 0.0
    is_jump: bool = False

    @property
    def end_s(self) -> float:
        return self.start_s + self.seconds

    @property
    def origin_s(self) -> float:
        """Where the shot's own clock starts."""
        return self.start_s - self.lead_s / 2

    def picture(self, at_s: float) -> Image:
        return self.shot.picture(at_s - self.origin_s)


@dataclass(frozen=True)
class MadeVideo:
    """joins[i] lies between parts[i] and parts[i + 1]; times_us: int64 [N], when it is looked at; `bar`: height in
    pixels of the black bars above and below; `coding`: what it is encoded with."""

    parts: tuple[Part, ...]
    joins: tuple[Join, ...]
    times_us: Image
    bar: int = 0
    coding: Coding | None = None

    def picture(self, at_s: float) -> Image:
        """uint8 [H, W, 3] RGB."""
        number = max(0, bisect_right(self.parts, at_s, key=lambda part: part.start_s) - 1)
        part = self.parts[number]
        if number < len(self.joins) and at_s > part.end_s - self.joins[number].seconds / 2:
            seen = self._joined(number, at_s)
        elif number and at_s < part.start_s + part.lead_s / 2:
            seen = self._joined(number - 1, at_s)
        else:
            seen = part.picture(at_s)
        if self.bar:
            seen = seen.copy()
            seen[: self.bar] = seen[-self.bar :] = 0
        return seen

    def pictures(self) -> Iterator[av.VideoFrame]:
        """One for each of the times, as a decoder gives it."""
        drawn = (av.VideoFrame.from_ndarray(self.picture(at / 1e6), "rgb24") for at in self.times_us.tolist())
        return drawn if self.coding is None else self.coding.of(drawn)

    def edges(self) -> list[Edge]:
        """Every transition: those between the shots, then those that shots hold themselves."""
        edges = list[Edge]()
        for join, part in zip(self.joins, self.parts[1:], strict=True):
            half = join.seconds / 2
            edges.append(Edge(part.start_s - half, part.start_s + half, join.label, part.is_jump))
        for part in self.parts:
            edges += _inner_edges(part)
        return edges

    def flashes(self) -> list[tuple[float, float]]:
        """(start, end) in seconds of every flash that does not begin under a transition."""
        found = list[tuple[float, float]]()
        for part in self.parts:
            starts = [(part.origin_s + event.start_s, event) for event in part.shot.events if isinstance(event, Burst)]
            found += [(at, at + event.seconds) for at, event in starts if part.start_s <= at < part.end_s]
        return found

    def _joined(self, number: int, at_s: float) -> Image:
        before, after, join = self.parts[number], self.parts[number + 1], self.joins[number]
        share = (at_s - after.origin_s) / join.seconds
        return join.mixed(before.picture(at_s), after.picture(at_s), min(max(share, 0.0), 1.0))


def _inner_edges(part: Part) -> list[Edge]:
    """Of a gradual transition most must be shown for the label to be sure."""
    edges = list[Edge]()
    first, last = part.start_s + part.lead_s / 2, part.end_s
    for start, end in part.shot.inner():
        start_s, end_s = part.origin_s + start, part.origin_s + end
        shown = min(end_s, last) - max(start_s, first)
        if start == end:
            if first < start_s < last:
                edges.append(Edge(start_s, start_s, "hard"))
        elif shown > 0:
            is_clear = shown > 0.5 * (end_s - start_s) and shown > 0.2
            # manifests do not say what kind it is; in takes it nearly always is a fade
            edges.append(Edge(max(start_s, first), min(end_s, last), "fade" if is_clear else None))
    return edges


def drawn_video(random: np.random.Generator, takes: Sequence[Filmed], seconds: float) -> MadeVideo:
    """A video of at least `seconds`, every choice drawn."""
    size = one_of(random, SIZES)
    parts, joins = list[Part](), list[Join]()
    while not parts or parts[-1].end_s < seconds:
        join = joins[-1] if joins else Join()
        following = drawn_join(random)
        length = random.uniform(*one_of(random, ((0.8, 3), (2, 6), (3, 12))))
        if following.seconds:
            length = max(length, (join.seconds + following.seconds) / 2 + 0.5)
        need = length + (join.seconds + following.seconds) / 2
        before = parts[-1].shot if parts else None
        shot, is_jump = _drawn_shot(random, takes, size, need, before if join.kind == "hard" else None)
        parts.append(Part(parts[-1].end_s if parts else 0.0, length, shot, join.seconds, is_jump))
        joins.append(following)
    bar = whole(random, 4, max(5, size[1] // 6)) if random.random() < 0.15 else 0
    return MadeVideo(tuple(parts), tuple(joins[:-1]), drawn_times(random, parts[-1].end_s), bar, drawn_coding(random))


def _drawn_shot(
    random: np.random.Generator, takes: Sequence[Filmed], size: tuple[int, int], seconds: float, before: Shot | None
) -> tuple[Shot, bool]:
    """A shot, and whether it goes on with the take of the one before."""
    if isinstance(before, Piece) and before.speed and random.random() < JUMP_SHARE:
        piece = before.after_jump(random, seconds)
        return replace(piece, events=drawn_events(random, MORE_EVENTS, takes, size, seconds)), True
    share = random.random()
    if share < TALKS + SCREENS:
        return drawn_slides(random, takes, size, seconds, is_screen=share >= TALKS), False
    if share > 1 - SOLIDS:
        return drawn_solid(random, *size), False
    is_still = share < TALKS + SCREENS + STILLS
    return drawn_piece(random, takes, size, seconds, is_still=is_still, more_events=MORE_EVENTS), False


def drawn_times(random: np.random.Generator, seconds: float) -> Image:
    """When the video is looked at: int64 [N], microseconds. Some have no steady rate, some skip B frames."""
    rate = one_of(random, RATES)
    times = np.arange(0, seconds, 1 / rate)
    if random.random() < 0.1:
        times = np.sort(times + random.uniform(-0.4, 0.4, len(times)) / rate).clip(0)
    # steps from one frame that is looked at to the next
    steps = one_of(random, ((1,), (1,), (2,), (2, 2, 4), (1, 2, 2, 3, 4)))
    if rate >= 20:
        chosen = np.cumsum([0, *(one_of(random, steps) for _ in range(len(times)))])
        times = times[chosen[chosen < len(times)]]
    looked = list[int]()
    for time_us in np.round(times * 1e6).astype(np.int64).tolist():
        if not looked or time_us - looked[-1] >= LOOK_US:
            looked.append(time_us)
    return np.array(looked, np.int64)
