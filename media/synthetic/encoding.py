"""How a world becomes a file: codec, clock, size, container, and what makes real files awkward."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import cycle

from media.synthetic.scene import Seconds


@dataclass(frozen=True)
class CodecDefaults:
    """What a codec is written with unless told otherwise; fast settings, quiet encoders."""

    suffix: str
    pix_fmt: str
    crf: int | None = None
    bits_per_pixel: float | None = None
    options: tuple[tuple[str, str], ...] = ()


CODECS: dict[str, CodecDefaults] = {
    "libx264": CodecDefaults(".mp4", "yuv420p", 23, options=(("preset", "veryfast"),)),
    "libx265": CodecDefaults(
        ".mp4",
        "yuv420p",
        28,
        options=(("preset", "ultrafast"), ("x265-params", "log-level=none:pools=none:frame-threads=1")),
    ),
    "libvpx": CodecDefaults(
        ".webm",
        "yuv420p",
        bits_per_pixel=0.2,
        options=(("deadline", "realtime"), ("cpu-used", "8"), ("auto-alt-ref", "0")),
    ),
    "libvpx-vp9": CodecDefaults(".webm", "yuv420p", 34, options=(("deadline", "realtime"), ("cpu-used", "8"))),
    "libsvtav1": CodecDefaults(".mp4", "yuv420p", 38, options=(("preset", "12"), ("svtav1-params", "lp=1:avif=0"))),
    "mpeg4": CodecDefaults(".mp4", "yuv420p", bits_per_pixel=0.25),
    "mpeg1video": CodecDefaults(".mpg", "yuv420p", bits_per_pixel=0.3),
    "mpeg2video": CodecDefaults(".ts", "yuv420p", bits_per_pixel=0.3),
    "ffv1": CodecDefaults(".mkv", "bgr0"),
    "prores_ks": CodecDefaults(".mov", "yuv422p10le"),
    "mjpeg": CodecDefaults(".mov", "yuvj420p", bits_per_pixel=1.0),
    "gif": CodecDefaults(".gif", "rgb8"),
    "libwebp_anim": CodecDefaults(".webp", "yuv420p"),
}
ROTATIONS = (0, 90, 180, 270)


@dataclass(frozen=True)
class Encoding:
    """Everything about a file that is not the world in it; None takes the codec's default.

    `size`: as coded (width, height). `fps`: ticks a second; `frame_gaps`: ticks from each frame to the next,
    repeated, so (1, 2) drops every third frame of a constant rate and (1,) drops none. `rotation`: degrees
    counter-clockwise that a player turns the coded picture, so that the viewer sees the world upright (PyAV's
    `VideoFrame.rotation`). `sample_aspect`: width / height of a coded pixel. `start_offset_s`: time stamp of the
    first frame, to the nearest tick. `bits_per_second` replaces `crf`. `options`: further encoder options as
    (name, value).
    """

    codec: str = "libx264"
    fps: Fraction | int = 30
    size: tuple[int, int] = (320, 180)
    suffix: str | None = None
    pix_fmt: str | None = None
    gop: int | None = None
    b_frames: int | None = None
    crf: int | None = None
    bits_per_second: int | None = None
    frame_gaps: tuple[int, ...] = (1,)
    rotation: int = 0
    sample_aspect: Fraction = Fraction(1)
    start_offset_s: Seconds = 0
    audio: bool = False
    options: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.codec not in CODECS:
            raise ValueError(f"codec must be one of {', '.join(CODECS)}, got {self.codec!r}. Add it to CODECS.")
        if self.fps <= 0:
            raise ValueError(f"fps must be > 0, got {self.fps}. 30000/1001 is Fraction(30000, 1001).")
        if min(self.size) < 16 or any(side % 2 for side in self.size):
            raise ValueError(f"size must be two even numbers >= 16, got {self.size}. Round it to even.")
        if not self.frame_gaps or min(self.frame_gaps) < 1:
            raise ValueError(f"frame_gaps must be numbers >= 1, got {self.frame_gaps}. (1,) is a constant rate.")
        if self.rotation not in ROTATIONS:
            raise ValueError(f"rotation must be one of {ROTATIONS}, got {self.rotation}. -90 is 270.")
        if self.sample_aspect <= 0:
            raise ValueError(f"sample_aspect must be > 0, got {self.sample_aspect}. Square pixels are 1.")
        if self.start_offset_s < 0:
            raise ValueError(f"start_offset_s must be >= 0, got {self.start_offset_s}.")
        if self.crf is not None and self.bits_per_second is not None:
            raise ValueError(f"give crf or bits_per_second, got {self.crf} and {self.bits_per_second}. Leave one out.")

    @property
    def file_suffix(self) -> str:
        return self.suffix or CODECS[self.codec].suffix

    @property
    def display_size(self) -> tuple[int, int]:
        """Width and height in square pixels as the viewer sees it: stretched by the sample aspect, then turned."""
        width, height = round(self.size[0] * self.sample_aspect), self.size[1]
        return (height, width) if self.rotation % 180 else (width, height)

    def ticks(self, seconds: Fraction) -> list[int]:
        """The frames of a video of `seconds`, each as its time in ticks of 1 / fps."""
        gaps, ticks, tick = cycle(self.frame_gaps), [], 0
        while tick < seconds * self.fps:
            ticks.append(tick)
            tick += next(gaps)
        return ticks

    def tick_after(self, num_frames: int) -> int:
        """The tick of frame number `num_frames`, counted from 0: where a video of so many frames ends."""
        rounds, rest = divmod(num_frames, len(self.frame_gaps))
        return rounds * sum(self.frame_gaps) + sum(self.frame_gaps[:rest])
