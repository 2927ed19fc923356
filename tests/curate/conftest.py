"""A folder of small videos, some damaged, and the command as a person types it."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from curate.cli import main
from engine.catalogue import Catalogue
from engine.query import query as ask
from tests.conftest import MadeVideos


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str


def curate(*words: str | Path, cwd: Path | None = None) -> Ran:
    """Run `python -m curate` with these words."""
    command = [sys.executable, "-m", "curate", *map(str, words)]
    env = os.environ | {"COLUMNS": "200"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=env, check=False, timeout=300)
    return Ran(done.returncode, done.stdout, done.stderr)


def rows(catalogue: Path, query: str) -> list[dict[str, Any]]:
    """The rows of a query."""
    return ask(Catalogue.open(catalogue), query).to_arrow_table().to_pylist()


def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str | Path) -> Ran:
    """The same as `curate` in this process, for commands that start no workers."""
    monkeypatch.setattr(sys, "argv", ["curate", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        main()
    captured = capsys.readouterr()
    return Ran(int(end.value.code or 0), captured.out, captured.err)


@pytest.fixture(scope="session")
def raw_videos(make_video: MadeVideos, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two good videos, one of them under two names, and files that are damaged, no videos, or a bomb."""
    folder = tmp_path_factory.mktemp("raw")
    (folder / "holiday").mkdir()
    shutil.copy(make_video(scenes=[("natural:1", 30), ("city:2", 45)], fps=30), folder / "two_shots.mp4")
    shutil.copy(make_video(scenes=[("city:3", 50)], fps=25, codec="libvpx-vp9"), folder / "holiday" / "one_shot.webm")
    shutil.copy(folder / "two_shots.mp4", folder / "zz_the_same_again.mp4")
    whole = (folder / "two_shots.mp4").read_bytes()
    (folder / "cut_off.mp4").write_bytes(whole[: len(whole) // 3])
    (folder / "empty.mp4").touch()
    (folder / "page.mp4").write_text("<html>404</html>", encoding="utf-8")
    screen = struct.pack("<HHBBB", 50_000, 50_000, 0x80, 0, 0) + bytes(3) + b"\xff" * 3
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 50_000, 50_000, 0) + b"\x02\x02\x4c\x01\x00"
    (folder / "bomb.gif").write_bytes(b"GIF89a" + screen + frame + frame + b"\x3b")
    (folder / "notes.txt").write_text("no video", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def made_catalogue(raw_videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The raw videos, curated once; tests only read it."""
    catalogue = tmp_path_factory.mktemp("curated") / "catalogue"
    ran = curate("run", raw_videos, "-c", catalogue, "--recipe", "everything", "--jobs", "2")
    assert ran.code == 0, ran.err
    return catalogue
