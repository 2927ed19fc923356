"""Takes made of photographs: a camera that is carried, turns and zooms, things that move before it, light that changes.

They stand for footage of kinds of which no video is at hand; nothing in them is a transition.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np

from curate.detectors.cascade.network import Numbers
from curate.detectors.cascade.training.draws import one_of
from curate.detectors.cascade.training.motion import (
    Path,
    Shake,
    drawn_shake,
    held_up_path,
    passing_path,
    searching_path,
    still_path,
)
from curate.detectors.cascade.training.photographs import Photographs
from media.synthetic.texture import Image

SIZE = (256, 144)
TALL = (144, 256)
SHUTTER_S = 1 / 40
LONGEST_BLUR = 41  # pixels
METERED = (32, 18)
METERED_A_SECOND = 8
AIM = 105.0  # mean luma that an automatic exposure wants


@dataclass(frozen=True, eq=False)
class Thing:
    """A cutout (uint8 [h, w, 4], RGB times alpha, and alpha), `high` times as high as the view, on `path` [2].

    `depth`: how much of the camera's turns it follows; 1: it stands as far away as all else.
    """

    cutout: Image
    high: float
    path: Path
    shake: Shake
    depth: float


@dataclass(frozen=True, eq=False)
class Light:
    """What the camera makes of the light. `exposure`: mean luma at METERED_A_SECOND to the gain at those times.

    `steps`, `colour`: gains that are set, [1] and [3]; `lamps`: uint8 [H, W] of the photograph's size, or None.
    """

    exposure: Callable[[Numbers], Numbers] | None = None
    steps: Path = field(default_factory=lambda: still_path(1.0))
    colour: Path = field(default_factory=lambda: still_path(1.0, 1.0, 1.0))
    flicker: float = 0.0
    lamps: Image | None = None
    noise: float = 0.0


@dataclass(frozen=True, eq=False)
class PhotoTake:
    """`camera`: Path and Shake of [4]: x and y, how far the view's middle lies from the photograph's, in shares of its
    sides less half of the view's; zoom; roll in radians. Beyond its border the photograph is mirrored."""

    photograph: Image
    seconds: float
    size: tuple[int, int]
    camera: tuple[Path, Shake]
    things: tuple[Thing, ...] = ()
    light: Light = field(default_factory=Light)
    focus: Path = field(default_factory=lambda: still_path(0.0))
    inner: tuple[tuple[float, float], ...] = ()

    def at(self, at_s: float) -> Image:
        """uint8 [H, W, 3] RGB."""
        seen = self._scene(at_s, self.size)
        gain = float(self.light.steps.at(at_s)[0]) * (1 + self.light.flicker * math.sin(29 * at_s))
        if self.light.exposure is not None:
            number = at_s * METERED_A_SECOND
            gain *= float(np.interp(number, np.arange(len(self._exposure)), self._exposure))
        seen *= (gain * self.light.colour.at(at_s)).astype(np.float32)
        blur = float(self.focus.at(at_s)[0])
        if blur > 0.3:
            seen = cv2.GaussianBlur(seen, (0, 0), blur)
        if self.light.noise:
            random = np.random.default_rng(int(at_s * 1e4) + 7)
            seen += self.light.noise * random.standard_normal(seen.shape, np.float32)
        return np.clip(seen + 0.5, 0, 255).astype(np.uint8)

    @cached_property
    def _exposure(self) -> Numbers:
        assert self.light.exposure is not None
        times = np.arange(math.ceil(self.seconds * METERED_A_SECOND) + 1) / METERED_A_SECOND
        means = np.array([self._scene(float(at), METERED).mean() * self.light.steps.at(float(at))[0] for at in times])
        return self.light.exposure(means)

    def _scene(self, at_s: float, size: tuple[int, int]) -> Image:
        """float32 [H, W, 3]: what stands before the camera, as it moves, in steady light."""
        seen = self._warped(self.photograph, at_s, size)
        if self.light.lamps is not None:
            glow = self._warped(self.light.lamps, at_s, size)
            seen += glow[..., None] * 2.0 + float(glow.mean()) * 0.6
        for thing in self.things:
            _put(thing, self._camera(at_s), at_s, seen)
        length, angle = self._moved(at_s, size)
        return cv2.filter2D(seen, -1, _line(length, angle)) if length > 1.5 else seen

    def _camera(self, at_s: float) -> Numbers:
        path, shake = self.camera
        return path.at(at_s) + shake.at(at_s)

    def _matrix(self, at_s: float, size: tuple[int, int]) -> Image:
        """From the view's pixels to the photograph's."""
        x, y, zoom, roll = self._camera(at_s).tolist()
        rows, columns = self.photograph.shape[:2]
        scale = min(columns / size[0], rows / size[1]) / zoom
        wide, high = scale * size[0], scale * size[1]
        centre_x, centre_y = columns / 2 + x * (columns - wide / 2), rows / 2 + y * (rows - high / 2)
        c, s = scale * math.cos(roll), scale * math.sin(roll)
        return np.array(
            [
                [c, -s, centre_x - c * size[0] / 2 + s * size[1] / 2],
                [s, c, centre_y - s * size[0] / 2 - c * size[1] / 2],
            ]
        )

    def _warped(self, picture: Image, at_s: float, size: tuple[int, int]) -> Image:
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        matrix = self._matrix(at_s, size)
        return cv2.warpAffine(picture, matrix, size, flags=flags, borderMode=cv2.BORDER_REFLECT_101).astype(np.float32)

    def _moved(self, at_s: float, size: tuple[int, int]) -> tuple[float, float]:
        """By how many pixels, and in which direction, the view moves while the shutter is open."""
        before, after = self._matrix(at_s - SHUTTER_S, size), self._matrix(at_s, size)
        middle = np.array([size[0] / 2, size[1] / 2, 1.0])
        x, y = ((after - before) @ middle / math.hypot(*after[:, 0])).tolist()
        return min(math.hypot(x, y), LONGEST_BLUR), math.atan2(y, x)


