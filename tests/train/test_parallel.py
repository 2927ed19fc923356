"""Two processes learn what one learns."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.catalogue import Catalogue
from model.load import load_model
from tests.conftest import REPO
from train.metrics import read
from train.recipes import story_teacher
from train.run import RunOptions, train
from train.settings import Part, Recipe

PROGRAM = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from engine.catalogue import Catalogue
from tests.train.test_parallel import uneven
from train.run import RunOptions, train
catalogue, model, out, sharing = sys.argv[1:]
train(Catalogue.open(catalogue), uneven(), RunOptions(Path(model), Path(out), sharing=sharing), lambda _: None)
"""


def uneven() -> Recipe:
    """Five samples a step: one process has three of them, the other two; packs of one or two samples."""
    return replace(
        story_teacher(), mixture=(Part("stories"),), batch=5, steps=4, pack_tokens=160, checkpoint_every=2, ema=0.9,
        optimiser=replace(story_teacher().optimiser, warmup_steps=1),
    )  # fmt: skip


@pytest.mark.parametrize("sharing", ["ddp", "fsdp"])
def test_two_processes_learn_what_one_learns(
    shelf: Catalogue, checkpoints: dict[str, Path], tmp_path: Path, sharing: str
) -> None:
    model = checkpoints["tarsier2"]
    train(shelf, uneven(), RunOptions(model, tmp_path / "one"), lambda _: None)
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(program)]
    done = subprocess.run(
        [*launch, shelf.url, str(model), str(tmp_path / "two"), sharing],
        capture_output=True, text=True, cwd=REPO, timeout=300, check=False, env=_environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    one, two = read(tmp_path / "one"), read(tmp_path / "two")
    assert [row["loss"] for row in two] == pytest.approx([row["loss"] for row in one], abs=1e-5)
    assert [row["grad_norm"] for row in two] == pytest.approx([row["grad_norm"] for row in one], rel=1e-4)
    assert [row["samples"] for row in two] == [5, 5, 5, 5]
    theirs = dict(load_model(tmp_path / "two" / "model").network.named_parameters())
    for name, weight in load_model(tmp_path / "one" / "model").network.named_parameters():
        torch.testing.assert_close(weight, theirs[name], atol=2e-4, rtol=1e-3, msg=name)


def _environment() -> dict[str, str]:
    import os  # noqa: PLC0415

    return {**os.environ, "PYTHONPATH": str(REPO), "OMP_NUM_THREADS": "1"}
