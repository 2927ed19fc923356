"""One shot of a made video: a stretch of a take, framed, lit, shaken and compressed in a way of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np

from curate.detectors.cascade.training.draws import one_of
from curate.detectors.cascade.training.events import Event, drawn_events
from curate.detectors.cascade.training.takes import Filmed
from media.synthetic.texture import Image

PALE, DARK = 0.08, 0.06  # shares of the pieces
PUMPED_QUALITY = 40  # worse JPEG than this also changes over time, as between keyframes at a low bit rate


class Shot(Protocol):
    """What a made video shows between two transitions; its clock starts where the transition before it starts."""

    @property
    def events(self) -> tuple[Event, ...]: ...

    def picture(self, at_s: float) -> Image:
        """uint8 [H, W, 3] RGB."""
        ...

    def inner(self) -> list[tuple[float, float]]:
        """(start, end) of the transitions inside, which may lie outside of what is shown; equal for a hard cut."""
        ...


@dataclass(frozen=True)
class Framing:
    """Which part of a take fills width x height pixels. zoom 1: as much as fits; place 0..1: of what is cropped."""

    width: int
    height: int
    zoom: float = 1.0
    place: tuple[float, float] = (0.5, 0.5)
    is_mirrored: bool = False
    shake_px: float = 0.0
    shake_phases: tuple[float, float, float] = (0.0, 0.0, 0.0)
    drift: tuple[float, float, float] = (0.0, 0.0, 0.0)  # pixels a second right and down, growth a second

    def of(self, picture: Image, at_s: float, shift: tuple[float, float]) -> Image:
        """The part as it is seen at `at_s`, moved by `shift` pixels; beyond its border the take is mirrored."""
        rows, columns = picture.shape[:2]
        scale = max(self.width / columns, self.height / rows) * self.zoom
        grown = 1 + self.drift[2] * at_s
        one, two, three = self.shake_phases
        x = shift[0] + self.drift[0] * at_s + self.shake_px * (math.sin(9 * at_s + one) + math.sin(23 * at_s + two))
        y = shift[1] + self.drift[1] * at_s + self.shake_px * math.sin(11 * at_s + three)
        x -= (columns * scale - self.width) * self.place[0] + (grown - 1) * self.width / 2
        y -= (rows * scale - self.height) * self.place[1] + (grown - 1) * self.height / 2
        matrix = np.array([[scale * grown, 0, x], [0, scale * grown, y]], np.float32)
        seen = cv2.warpAffine(picture, matrix, (self.width, self.height), borderMode=cv2.BORDER_REFLECT_101)
        return np.ascontiguousarray(seen[:, ::-1]) if self.is_mirrored else seen


@dataclass(frozen=True)
class Tone:
    """Light and colour: luma is multiplied by `gain`, then `offset` is added."""

    gain: float = 1.0
    offset: float = 0.0
    is_grey: bool = False

    def of(self, picture: Image, light: float) -> Image:
        """The picture, with `light` as a further gain."""
        if self.gain * light != 1 or self.offset:
            curve = np.clip(np.arange(256) * (self.gain * light) + self.offset + 0.5, 0, 255).astype(np.uint8)
            picture = cv2.LUT(picture, curve)
        return cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB) if self.is_grey else picture


@dataclass(frozen=True, eq=False)
class Piece:
    """`seconds` of a take from its `start_s`, `speed` times as fast (0: a still), at this `quality` of JPEG."""

    take: Filmed
    start_s: float
    seconds: float
    speed: float
    framing: Framing
    tone: Tone = Tone()
    quality: int | None = None
    events: tuple[Event, ...] = ()

    def picture(self, at_s: float) -> Image:
        footage = self.take.at(self.start_s + max(0.0, at_s) * self.speed)
        shifts = [event.shift(at_s) for event in self.events]
        shift = sum(x for x, _ in shifts), sum(y for _, y in shifts)
        light = math.prod(event.gain(at_s) for event in self.events)
        seen = self.tone.of(self.framing.of(footage, at_s, shift), light)
        for event in self.events:
            seen = event.over(seen, at_s)
        return compressed(seen, self.quality, at_s)

    def inner(self) -> list[tuple[float, float]]:
        if not self.speed:
            return []
        return [((a - self.start_s) / self.speed, (b - self.start_s) / self.speed) for a, b in self.take.inner]

    def after_jump(self, random: np.random.Generator, seconds: float) -> Piece:
        """A jump cut's other side: the same take and framing, or a closer one, from some seconds later or earlier."""
        jump, need = random.uniform(0.7, 4), seconds * self.speed
        end_s = self.start_s + self.seconds * self.speed
        if end_s + jump + need < self.take.seconds:
            start_s = end_s + jump
        elif self.start_s - jump - need > 0:
            start_s = self.start_s - jump - need
        else:
            start_s = random.uniform(0, max(0.0, self.take.seconds - need))
        closer = random.uniform(1.1, 1.5) if random.random() < 0.3 else 1.0
        framing = replace(self.framing, zoom=self.framing.zoom * closer)
        return replace(self, start_s=start_s, seconds=seconds, framing=framing, events=())


