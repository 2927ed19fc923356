"""A run that is killed with SIGKILL again and again, beside one that is not. python -m bench.train_kill

Real processes of `train run` at moments of chance: within steps, within checkpoints. At the end every
loss must be equal to the last bit, every step there once, and the weights the same.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from random import Random

from bench.measure import python, save
from engine.catalogue import Catalogue
from train.build_samples import SampleRule, build_samples
from train.metrics import read
from train.small_world.make import STUDENT, make_tarsier2
from train.small_world.shelf import add_stories

FILMS, BATCH = 48, 8


def main() -> int:
    """Prints what was compared as JSON; returns 1 where anything differs."""
    parser = argparse.ArgumentParser(prog="python -m bench.train_kill", description="Exact resume after kills.")
    parser.add_argument("--kills", type=int, default=10, help="(10)")
    parser.add_argument("--steps", type=int, default=40, help="of the run (40)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (0)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        catalogue = Catalogue.open(folder / "catalogue", create=True)
        add_stories(catalogue, range(FILMS))
        build_samples(catalogue, SampleRule("stories", kinds=("given",)))
        make_tarsier2(folder / "untrained", replace(STUDENT, layers=2))
        subprocess.run(
            _words(folder, "whole", asked.steps), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        kills, starts = _killed(folder, asked)
        whole, killed = read(folder / "whole"), read(folder / "killed")
        result = {
            "steps": asked.steps, "kills": kills, "starts": starts,
            "steps_in_order": [row["step"] for row in killed] == list(range(1, asked.steps + 1)),
            "losses_equal": [row["loss"] for row in killed] == [row["loss"] for row in whole],
            "samples_equal": [row["samples"] for row in killed] == [row["samples"] for row in whole],
            "weights_equal": _hash(folder / "killed") == _hash(folder / "whole"),
        }  # fmt: skip
    save("train_kill", result)
    print(json.dumps(result))
    sound = all(value for name, value in result.items() if name.endswith(("equal", "order")))
    return int(not sound or kills < asked.kills)


def _killed(folder: Path, asked: argparse.Namespace) -> tuple[int, int]:
    """Kills the run at moments of chance behind one more checkpoint; how many kills and starts it was."""
    random = Random(asked.seed)
    kills = starts = 0
    while True:
        starts += 1
        process = subprocess.Popen(
            _words(folder, "killed", asked.steps), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        if kills < asked.kills and _reached(folder / "killed" / "checkpoints", process, random):
            process.kill()
            process.communicate()
            kills += 1
            print(f"kill {kills} after step {len(read(folder / 'killed'))} of the table", file=sys.stderr)
            continue
        _, error = process.communicate()
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, "train run", stderr=error.decode()[-2_000:])
        if (folder / "killed" / "model").is_dir():
            return kills, starts


def _reached(checkpoints: Path, process: subprocess.Popen[bytes], random: Random) -> bool:
    """Waits for one more checkpoint and a moment of chance behind it; False where the run ended before."""
    before = _newest(checkpoints)
    while process.poll() is None:
        if _newest(checkpoints) != before:
            time.sleep(random.uniform(0.0, 0.5))
            return process.poll() is None
        time.sleep(0.01)
    return False


def _newest(checkpoints: Path) -> str:
    return max((path.name for path in checkpoints.glob("step-*")), default="")


def _words(folder: Path, name: str, steps: int) -> list[str]:
    return python(
        "train", "run", "story_student", "-c", folder / "catalogue", "--model", folder / "untrained", "--out",
        folder / name, "--dataset", "stories", "--batch", BATCH, "--steps", steps, "--checkpoint-every", 3, "--resume",
    )  # fmt: skip


def _hash(run: Path) -> str:
    return sha256((run / "model" / "model.safetensors").read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
