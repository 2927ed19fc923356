"""From the stored picture to the one that is shown: pixel shape, rotation, working size."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Geometry:
    """How stored pictures become working pictures.

    rotation: degrees clockwise that turn the stored picture upright. width, height: the working picture, upright.
    stored_width, stored_height: the same before it is turned (the small picture is turned, not the large one).
    """

    rotation: int
    width: int
    height: int

    @property
    def stored_width(self) -> int:
        return self.height if self.rotation in (90, 270) else self.width

    @property
    def stored_height(self) -> int:
        return self.width if self.rotation in (90, 270) else self.height


def display_size(width: int, height: int, sar: Fraction | None, rotation: int) -> tuple[int, int]:
    """Width and height as shown: the width is stretched by the sample aspect ratio, then the picture is turned.

    (720, 576, 16/15, 0) gives (768, 576); (1280, 720, 1, 90) gives (720, 1280).
    """
    shown = max(1, _round(width * sar)) if sar else width
    return (height, shown) if rotation in (90, 270) else (shown, height)


@dataclass(frozen=True)
class Sizing:
    """How large pictures are wanted: the longer side at most `max_side` in their own shape, exactly `size`
    (width, height) in any shape, or neither: as they are shown."""

    max_side: int | None = None
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.max_side is not None and self.size is not None:
            raise ValueError(f"give max_side or size, not both, got {self.max_side} and {self.size}")
        if self.max_side is not None and self.max_side < 2:
            raise ValueError(f"max_side must be >= 2, got {self.max_side}. For the full size, pass None.")
        if self.size is not None and min(self.size) < 1:
            raise ValueError(f"size must be (width, height) with sides >= 1, got {self.size}")

    def of(self, display: tuple[int, int]) -> tuple[int, int]:
        """The working size: with max_side never enlarged and even; else odd numbers stay as they are.

        (1920, 1080) with max_side=320 gives (320, 180).
        """
        if self.size is not None:
            return self.size
        if self.max_side is None:
            return display
        scale = min(Fraction(1), Fraction(self.max_side, max(display)))
        width, height = (max(2, 2 * _round(side * scale / 2)) for side in display)
        return min(width, max(2, self.max_side // 2 * 2)), min(height, max(2, self.max_side // 2 * 2))


def clockwise(frame_rotation: float) -> int:
    """FFmpeg's counterclockwise display rotation as 0, 90, 180 or 270 degrees clockwise: -90 gives 90."""
    return round(-frame_rotation / 90) % 4 * 90


def _round(value: Fraction | int) -> int:
    return int(value + Fraction(1, 2))
