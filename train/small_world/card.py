"""What a trained model is: how it was made, how it scored, and the hash of its weights, in a file beside them."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from statistics import fmean
from typing import Any

from train import metrics

CARD = "made.json"


def write_card(run: Path, scores: Path) -> dict[str, Any]:
    """Write RUN/model/made.json from the run's own record and metrics, and a scores.json of `evaluate`; returns it.

    Raises OSError where one of them is not there.
    """
    record = json.loads((run / "run.json").read_text())
    recipe = record["recipe"]
    steps = metrics.read(run)
    scored = json.loads(scores.read_text())
    card = {
        "recipe": recipe["name"],
        "command": "bash runs/story_teacher.sh",
        "steps": recipe["steps"],
        "batch": recipe["batch"],
        "seed": recipe["seed"],
        "minutes": round(sum(step["seconds"] for step in steps) / 60),
        "loss_of_the_last_100_steps": round(fmean(step["loss"] for step in steps[-100:]), 5),
        "sha256": {file.name: _hash(file) for file in sorted((run / "model").glob("*.safetensors"))},
        "scores": {
            "metric": scored["metric"],
            "films": scored["overall"]["success"] + scored["overall"]["failed"],
            "coverage": scored["coverage"],
            **{name: scored["overall"][name] for name in ("precision", "recall", "f1")},
            "interval_95": scored["interval_95"],
        },
    }
    (run / "model" / CARD).write_text(json.dumps(card, indent=2) + "\n")
    return card


def _hash(file: Path) -> str:
    with file.open("rb") as content:
        return sha256(content.read()).hexdigest()
