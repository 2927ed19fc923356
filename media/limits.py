"""How large a video may be before it is refused unread."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What a header may claim and a decoder may make. None means off.

    max_pixels: width x height of one stored picture; the default admits 16K (15360 x 8640).
    max_frames: frames in one video; the default is 92 hours at 30 fps.
    max_seconds: length of one video; the default is 96 hours.
    Memory and time of the process itself are bounded by the worker pool, not here.
    """

    max_pixels: int | None = 16_384 * 8_640
    max_frames: int | None = 10_000_000
    max_seconds: int | None = 96 * 3600

    def __post_init__(self) -> None:
        for name in ("max_pixels", "max_frames", "max_seconds"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name} must be > 0, got {value}. To switch it off, pass None.")


DEFAULT_LIMITS = Limits()