def drawn_piece(
    random: np.random.Generator,
    takes: Sequence[Filmed],
    size: tuple[int, int],
    seconds: float,
    *,
    is_still: bool = False,
    more_events: float = 0.0,
) -> Piece:
    """A piece of `seconds` and `size` (width, height); stills drift, as photographs in films do."""
    take = one_of(random, takes)
    speed = one_of(random, (1.0, 1.0, 1.0, 1.0, random.uniform(0.5, 1), random.uniform(1, 2)))
    speed = min(speed, max(0.3, (take.seconds - 0.1) / seconds))
    start_s = random.uniform(0, max(0.0, take.seconds - seconds * speed))
    return Piece(
        take,
        start_s,
        seconds,
        0.0 if is_still else speed,
        _drawn_framing(random, size, is_still),
        _drawn_tone(random),
        one_of(random, (None, None, 25, 35, 50, 70)),
        drawn_events(random, more_events, takes, size, seconds),
    )


def _drawn_framing(random: np.random.Generator, size: tuple[int, int], is_still: bool) -> Framing:
    drifts = is_still or random.random() < 0.15
    one, two, three = random.uniform(0, 2 * math.pi, 3).tolist()
    return Framing(
        *size,
        zoom=one_of(random, (1.0, 1.0, random.uniform(1, 1.3), random.uniform(1, 2))),
        place=(random.random(), random.random()),
        is_mirrored=random.random() < 0.5,
        shake_px=one_of(random, (0.0, 0.0, 0.0, random.uniform(0, 3))),
        shake_phases=(one, two, three),
        drift=(random.uniform(-10, 10), random.uniform(-6, 6), random.uniform(-0.06, 0.06)) if drifts else (0, 0, 0),
    )


def _drawn_tone(random: np.random.Generator) -> Tone:
    """Most are about as they are; some are pale as in fog, or dark."""
    is_grey, share = random.random() < 0.08, random.random()
    if share < PALE:
        gain = random.uniform(0.2, 0.6)
        return Tone(gain, random.uniform(0.3, 1) * 255 * (1 - gain), is_grey)
    if share < PALE + DARK:
        return Tone(random.uniform(0.08, 0.4), 0.0, is_grey)
    gain = one_of(random, (1.0, 1.0, random.uniform(0.6, 1.3)))
    return Tone(gain, one_of(random, (0.0, 0.0, random.uniform(-20, 20))), is_grey)


def compressed(picture: Image, quality: int | None, at_s: float = 0.0) -> Image:
    """The picture (uint8 [H, W, 3] RGB) after JPEG of this quality; None leaves it as it is."""
    if quality is None:
        return picture
    pumped = quality + (8 * math.sin(7 * at_s) if quality < PUMPED_QUALITY else 0)
    settings = [cv2.IMWRITE_JPEG_QUALITY, int(pumped)]
    _done, packed = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), settings)
    seen = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    assert seen is not None, "a picture just compressed can be read"
    return cv2.cvtColor(seen, cv2.COLOR_BGR2RGB)
