"""What moves in front of the background: shapes with a motion of their own, and overlays fixed on the screen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import cv2
import numpy as np

from media.synthetic.camera import Pose
from media.synthetic.texture import COLOURS, PIXELS_PER_DIAG, Colour, Image, Texture, rgb, sample_texture


@dataclass(frozen=True)
class Shape:
    """One moving object; lengths in frame diagonals, x to the right, y down, from the frame's centre at the start.

    `size_diag`: full width; the height is `size_diag * flatness`. `velocity_diag_per_s`: (x, y) in what it is
    attached to. `spin_deg_per_s` > 0 turns it clockwise. `attached_to` "world": the camera moves past it; "screen":
    it ignores the camera (as what a tracking shot follows). `bounce_diag`: half width and half height of a box
    around the origin that its centre never leaves.
    """

    texture: Texture
    outline: Literal["ellipse", "rectangle", "polygon"] = "ellipse"
    position_diag: tuple[float, float] = (0.0, 0.0)
    velocity_diag_per_s: tuple[float, float] = (0.0, 0.0)
    size_diag: float = 0.2
    flatness: float = 1.0
    sides: int = 5
    spin_deg_per_s: float = 0.0
    attached_to: Literal["world", "screen"] = "world"
    bounce_diag: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.size_diag <= 0 or self.flatness <= 0:
            got = f"size_diag={self.size_diag}, flatness={self.flatness}"
            raise ValueError(f"a shape's size_diag and flatness must be > 0, got {got}. Leave the shape out instead.")
        if self.sides < 3:
            raise ValueError(f"sides must be >= 3, got {self.sides}. Use outline='ellipse' for a round shape.")
        if self.bounce_diag is not None and min(self.bounce_diag) <= 0:
            raise ValueError(f"bounce_diag must be two lengths > 0, got {self.bounce_diag}. Use None for no walls.")

    def pose(self, seconds: float, camera: Pose) -> Pose:
        """Where the shape lies on the screen: from its own coordinates (centre 0, in diagonals) to the screen's."""
        x, y = (
            _reflected(start + speed * seconds, wall)
            for start, speed, wall in zip(
                self.position_diag, self.velocity_diag_per_s, self.bounce_diag or (None, None), strict=True
            )
        )
        angle = math.radians(self.spin_deg_per_s) * seconds
        own = Pose(complex(math.cos(angle), math.sin(angle)), complex(x, y))
        return own.then(camera) if self.attached_to == "world" else own

    def distance(self, x: Image, y: Image) -> Image:
        """Signed distance to the outline at own coordinates (x, y), in diagonals; negative inside."""
        half_x, half_y = self.size_diag / 2, self.size_diag * self.flatness / 2
        match self.outline:
            case "rectangle":
                return np.maximum(np.abs(x) - half_x, np.abs(y) - half_y)
            case "polygon":
                angles = 2 * np.pi * (np.arange(self.sides) + 0.5) / self.sides
                flat_y = y / self.flatness
                planes = [x * np.cos(t) + flat_y * np.sin(t) for t in angles]
                return np.max(planes, 0) - half_x * math.cos(math.pi / self.sides)
            case "ellipse":
                ring = np.sqrt((x / half_x) ** 2 + (y / half_y) ** 2)
                slope = np.sqrt((x / half_x**2) ** 2 + (y / half_y**2) ** 2)
                return (ring - 1) * ring / np.maximum(slope, 1e-9)

    def draw(self, frame: Image, pose: Pose) -> None:
        """Paints the shape over `frame` (uint8 [H, W, 3]) in place, with a smooth edge one pixel wide."""
        height, width = frame.shape[:2]
        diag = math.hypot(width, height)
        half = math.hypot(1, self.flatness) if self.outline == "rectangle" else max(1, self.flatness)
        reach = self.size_diag / 2 * half * abs(pose.a) * diag + 2
        centre_x, centre_y = width / 2 + pose.b.real * diag, height / 2 + pose.b.imag * diag
        left, right = max(0, int(centre_x - reach)), min(width, int(centre_x + reach) + 1)
        top, bottom = max(0, int(centre_y - reach)), min(height, int(centre_y + reach) + 1)
        if left >= right or top >= bottom:
            return
        matrix = screen_to_own(pose, width, height)
        matrix[:, 2] += matrix[:, 0] * left + matrix[:, 1] * top
        columns, rows = np.arange(right - left) + 0.5, (np.arange(bottom - top) + 0.5)[:, None]
        own_x = (matrix[0, 0] * columns + matrix[0, 1] * rows + matrix[0, 2]).astype(np.float32)
        own_y = (matrix[1, 0] * columns + matrix[1, 1] * rows + matrix[1, 2]).astype(np.float32)
        alpha = np.clip(0.5 - self.distance(own_x, own_y) * (abs(pose.a) * diag), 0, 1)[..., None]
        inside = sample_texture(self.texture, matrix, diag, right - left, bottom - top)
        under = frame[top:bottom, left:right]
        frame[top:bottom, left:right] = (under + (inside.astype(np.float32) - under) * alpha + 0.5).astype(np.uint8)