def drawn_photo_take(
    random: np.random.Generator, photographs: Photographs, photograph: Image | None = None
) -> PhotoTake:
    """A take of five to fourteen seconds of this photograph or one of those given, all else drawn."""
    seconds = random.uniform(5, 14)
    if photograph is None:
        photograph = one_of(random, photographs.pictures)
    is_dark = random.random() < 0.2
    return PhotoTake(
        photograph,
        seconds,
        one_of(random, (SIZE, SIZE, SIZE, TALL)),
        _drawn_camera(random, seconds),
        tuple(_drawn_thing(random, photographs, seconds) for _ in range(one_of(random, (0, 0, 1, 1, 1, 2, 2, 3)))),
        _drawn_light(random, photograph, seconds, is_dark=is_dark),
        _drawn_focus(random, seconds),
    )


def _drawn_camera(random: np.random.Generator, seconds: float) -> tuple[Path, Shake]:
    zoom = random.uniform(1.1, 3.0)
    hand = one_of(random, (0.0, 0.003, 0.01, random.uniform(0.01, 0.05)))
    shake = drawn_shake(random, (hand, hand, hand, 2 * hand))
    least, most = (-0.45, -0.3, zoom * 0.8, -0.1), (0.45, 0.3, zoom * 1.3, 0.1)
    match one_of(random, ("rests", "pans", "zooms", "looks around", "looks around", "whips")):
        case "rests":
            path = still_path(*random.uniform(least, most))
        case "pans":
            path = Path(np.array([-1.0, seconds + 1]), random.uniform(least, most, (2, 4)))
        case "zooms":
            ends = np.tile(random.uniform(least, most), (2, 1))
            ends[1, 2] *= random.uniform(1.2, 2.2)
            path = Path(np.array([-1.0, seconds + 1]), ends[:: one_of(random, (1, -1))])
        case "looks around":
            path = searching_path(random, seconds, least, most, (0.4, 2.0), (0.1, 2.5))
        case _:
            path = searching_path(random, seconds, least, most, (0.12, 0.6), (0.3, 3.0))
    return path, shake


def _drawn_thing(random: np.random.Generator, photographs: Photographs, seconds: float) -> Thing:
    cutout = _drawn_cutout(random, photographs)
    shake = drawn_shake(random, one_of(random, ((0.0, 0.0), (0.02, 0.02), (0.15, 0.08), (0.4, 0.2))))
    match one_of(random, ("stays", "moves", "passes", "passes close", "is held up", "is held up")):
        case "stays":
            return Thing(cutout, random.uniform(0.3, 0.9), still_path(*random.uniform(-0.8, 0.8, 2)), shake, 1.0)
        case "moves":
            path = searching_path(random, seconds, (-0.9, -0.5), (0.9, 0.6), (0.5, 3), (0, 2))
            return Thing(cutout, random.uniform(0.3, 0.9), path, shake, random.uniform(0.5, 1.5))
        case "passes":
            return Thing(cutout, random.uniform(0.4, 1.0), passing_path(random, seconds), shake, 1.0)
        case "passes close":
            return Thing(cutout, random.uniform(1.0, 2.2), passing_path(random, seconds), shake, random.uniform(0, 1))
        case _:
            return Thing(cutout, random.uniform(0.5, 1.4), held_up_path(random, seconds), shake, 0.0)


def _drawn_cutout(random: np.random.Generator, photographs: Photographs) -> Image:
    """One that comes as such, a sheet of paper, or a piece of a photograph with a soft rim."""
    if photographs.cutouts and random.random() < 0.5:
        return one_of(random, photographs.cutouts)
    wide, high = int(random.uniform(60, 200)), int(random.uniform(60, 160))
    picture = one_of(random, photographs.pictures)
    left, top = int(random.integers(picture.shape[1] - wide)), int(random.integers(picture.shape[0] - high))
    piece = picture[top : top + high, left : left + wide].astype(np.float32)
    if random.random() < 0.35:  # printed on paper, or only paper
        piece = 255 - (255 - piece) * random.uniform(0, 0.5) * random.uniform(0.2, 1)
        piece *= random.uniform(0.7, 1)
        alpha = np.ones((high, wide, 1), np.float32)
    else:
        y, x = np.mgrid[-1 : 1 : high * 1j, -1 : 1 : wide * 1j].astype(np.float32)
        rim = (1 - (np.abs(x) ** one_of(random, (2, 3, 6)) + y**2)) * random.uniform(2, 12)
        alpha = np.clip(rim, 0, 1)[..., None]
    return np.concatenate([piece * alpha, alpha * 255], axis=2).astype(np.uint8)


