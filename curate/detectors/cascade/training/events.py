"""What happens inside a shot and must not be taken for a transition: flashes, whip pans, light, things in the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from curate.detectors.cascade.training.draws import a_colour, one_of, whole
from curate.detectors.cascade.training.motion import Path, from_nothing, held_up_path, searching_path
from curate.detectors.cascade.training.overlays import Patch, drawn_patch
from curate.detectors.cascade.training.takes import Filmed
from media.synthetic.scene import Flash
from media.synthetic.texture import Colour, Image

BY_CAMERA = ("exposure", "exposure", "focus", "held up", "held up")
KINDS = ("flash", "flash", "whip", "whip", "light", "overlay", "overlay", "occlusion", "explosion", *BY_CAMERA)
LEAST_BLUR = 0.3  # pixels


@dataclass(frozen=True)
class Event:
    """Something from `start_s` of its shot's clock, `seconds` long. A kind of event overrides what it changes."""

    start_s: float
    seconds: float

    def is_on(self, at_s: float) -> bool:
        return self.start_s <= at_s < self.start_s + self.seconds

    def share(self, at_s: float) -> float:
        """How much of it is over, 0..1."""
        return min(max((at_s - self.start_s) / self.seconds, 0.0), 1.0)

    def shift(self, at_s: float) -> tuple[float, float]:
        """By how many pixels the picture moves right and down."""
        return 0.0, 0.0

    def gain(self, at_s: float) -> float:
        """What the light is multiplied by."""
        return 1.0

    def over(self, picture: Image, at_s: float) -> Image:
        """The picture (uint8 [H, W, 3] RGB) with what the event puts in front of it."""
        return picture


@dataclass(frozen=True)
class Burst(Event):
    """A flash, or a few black frames."""

    flash: Flash

    def over(self, picture: Image, at_s: float) -> Image:
        return self.flash.over(picture) if self.is_on(at_s) else picture


@dataclass(frozen=True)
class WhipPan(Event):
    """The camera swings to another place, slowly at both ends, and stays there."""

    right_px: float
    down_px: float

    def shift(self, at_s: float) -> tuple[float, float]:
        share = self.share(at_s)
        eased = share * share * (3 - 2 * share)
        return self.right_px * eased, self.down_px * eased


@dataclass(frozen=True)
class ExposureStep(Event):
    """The light changes and stays changed."""

    factor: float

    def gain(self, at_s: float) -> float:
        return 1 + (self.factor - 1) * self.share(at_s)


@dataclass(frozen=True, eq=False)
class Relit(Event):
    """A camera sets its exposure and its white balance anew, in steps or smoothly: gains [3] on a path."""

    path: Path

    def over(self, picture: Image, at_s: float) -> Image:
        gains = self.path.at(at_s - self.start_s)
        return np.clip(picture * gains.astype(np.float32) + 0.5, 0, 255).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class Refocused(Event):
    """A camera looks for its focus: standard deviations of a blur, in pixels, on a path [1]."""

    path: Path

    def over(self, picture: Image, at_s: float) -> Image:
        blur = float(self.path.at(at_s - self.start_s)[0]) if self.is_on(at_s) else 0.0
        return cv2.GaussianBlur(picture, (0, 0), blur) if blur > LEAST_BLUR else picture