@dataclass(frozen=True)
class Overlay:
    """Subtitles, a logo or a lower third, fixed on the screen from `start_s` to `end_s` of its scene; never a cut.

    `place_x`, `place_y`: its centre in share of the frame's width and height, 0..1. `size_diag`: letter height.
    """

    text: str
    start_s: float = 0.0
    end_s: float = math.inf
    place_x: float = 0.5
    place_y: float = 0.88
    size_diag: float = 0.03
    colour: str | Colour = "white"
    box: bool = False

    def __post_init__(self) -> None:
        if self.end_s <= self.start_s:
            raise ValueError(
                f"end_s must be > start_s, got start_s={self.start_s}, end_s={self.end_s}. "
                "Swap them or leave end_s out."
            )
        if isinstance(self.colour, str) and self.colour not in COLOURS:
            raise ValueError(f"colour must be one of {', '.join(COLOURS)} or (r, g, b), got {self.colour!r}.")

    def is_shown(self, seconds: float) -> bool:
        return self.start_s <= seconds < self.end_s

    def alpha(self, width: int, height: int) -> Image:
        """How much the overlay covers: float32 [height, width], 0..1."""
        return _patch(self, width, height)[1][..., 0]

    def draw(self, frame: Image) -> None:
        """Paints the overlay over `frame` (uint8 [H, W, 3]) in place."""
        colour, alpha, (top, bottom) = _patch(self, frame.shape[1], frame.shape[0])
        under = frame[top:bottom]
        mixed = under + (colour[top:bottom] - under) * alpha[top:bottom] + 0.5
        frame[top:bottom] = mixed.astype(np.uint8)


@lru_cache(maxsize=32)
def _patch(overlay: Overlay, width: int, height: int) -> tuple[Image, Image, tuple[int, int]]:
    """Colour float32 [H, W, 3], cover float32 [H, W, 1] and the rows that are touched; drawn large, then shrunk."""
    scale = max(1, math.ceil(2 * PIXELS_PER_DIAG / math.hypot(width, height)))
    large_w, large_h = width * scale, height * scale
    diag = math.hypot(large_w, large_h)
    font, weight = cv2.FONT_HERSHEY_DUPLEX, max(1, round(overlay.size_diag * diag / 11))
    font_scale = overlay.size_diag * diag / 22
    (text_w, text_h), _ = cv2.getTextSize(overlay.text, font, font_scale, weight)
    left, base = round(overlay.place_x * large_w - text_w / 2), round(overlay.place_y * large_h + text_h / 2)
    letters = np.zeros((large_h, large_w), np.uint8)
    cv2.putText(letters, overlay.text, (left, base), font, font_scale, 255, weight, cv2.LINE_AA)  # pyright: ignore
    around = cv2.dilate(letters, np.ones((2 * weight + 1, 2 * weight + 1), np.uint8))
    if overlay.box:
        margin = text_h // 2
        corners = (left - margin, base - text_h - margin), (left + text_w + margin, base + margin)
        cv2.rectangle(around, *corners, 200, -1)  # pyright: ignore
    small = (width, height)
    ink = cv2.resize(letters, small, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    cover = np.maximum(cv2.resize(around, small, interpolation=cv2.INTER_AREA).astype(np.float32) / 255, ink)
    colour = ink[..., None] / np.maximum(cover, 1e-6)[..., None] * np.array(rgb(overlay.colour), np.float32)
    rows = np.flatnonzero(cover.any(1))
    span = (int(rows[0]), int(rows[-1]) + 1) if rows.size else (0, 0)
    return np.minimum(colour, 255), cover[..., None], span


def screen_to_own(pose: Pose, width: int, height: int) -> np.ndarray[Any, Any]:
    """The affine map float64 [2, 3] from a frame's pixels to the own coordinates of what lies there by `pose`."""
    inverse = 1 / (pose.a * math.hypot(width, height))
    offset = -(complex(width, height) / 2) * inverse - pose.b / pose.a
    return np.array([[inverse.real, -inverse.imag, offset.real], [inverse.imag, inverse.real, offset.imag]])


def _reflected(value: float, wall: float | None) -> float:
    """`value` folded into [-wall, wall], as a ball between two walls."""
    if wall is None:
        return value
    folded = (value + wall) % (4 * wall)
    return (folded if folded <= 2 * wall else 4 * wall - folded) - wall