def _put(thing: Thing, camera: Numbers, at_s: float, seen: Image) -> None:
    """Draws the thing over what is seen, float32 [H, W, 3]."""
    height, width = seen.shape[:2]
    x, y = (thing.path.at(at_s) + thing.shake.at(at_s)).tolist()
    zoom = 1 + (float(camera[2]) - 1) * 0.3 * thing.depth
    x, y = x - 2 * float(camera[0]) * thing.depth, y - 2 * float(camera[1]) * thing.depth
    scale = thing.high * height / thing.cutout.shape[0] * zoom
    place_x = width / 2 * (1 + x) - scale * thing.cutout.shape[1] / 2
    place_y = height / 2 * (1 + y) - scale * thing.cutout.shape[0] / 2
    matrix = np.array([[scale, 0, place_x], [0, scale, place_y]])
    over = cv2.warpAffine(thing.cutout, matrix, (width, height)).astype(np.float32)
    seen *= 1 - over[..., 3:] / 255
    seen += over[..., :3]


def _line(length: float, angle: float) -> Image:
    """A kernel that smears along a line."""
    side = 2 * math.ceil(length / 2) + 1
    kernel = np.zeros((side, side), np.float32)
    middle, reach = side // 2, length / 2
    ends = [(round(middle + way * math.cos(angle)), round(middle + way * math.sin(angle))) for way in (-reach, reach)]
    cv2.line(kernel, ends[0], ends[1], 1.0)
    return kernel / kernel.sum()


def _drawn_light(random: np.random.Generator, photograph: Image, seconds: float, *, is_dark: bool) -> Light:
    gain = random.uniform(0.08, 0.4) if is_dark else one_of(random, (1.0, random.uniform(0.5, 1.4)))
    steps = still_path(gain)
    if random.random() < 0.2:
        steps = searching_path(random, seconds, (gain * 0.5,), (gain * 1.7,), (0.01, 0.6), (0.3, 4))
    colour = still_path(*random.uniform(0.85, 1.15, 3))
    if random.random() < 0.25:
        colour = searching_path(random, seconds, (0.7,) * 3, (1.3,) * 3, (0.02, 1.0), (0.5, 5))
    lamps = _drawn_lamps(random, photograph) if random.random() < (0.6 if is_dark else 0.12) else None
    noise = random.uniform(2, 12) if is_dark or random.random() < 0.25 else 0.0
    flicker = one_of(random, (0.0, 0.0, 0.0, 0.0, random.uniform(0, 0.08)))
    is_metered = random.random() < 0.5
    return Light(drawn_exposure(random, is_dark=is_dark) if is_metered else None, steps, colour, flicker, lamps, noise)


def drawn_exposure(random: np.random.Generator, *, is_dark: bool) -> Callable[[Numbers], Numbers]:
    """An automatic exposure: how strong, how fast, and whether it moves smoothly or in steps, is drawn."""
    strength, lag = random.uniform(0.3, 1.0), one_of(random, (0.0, 0.3, 0.6, 0.85))
    every, waits = one_of(random, (1, 1, 2, 4, 6)), one_of(random, (0, 1, 3, 6))
    most = 1.6 if is_dark else 2.5

    def gains(means: Numbers) -> Numbers:
        wanted = np.clip((AIM / (means + 4)) ** strength, 0.35, most)
        wanted = np.concatenate([np.repeat(wanted[:1], waits), wanted])[: len(wanted)]
        gain, all_gains = float(wanted[0]), list[float]()
        for number, want in enumerate(wanted.tolist()):
            if number % every == 0:
                gain = lag * gain + (1 - lag) * want
            all_gains.append(gain)
        return np.array(all_gains)

    return gains


def _drawn_lamps(random: np.random.Generator, photograph: Image) -> Image:
    rows, columns = photograph.shape[:2]
    lamps = np.zeros((rows, columns), np.float32)
    for _ in range(int(random.integers(1, 5))):
        place = int(random.integers(columns)), int(random.integers(rows))
        spot = cv2.circle(np.zeros_like(lamps), place, int(random.uniform(3, 40)), 255.0, -1)
        lamps += spot + cv2.GaussianBlur(spot, (0, 0), random.uniform(8, 60)) * random.uniform(0.3, 1.5)
    return np.clip(lamps, 0, 255).astype(np.uint8)


def _drawn_focus(random: np.random.Generator, seconds: float) -> Path:
    if random.random() < 0.8:
        return still_path(one_of(random, (0.0, 0.0, 0.0, random.uniform(0.3, 1.5))))
    return searching_path(random, seconds, (0.0,), (5.0,), (0.1, 1.0), (0.1, 3))
