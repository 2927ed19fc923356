"""Procedural pictures to film: seeded, richly textured, larger than the frame, sampled at any scale."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import cv2
import numpy as np

Image = np.ndarray[Any, Any]
Colour = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "red": (220, 30, 30),
    "green": (30, 170, 50),
    "blue": (30, 50, 220),
    "yellow": (230, 210, 40),
    "cyan": (40, 200, 210),
    "magenta": (200, 40, 190),
    "orange": (240, 130, 30),
}
KINDS = ("natural", "city", "flat", "gradient", "page", "checker", "tiles")
PIXELS_PER_DIAG = 1024
PERIOD_DIAG = 2.0
TILE_DIAG = 0.5**2.5  # a quarter of the side of a square frame
_SIDE = int(PIXELS_PER_DIAG * PERIOD_DIAG)


@dataclass(frozen=True)
class Texture:
    """One picture of 2 x 2 frame diagonals, mirrored at its borders without end, so that a pan never leaves it.

    `kind`: "natural" (noise in many octaves and lit blobs), "city" (straight edges, windows), "flat" (one colour),
    "gradient", "page" (slide with lines of text), "checker", "tiles" (a floor of large tiles, no two neighbours of
    one shade). `colour` names or gives the base colour (RGB 0..255); None lets the seed choose. `contrast` 0..1 pulls
    the picture towards its mean. A flat texture is one colour: motion over it has a truth but cannot be seen.
    """

    kind: Literal["natural", "city", "flat", "gradient", "page", "checker", "tiles"] = "natural"
    seed: int = 0
    colour: str | Colour | None = None
    contrast: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {self.kind!r}. Pick one of them.")
        if not 0 <= self.contrast <= 1:
            raise ValueError(f"contrast must be in [0, 1], got {self.contrast}. Use 1 for the picture as it is.")
        if isinstance(self.colour, str) and self.colour not in COLOURS:
            raise ValueError(
                f"colour must be one of {', '.join(COLOURS)} or (r, g, b), got {self.colour!r}. Give the numbers."
            )


def named_texture(name: str) -> Texture:
    """The texture of a colour's name ("red") or of a kind with an optional seed ("natural", "city:7").

    Raises ValueError for any other name.
    """
    if name in COLOURS:
        return Texture("flat", colour=name)
    kind, _, seed = name.partition(":")
    if kind not in KINDS or (seed and not seed.isdecimal()):
        raise ValueError(
            f"texture must be a colour ({', '.join(COLOURS)}) or a kind with an optional seed ({', '.join(KINDS)}, "
            f'as in "natural:3"), got {name!r}. For more control give a Texture.'
        )
    return Texture(kind, seed=int(seed or 0))  # pyright: ignore[reportArgumentType]


def rgb(colour: str | Colour) -> Colour:
    """The colour as RGB 0..255, by name or as given."""
    return COLOURS[colour] if isinstance(colour, str) else colour


def sample_texture(texture: Texture, to_texture: Image, frame_diag: float, width: int, height: int) -> Image:
    """The texture seen through an affine map: uint8 [height, width, 3] RGB, a frame or a part of one.

    `to_texture`: float64 [2, 3], from output pixel coordinates (x, y; a pixel's centre lies at +0.5) to texture
    coordinates in diagonals. `frame_diag`: the whole frame's diagonal in pixels. Away from the frame's own scale two
    levels are blended (trilinear), so that zooms neither alias nor jump.
    """
    if texture.kind == "flat" and texture.colour is not None:  # needs no place among the kept pictures
        return np.full((height, width, 3), rgb(texture.colour), np.uint8)
    levels = _levels(texture, _finest(frame_diag))
    if len(levels) == 1:
        return np.full((height, width, 3), levels[0][0, 0], np.uint8)
    shrink = float(np.sqrt(abs(np.linalg.det(to_texture[:, :2])))) * levels[0].shape[0] / PERIOD_DIAG
    level = min(max(float(np.log2(max(shrink, 1e-9))), 0.0), len(levels) - 1.0)
    low = int(level + 0.05)
    fine = _warp(levels[low], to_texture, width, height)
    if level - low < 0.05:
        return fine
    coarse = _warp(levels[low + 1], to_texture, width, height)
    return cv2.addWeighted(fine, 1 - (level - low), coarse, level - low, 0)


def _finest(frame_diag: float) -> int:
    """Pixels a diagonal of the finest level: the frame's own scale times a power of two, so that an unzoomed frame
    takes one level as it is; rounded, so that frames of half the size share the levels."""
    octaves = np.floor(np.log2(1.1 * PIXELS_PER_DIAG / frame_diag))
    return max(32, round(frame_diag * 2**octaves / 32) * 32)


def _levels(texture: Texture, pixels_per_diag: int) -> list[Image]:
    """The picture at `pixels_per_diag`, a half, a quarter, … of it: uint8 [S, S, 3] RGB each; one if it is flat."""
    return [_picture(texture)] if texture.kind == "flat" else _pyramid(texture, pixels_per_diag)


@lru_cache(maxsize=14)
def _pyramid(texture: Texture, pixels_per_diag: int) -> list[Image]:
    side = round(pixels_per_diag * PERIOD_DIAG)
    whole = _with_contrast(_picture(texture), texture.contrast)
    shrink = cv2.INTER_AREA if side < _SIDE else cv2.INTER_LINEAR
    levels = [cv2.resize(whole, (side, side), interpolation=shrink)]
    while levels[-1].shape[0] > 64:
        side = levels[-1].shape[0] // 2
        levels.append(cv2.resize(levels[-1], (side, side), interpolation=cv2.INTER_AREA))
    return levels


def _warp(level: Image, to_texture: Image, width: int, height: int) -> Image:
    matrix = to_texture * (level.shape[0] / PERIOD_DIAG)
    # +0.5: from pixel index to its centre; the texture's origin is the picture's middle; -0.5: back to an index
    matrix[:, 2] += matrix[:, 0] * 0.5 + matrix[:, 1] * 0.5 + level.shape[0] / 2 - 0.5
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(level, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)


def _with_contrast(picture: Image, contrast: float) -> Image:
    if contrast == 1:
        return picture
    means = cv2.mean(picture)[:3]
    curves = [np.round(mean + (np.arange(256) - mean) * contrast).astype(np.uint8) for mean in means]
    return cv2.LUT(picture, np.stack(curves, -1)[None])


def _picture(texture: Texture) -> Image:
    random = np.random.default_rng([texture.seed, KINDS.index(texture.kind)])
    base = rgb(texture.colour) if texture.colour is not None else _seeded_colour(random, muted=True)
    if texture.kind == "page":
        return _page(random, base if texture.colour is not None else (244, 242, 236))
    draw = {
        "flat": _flat, "gradient": _gradient, "checker": _checker, "tiles": _tiles, "city": _city, "natural": _natural,
    }  # fmt: skip
    return draw[texture.kind](random, base)


def _flat(random: np.random.Generator, base: Colour) -> Image:
    return np.full((64, 64, 3), base, np.uint8)


def _seeded_colour(random: np.random.Generator, muted: bool = False) -> Colour:
    saturation = random.uniform(20, 90) if muted else random.uniform(50, 160)
    hue, value = random.uniform(0, 180), random.uniform(110, 200)
    pixel = np.array([[[hue, saturation, value]]], np.uint8)
    red, green, blue = cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0].tolist()
    return red, green, blue


def _noise(random: np.random.Generator, cells: int, octaves: int, side: int, persistence: float = 0.6) -> Image:
    """Value noise, float32 [side, side], about 0 mean and 1 deviation."""
    total = np.zeros((side, side), np.float32)
    for octave in range(octaves):
        grid = random.standard_normal((cells << octave, cells << octave)).astype(np.float32)
        total += persistence**octave * cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC)
    return (total - total.mean()) / total.std()


def _natural(random: np.random.Generator, base: Colour) -> Image:
    """Ground of noise in two colours, blobs lit from one side with sharp edges, fine grain."""
    half = _SIDE // 2
    mix = 1 / (1 + np.exp(-1.3 * _noise(random, 4, 6, half)))
    light = 1 + 0.22 * _noise(random, 24, 5, half, 0.75)
    other = _seeded_colour(random, muted=True)
    ground = cv2.merge([(b + mix * (a - b)) * light for a, b in zip(base, other, strict=True)])
    picture = cv2.resize(np.clip(ground, 0, 255).astype(np.uint8), (_SIDE, _SIDE), interpolation=cv2.INTER_LINEAR)
    for size in np.geomspace(0.22, 0.012, 150):
        _blob(random, picture, size)
    return _grainy(random, picture)


def _grainy(random: np.random.Generator, picture: Image) -> Image:
    grain = random.normal(0, 5, (512, 512)).astype(np.int16)
    grain = np.tile(cv2.resize(grain, (1024, 1024), interpolation=cv2.INTER_LINEAR), (_SIDE // 1024,) * 2)
    return cv2.add(picture, cv2.merge([grain] * 3), dtype=cv2.CV_8U)


def _blob(random: np.random.Generator, picture: Image, size_diag: float) -> None:
    """Draws one lumpy blob with shade and a highlight at a random place, in place."""
    radius = size_diag * PIXELS_PER_DIAG / 2 * random.uniform(0.7, 1.3)
    centre = random.uniform(0, _SIDE, 2)
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    waves = [random.uniform(0, 0.3 / k) * np.cos(k * angles + random.uniform(0, 7)) for k in (2, 3, 5)]
    ring = np.stack([np.cos(angles), np.sin(angles) * random.uniform(0.5, 1)], 1) * (1 + np.sum(waves, 0))[:, None]
    colour = np.array(_seeded_colour(random), float) * random.uniform(0.5, 1.25)
    for shrink, gain in ((1.0, 0.55), (0.93, 1.0), (0.55, 1.18)):
        shift = (1 - shrink) * radius * np.array([-0.4, -0.5])
        points = np.round((centre + shift + ring * radius * shrink) * 16).astype(np.int32)
        cv2.fillPoly(picture, [points], np.clip(colour * gain, 0, 255).tolist(), cv2.LINE_AA, 4)


def _city(random: np.random.Generator, base: Colour) -> Image:
    """House fronts with rows of windows, in several depths."""
    shade = _noise(random, 8, 5, _SIDE // 2)
    tint = np.clip(np.array(base, np.float32) * (1 + 0.15 * shade[..., None]), 0, 255).astype(np.uint8)
    picture = cv2.resize(tint, (_SIDE, _SIDE), interpolation=cv2.INTER_LINEAR)
    for _ in range(90):
        left, top = random.integers(-100, _SIDE, 2).tolist()
        width, height = random.integers(90, 330), random.integers(120, 420)
        wall = np.array(_seeded_colour(random)) * random.uniform(0.5, 1.2)
        cv2.rectangle(picture, (left, top), (left + width, top + height), np.clip(wall, 0, 255).tolist(), -1)
        pane = np.clip(wall * random.choice([0.45, 1.5]), 0, 255).tolist()
        step = int(random.integers(18, 44))
        for y in range(top + step // 2, top + height - step // 2, step):
            for x in range(left + step // 2, left + width - step // 2, step):
                cv2.rectangle(picture, (x, y), (x + step // 2, y + int(step * 0.6)), pane, -1)
    return _grainy(random, picture)


def _gradient(random: np.random.Generator, base: Colour) -> Image:
    angle = random.uniform(0, 2 * np.pi)
    axis = np.linspace(-1, 1, 256, dtype=np.float32)
    ramp = (np.cos(angle) * axis[None] + np.sin(angle) * axis[:, None] + 1.42) / 2.84
    other = np.array(_seeded_colour(random), np.float32)
    small = ramp[..., None] * np.array(base, np.float32) + (1 - ramp[..., None]) * other
    large = cv2.resize(small, (_SIDE, _SIDE), interpolation=cv2.INTER_LINEAR)
    return (large + random.random((_SIDE, _SIDE, 1), np.float32)).astype(np.uint8)  # dithered: no bands


def _checker(random: np.random.Generator, base: Colour) -> Image:
    index = np.arange(_SIDE) // 64
    odd = ((index[None] + index[:, None]) % 2).astype(np.float32)[..., None]
    return (np.array(base, np.float32) * (1 - 0.7 * odd)).astype(np.uint8)


def _tiles(random: np.random.Generator, base: Colour) -> Image:
    """Tiles that meet in the picture's middle: dark and light ones in turns, each of a shade of its own."""
    index = np.floor((np.arange(_SIDE) - _SIDE / 2) / (TILE_DIAG * PIXELS_PER_DIAG)).astype(int)
    index -= index[0]
    odd = (index[None] + index[:, None]) % 2
    shade = random.uniform(-0.2, 0.15, (index[-1] + 1, index[-1] + 1))[index[:, None], index[None]]
    return (np.array(base, np.float64) * (0.85 - 0.45 * odd + shade)[..., None]).astype(np.uint8)


def _page(random: np.random.Generator, paper: Colour) -> Image:
    """A slide in the middle frame (title, lines of words, a chart), the same paper around it."""
    picture = np.full((_SIDE, _SIDE, 3), paper, np.uint8)
    left, top, middle = int(_SIDE / 2 - 400), int(_SIDE / 2 - 215), _SIDE // 2
    ink = (40, 44, 60)
    accent = _seeded_colour(random)
    cv2.rectangle(picture, (left, top + 62), (left + 800, top + 66), accent, -1)
    _write(picture, _words(random, 3), (left, top + 45), 1.7, ink)
    for line in range(6):
        y = top + 130 + 58 * line
        cv2.circle(picture, (left + 10, y - 9), 7, accent, -1, cv2.LINE_AA)
        _write(picture, _words(random, int(random.integers(3, 5))), (left + 32, y), 0.85, ink)
    for bar in range(5):
        x = middle + 170 + 46 * bar
        height = int(random.uniform(60, 260))
        cv2.rectangle(picture, (x, top + 400 - height), (x + 32, top + 400), accent, -1)
    return picture


def _words(random: np.random.Generator, count: int) -> str:
    letters = np.array(list("aeionrstlcdmpu"))
    words = ["".join(random.choice(letters, int(random.integers(3, 9)))) for _ in range(count)]
    return " ".join(words).capitalize()


def _write(picture: Image, text: str, at: tuple[int, int], scale: float, ink: Colour) -> None:
    weight = round(scale * 2.3)
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, ink, weight, cv2.LINE_AA)
