"""Fixtures that every test may use: made videos with a known truth, and the folder of real ones."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from media.synthetic import Encoding, Scene, Texture, Truth, World, named_texture, write

os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 reads once a process how much it may print; the first test decides
REPO = Path(__file__).resolve().parent.parent


class MadeVideos:
    """Writes each asked-for video once a session; `truth(path)` says what is true about it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths: dict[Any, Path] = {}
        self._truths: dict[Path, Truth] = {}

    def __call__(
        self,
        scenes: Sequence[tuple[str | Texture | Scene, int]] = (("red", 30), ("blue", 30)),
        fps: Fraction | int = 30,
        codec: str = "libx264",
        size: tuple[int, int] = (160, 120),
        name: str | None = None,
        world: World | None = None,
        **encoding: Any,
    ) -> Path:
        """A video of scenes (texture name, Texture or Scene; number of frames) with hard cuts, or of a `world`.

        Further arguments are `Encoding`'s. `name` is the file's name; its suffix picks the container.
        """
        settings = Encoding(codec=codec, fps=fps, size=size, **encoding)
        made = world or World(tuple(_scene(what, frames, fps) for what, frames in scenes))
        key = (made, settings, name)
        if key not in self._paths:
            folder = self._folder / str(len(self._paths))
            folder.mkdir()
            path = folder / (name or f"video{settings.file_suffix}")
            self._truths[path] = write(made, settings, path)
            self._paths[key] = path
        return self._paths[key]

    def truth(self, path: Path) -> Truth:
        """What is true about a video that this fixture made."""
        return self._truths[path]


def _scene(what: str | Texture | Scene, frames: int, fps: Fraction | int) -> Scene:
    seconds = Fraction(frames) / Fraction(fps)
    if isinstance(what, Scene):
        return replace(what, seconds=seconds)
    return Scene(named_texture(what) if isinstance(what, str) else what, seconds)


@pytest.fixture(scope="session")
def make_video(tmp_path_factory: pytest.TempPathFactory) -> MadeVideos:
    """make_video(scenes=[("red", 30), ("blue", 30)], fps=30, ...) -> Path, cached by its arguments."""
    return MadeVideos(tmp_path_factory.mktemp("made_videos"))


@pytest.fixture(scope="session")
def real_videos() -> Path:
    """The folder of real videos: $LONGTAKE_TEST_DATA/videos, by default ../shared/data/videos."""
    root = Path(os.environ.get("LONGTAKE_TEST_DATA") or REPO.parent / "shared" / "data")
    folder = root / "videos"
    if not folder.is_dir():
        pytest.skip(f"no real videos in {folder}; set LONGTAKE_TEST_DATA to the folder that holds videos/")
    return folder
