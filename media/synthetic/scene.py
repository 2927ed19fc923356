"""A scene: a background seen by a camera, shapes in front of it, overlays, light."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from media.synthetic.camera import Camera, CameraPath
from media.synthetic.shape import Overlay, Shape, screen_to_own
from media.synthetic.texture import COLOURS, Colour, Image, Texture, rgb, sample_texture

Seconds = Fraction | float | int


def exact_seconds(seconds: Seconds) -> Fraction:
    """Seconds as the decimal number that was typed: 0.1 is 1/10, not the nearest binary number."""
    return seconds if isinstance(seconds, Fraction) else Fraction(repr(seconds))


@dataclass(frozen=True)
class Flash:
    """A burst of one colour inside a scene, from `at_s` for `seconds`; no cut. `strength` 0..1 mixes it in."""

    at_s: Seconds
    seconds: Seconds = 0.04
    colour: str | Colour = "white"
    strength: float = 1.0

    def __post_init__(self) -> None:
        if self.seconds <= 0:
            raise ValueError(f"seconds must be > 0, got {self.seconds}. Leave the flash out instead.")
        if not 0 < self.strength <= 1:
            raise ValueError(f"strength must be in (0, 1], got {self.strength}. Leave the flash out instead.")
        if isinstance(self.colour, str) and self.colour not in COLOURS:
            raise ValueError(f"colour must be one of {', '.join(COLOURS)} or (r, g, b), got {self.colour!r}.")

    def is_on(self, seconds: Fraction) -> bool:
        start = exact_seconds(self.at_s)
        return start <= seconds < start + exact_seconds(self.seconds)

    def over(self, frame: Image) -> Image:
        """The frame (uint8 [H, W, 3]) under the flash."""
        burst = np.array(rgb(self.colour), np.float32)
        return (frame + (burst - frame) * self.strength + 0.5).astype(np.uint8)


@dataclass(frozen=True)
class Scene:
    """One take: `seconds` long, times inside it count from its start.

    `start_s` moves the scene's clock: the same scene from a later time is a jump cut's other side.
    `exposure`: (seconds, gain) points, linear between them and constant outside: a ramp or a dimmed light.
    Shapes are painted in order, the last in front; then the light, the overlays, the flashes.
    """

    texture: Texture
    seconds: Seconds
    camera: Camera | CameraPath = field(default_factory=Camera)
    shapes: tuple[Shape, ...] = ()
    overlays: tuple[Overlay, ...] = ()
    flashes: tuple[Flash, ...] = ()
    exposure: tuple[tuple[float, float], ...] = ()
    start_s: Seconds = 0

    def __post_init__(self) -> None:
        if self.seconds <= 0:
            raise ValueError(f"seconds must be > 0, got {self.seconds}. Leave the scene out instead.")
        times = [at for at, _ in self.exposure]
        if times != sorted(times) or any(gain < 0 for _, gain in self.exposure):
            raise ValueError(f"exposure must be (seconds, gain >= 0) in order of time, got {self.exposure}. Sort it.")
        for flash in self.flashes:
            if not 0 <= flash.at_s < self.seconds:
                raise ValueError(
                    f"a flash must start within its scene, 0 <= at_s < {self.seconds}, got at_s={flash.at_s}."
                )

    def frame(self, seconds: Fraction, width: int, height: int) -> Image:
        """The picture at `seconds` after the scene's start: uint8 [height, width, 3] RGB."""
        clock = float(seconds + exact_seconds(self.start_s))
        camera = self.camera.pose(clock)
        to_texture = screen_to_own(camera, width, height)
        frame = sample_texture(self.texture, to_texture, math.hypot(width, height), width, height)
        for shape in self.shapes:
            shape.draw(frame, shape.pose(clock, camera))
        gain = self.gain(float(seconds))
        if gain != 1:
            frame = np.clip(frame * np.float32(gain) + 0.5, 0, 255).astype(np.uint8)
        for overlay in self.overlays:
            if overlay.is_shown(float(seconds)):
                overlay.draw(frame)
        for flash in self.flashes:
            if flash.is_on(seconds):
                frame = flash.over(frame)
        return frame

    def gain(self, seconds: float) -> float:
        """The exposure at `seconds` after the scene's start; 1 without exposure points."""
        if not self.exposure:
            return 1.0
        times, gains = zip(*self.exposure, strict=True)
        return float(np.interp(seconds, times, gains))
