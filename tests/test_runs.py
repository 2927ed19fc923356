"""The full-size scripts of runs/, on small true instances: what they type is there and works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from media.synthetic.stories import make_story, write_story
from tests.conftest import REPO

pytest.importorskip("torch", reason="the extra `model` is not installed")

TEACHER = REPO / "assets" / "story_teacher"


def run(script: str, folder: Path, *arguments: str, **settings: str) -> str:
    """What a script prints, run in a folder."""
    environment = os.environ | settings | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(REPO), "DEVICE": "cpu",
    }  # fmt: skip
    done = subprocess.run(
        ["bash", str(REPO / "runs" / script), *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue of six short films, chosen as `stories`."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "films").mkdir()
    for seed in range(6):
        write_story(make_story(seed, max_things=1, max_events=1), folder / "films" / f"{seed}.mp4")
    for command in ("add films", "scan", "select --recipe everything --name stories"):
        typed = [sys.executable, "-m", "curate", *command.split(), "-c", "catalogue"]
        subprocess.run(typed, cwd=folder, env=os.environ | {"PYTHONPATH": str(REPO)}, check=True, capture_output=True)
    return folder


def test_a_dataset_from_its_own_csv(folder: Path) -> None:
    (folder / "asked for.csv").write_text("url,key\nhttp://127.0.0.1:9/a.mp4,a\n")
    printed = run("lvd2m.sh", folder, CSV="asked for.csv", CATALOGUE="it's fetched", DOWNLOAD="--max-attempts 1")
    assert "$ curate download --csv 'asked for.csv' -c \"it's fetched\" --max-height 720" in printed
    assert "forbidden" in printed  # an address that is not public
    assert (folder / "it's fetched-report.html").stat().st_size > 10_000


def test_captions_a_student_and_its_scores(folder: Path) -> None:
    captioned = run("recap.sh", folder, CATALOGUE="catalogue", SELECTION="stories", MODEL=str(TEACHER), GPUS="1")
    assert "6 clips" in captioned
    distilled = run(
        "distil.sh", folder, CATALOGUE="catalogue", STUDENT=str(TEACHER), RECIPE="story_student", GPUS="1",
        SHARING="ddp", WORKERS="0", CACHE_GB="0", TRAIN="--steps 2 --batch 2", EPOCHS="1",
    )  # fmt: skip
    assert "the student is in recap/model" in distilled
    typed = "-m media.synthetic.stories held_out --split held_out --count 2 --things 1 --events 1"
    subprocess.run([sys.executable, *typed.split()], cwd=folder, env=os.environ | {"PYTHONPATH": str(REPO)}, check=True)
    scored = run(
        "dream1k.sh", folder, "recap/model", str(TEACHER), BENCHMARK="stories", ANNOTATIONS="held_out",
        VIDEOS="held_out", JUDGE="rules", CATALOGUE="catalogue",
    )  # fmt: skip
    assert "$ evaluate compare scores/recap/stories scores/story_teacher/stories/" in scored
    assert "$ evaluate leaderboard -c catalogue" in scored


def test_a_teacher_gets_its_card(tmp_path: Path) -> None:
    run("story_teacher.sh", tmp_path, STEPS="3", FILMS="2")
    card = json.loads((tmp_path / "story_teacher" / "run" / "model" / "made.json").read_text())
    assert (card["steps"], card["recipe"], card["scores"]["films"]) == (3, "story_teacher", 2)
    weights = (tmp_path / "story_teacher" / "run" / "model" / "model.safetensors").read_bytes()
    assert card["sha256"] == {"model.safetensors": sha256(weights).hexdigest()}