@dataclass(frozen=True, eq=False)
class HeldUp(Event):
    """Something comes before the camera, stays for a while and leaves, and the exposure follows by `dims`."""

    picture: Image
    path: Path
    dims: float

    def over(self, picture: Image, at_s: float) -> Image:
        height, width = picture.shape[:2]
        high, wide = self.picture.shape[:2]
        x, y = (self.path.at(at_s - self.start_s) * (width / 2, height / 2)).tolist()
        left, top = round(width / 2 + x - wide / 2), round(height / 2 + y - high / 2)
        rows, columns = slice(max(0, top), max(0, top + high)), slice(max(0, left), max(0, left + wide))
        shown = self.picture[rows.start - top :, columns.start - left :]
        place = picture[rows, columns]
        if not place.size or not shown.size:
            return picture
        covered = picture.copy()
        covered[rows, columns] = shown[: place.shape[0], : place.shape[1]]
        gain = 1 + (self.dims - 1) * place.size / picture.size
        return np.clip(covered * np.float32(gain) + 0.5, 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Overlaid(Event):
    """A patch that comes and goes, at once or over `fade_s`."""

    patch: Patch
    fade_s: float

    def over(self, picture: Image, at_s: float) -> Image:
        if not self.is_on(at_s):
            return picture
        near = min(at_s - self.start_s, self.start_s + self.seconds - at_s)
        return self.patch.over(picture, min(1.0, near / self.fade_s) if self.fade_s else 1.0)


@dataclass(frozen=True)
class Occlusion(Event):
    """Somebody walks past close to the camera."""

    to_right: bool
    half_width: float  # share of the picture's width
    colour: Colour

    def over(self, picture: Image, at_s: float) -> Image:
        if not self.is_on(at_s):
            return picture
        height, width = picture.shape[:2]
        way = self.share(at_s) * 1.6
        left = int((way - 0.6 if self.to_right else 1 - way) * width)
        centre, axes = (left + int(0.3 * width), int(height * 0.6)), (int(self.half_width * width), int(height * 0.7))
        return cv2.ellipse(picture.copy(), centre, axes, 0, 0, 360, self.colour, -1)


@dataclass(frozen=True)
class Explosion(Event):
    """A glow that grows from a place, in pixels, and pales."""

    place: tuple[int, int]
    colour: Colour

    def over(self, picture: Image, at_s: float) -> Image:
        if not self.is_on(at_s):
            return picture
        height, width = picture.shape[:2]
        share = self.share(at_s)
        radius = max(1, int((0.1 + share) * width * 0.6))
        disc = cv2.circle(np.zeros((height, width), np.float32), self.place, radius, 1.0, -1)
        glow = cv2.GaussianBlur(disc, (0, 0), max(1.0, radius / 4))[..., None] * (1 - 0.7 * share)
        return np.clip(picture * (1 - glow) + np.array(self.colour, np.float32) * glow, 0, 255).astype(np.uint8)


def drawn_events(
    random: np.random.Generator, more: float, takes: Sequence[Filmed], size: tuple[int, int], seconds: float
) -> tuple[Event, ...]:
    """Events for a shot of `seconds` and `size` (width, height): one more with probability `more`, again and again."""
    events = list[Event]()
    while random.random() < more:
        start = random.uniform(0.1, max(0.2, seconds - 0.4))
        kind = one_of(random, KINDS)
        drawn = _drawn_by_camera if kind in BY_CAMERA else _drawn
        events.append(drawn(random, kind, start, takes, size))
    return tuple(events)


def _drawn(
    random: np.random.Generator, kind: str, start: float, takes: Sequence[Filmed], size: tuple[int, int]
) -> Event:
    width, height = size
    match kind:
        case "flash":
            seconds, level = one_of(random, (0.03, 0.045, 0.08, 0.12)), one_of(random, (255, 255, 255, 200, 0))
            flash = Flash(start, seconds, (level, level, level), random.uniform(0.4, 1))
            return Burst(start, seconds, flash)
        case "whip":
            down = random.uniform(-0.5, 0.5) * height * one_of(random, (0, 0, 1))
            return WhipPan(start, random.uniform(0.2, 0.8), random.uniform(-1, 1) * width, down)
        case "light":
            return ExposureStep(start, one_of(random, (0.01, 0.1, 0.4, 1.0)), random.uniform(0.5, 1.7))
        case "overlay":
            patch = drawn_patch(random, takes, width, height)
            return Overlaid(start, random.uniform(0.5, 4), patch, one_of(random, (0.0, 0.0, 0.0, 0.2, 0.5)))
        case "occlusion":
            right, half = one_of(random, (True, False)), random.uniform(0.15, 0.5)
            return Occlusion(start, random.uniform(0.3, 1.2), right, half, a_colour(random, 120))
        case _:
            place = whole(random, 0, width), whole(random, 0, height)
            fire = 255, whole(random, 180, 255), whole(random, 100, 220)
            return Explosion(start, random.uniform(0.15, 0.8), place, fire)


def _drawn_by_camera(
    random: np.random.Generator, kind: str, start: float, takes: Sequence[Filmed], size: tuple[int, int]
) -> Event:
    match kind:
        case "exposure":
            seconds = random.uniform(0.5, 5)
            least, most = one_of(random, (((0.5,), (1.8,)), ((0.7,), (1.3,)), ((0.75,) * 3, (1.3,) * 3)))
            move_s, rest_s = one_of(random, ((0.01, 0.1), (0.1, 0.8))), one_of(random, ((0.1, 0.5), (0.2, 2.0)))
            path = searching_path(random, seconds, least, most, move_s, rest_s)
            return Relit(start, seconds, from_nothing(path, 1.0))
        case "focus":
            seconds = random.uniform(0.3, 2.5)
            path = searching_path(random, seconds, (0.0,), (4.0,), (0.1, 0.8), (0.0, 0.6))
            return Refocused(start, seconds, from_nothing(path, 0.0))
        case _:
            return _held_up(random, start, takes, size)


def _held_up(random: np.random.Generator, start: float, takes: Sequence[Filmed], size: tuple[int, int]) -> HeldUp:
    """A photograph, or a sheet of paper with a little on it."""
    wide, high = (max(8, int(random.uniform(0.3, 1.1) * side)) for side in size)
    take = one_of(random, takes)
    picture = cv2.resize(take.at(random.uniform(0, take.seconds)), (wide, high))
    if random.random() < 0.5:
        pale = random.uniform(0.0, 0.4)
        picture = (255 - (255 - picture.astype(np.float32)) * pale).astype(np.uint8)
    path = held_up_path(random, 2.0)
    return HeldUp(start, float(path.times_s[-1]), picture, path, one_of(random, (1.0, random.uniform(0.4, 1.5))))
