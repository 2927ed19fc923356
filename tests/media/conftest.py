"""Small videos of flat grey frames: frame n has the level LEVELS[n], so that every frame tells its own number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from media.frame import Frame

FIRST, STEP = 24, 4  # Y of frame 0, and from frame to frame: 50 frames up to 220


def number_of(frame: Frame) -> int:
    """The number painted into a frame: (Y - 24) / 4, Y from full-range luma."""
    level = float(frame.luma.mean()) * 219 / 255 + 16
    number = round((level - FIRST) / STEP)
    assert abs(level - FIRST - STEP * number) < 1.5, f"level {level:.2f} lies between two frames"
    return number


def paint(number: int, size: tuple[int, int], pix_fmt: str) -> av.VideoFrame:
    width, height = size
    picture = av.VideoFrame.from_ndarray(np.full((height * 3 // 2, width), 128, np.uint8), format="yuv420p")
    rows = np.frombuffer(memoryview(picture.planes[0]), np.uint8).reshape(height, -1)
    rows[:, :] = FIRST + STEP * number
    return picture.reformat(format=pix_fmt)


def write_numbered(
    path: Path,
    num_frames: int = 20,
    *,
    codec: str = "libx264",
    rate: Fraction | int = 25,
    time_base: Fraction | None = None,
    pts: Sequence[int] | None = None,
    size: tuple[int, int] = (64, 48),
    pix_fmt: str = "yuv420p",
    sar: Fraction | None = None,
    rotation: int = 0,
    options: dict[str, str] | None = None,
    gop: int | None = None,
    bframes: int = 0,
    audio_hz: int | None = None,
    container_options: dict[str, str] | None = None,
    file_format: str | None = None,
    paint: Callable[[int, tuple[int, int], str], av.VideoFrame] = paint,
) -> Path:
    """rotation: degrees clockwise to show it upright. pts: in time_base (default 1/rate)."""
    quiet = {"libx265": {"x265-params": "log-level=none"}, "libx264": {"preset": "ultrafast"}}.get(codec, {})
    with av.open(path, "w", format=file_format, container_options=container_options or {}) as container:
        stream: Any = container.add_stream(codec, rate=rate, options=quiet | (options or {}))
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        context = stream.codec_context
        base = time_base or 1 / Fraction(rate)
        context.time_base = stream.time_base = base
        if sar:
            context.sample_aspect_ratio = sar
        if gop:
            context.gop_size = gop
        if codec in ("libx264", "mpeg4", "mpeg2video", "mpeg1video"):
            context.max_b_frames = bframes
        if rotation:
            stream.set_display_rotation(-rotation)
        sound: Any = container.add_stream("aac", rate=audio_hz, layout="mono") if audio_hz else None
        for number in range(num_frames):
            picture = paint(number, size, pix_fmt)
            picture.pts = pts[number] if pts else number
            picture.time_base = base
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
        if sound is not None:
            _mux_tone(container, sound, audio_hz or 1, Fraction(num_frames) / Fraction(rate))
    return path


def _mux_tone(container: Any, sound: Any, hz: int, seconds: Fraction) -> None:
    wave = np.sin(np.arange(int(seconds * hz)) * 2 * np.pi * 440 / hz).astype(np.float32)
    for start in range(0, len(wave), 1024):
        piece = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], format="fltp", layout="mono")
        piece.sample_rate, piece.pts, piece.time_base = hz, start, Fraction(1, hz)
        container.mux(sound.encode(piece))
    container.mux(sound.encode(None))


class Numbered:
    """numbered("a.mp4", 20, ...) -> Path, written once a session for the same arguments."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[str, Path] = {}
        self._count = count()
        self._kept: list[dict[str, Any]] = []

    def __call__(self, name: str, num_frames: int = 20, **settings: Any) -> Path:
        key = repr((name, num_frames, sorted(settings.items(), key=str)))
        if key not in self._made:
            folder = self._folder / str(next(self._count))
            folder.mkdir()
            self._kept.append(settings)  # its functions stay alive, so that their names in the key stay theirs
            self._made[key] = write_numbered(folder / name, num_frames, **settings)
        return self._made[key]

    number_of = staticmethod(number_of)
    paint = staticmethod(paint)


@pytest.fixture(scope="session")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Numbered:
    """Makes videos whose frame n is painted with the number n; `numbered.number_of(frame)` reads it back."""
    return Numbered(tmp_path_factory.mktemp("numbered"))
