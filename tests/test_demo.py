"""The tour, small: every command of runs/demo.sh works, and a second tour finds everything done."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPO

pytest.importorskip("torch", reason="the extra `model` is not installed")


def tour(out: Path, port: int) -> str:
    """What the tour prints."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "OUT": str(out), "PORT": str(port),
        "REELS": "2", "STEPS": "4", "HELD_OUT": "4", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    done = subprocess.run(
        ["bash", "runs/demo.sh"], cwd=REPO, env=environment, capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def test_the_whole_loop_runs_and_a_second_time_finds_everything_done(tmp_path: Path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    first = tour(tmp_path / "demo", port)
    assert "hard and" in first and "F1" in first
    scores = json.loads((tmp_path / "demo" / "scores" / "teacher" / "stories" / "scores.json").read_text())
    assert scores["coverage"] == 1.0
    assert (tmp_path / "demo" / "out" / "summary.png").stat().st_size > 1000
    assert (tmp_path / "demo" / "out" / "report.html").stat().st_size > 10_000
    captions = len(list((tmp_path / "demo" / "catalogue" / "captions").glob("part-*")))
    second = tour(tmp_path / "demo", port)
    assert "scan: 0 done" in second
    assert second.count("caption: nothing to do") >= 2
    assert len(list((tmp_path / "demo" / "catalogue" / "captions").glob("part-*"))) == captions
