"""How far stock position ids move logits where they differ from Tarsier2's: `python -m bench.positions FIXTURES`.

FIXTURES holds reference fixtures, as the tests of model/ use them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from model.load import load_model
from model.processors.settings import Tarsier2Settings


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python -m bench.positions FIXTURES")
    for path in sorted(Path(sys.argv[1]).glob("*/cases.json")):
        about = json.loads(path.read_text(encoding="utf-8"))
        if str(about["format"]).startswith("tarsier2-tiny"):
            measure(path.parent, about["cases"])


def measure(folder: Path, cases: list[dict]) -> None:
    """One line a case, and the largest change."""
    model = load_model(folder / "checkpoint", dtype="float32")
    worst = 0.0
    for case in cases:
        settings = Tarsier2Settings.from_original(case["processor_config"])
        rows = [model.processor.prompt(row, root=folder, generation=True, settings=settings) for row in case["samples"]]
        inputs = model.processor.collate(rows)
        if "image_grid_thw" not in inputs:
            continue
        with torch.no_grad():
            ours = model.network(**inputs).logits
            del inputs["position_ids"]
            inputs["mm_token_type_ids"] = (inputs["input_ids"] == model.processor.image_token_id).int()
            stock = model.network(**inputs).logits
        change = float((ours - stock)[inputs["attention_mask"].bool()].abs().max())
        worst = max(worst, change)
        print(f"{case['name']:28}{change:8.3f}")
    print(f"{'largest change of a logit':28}{worst:8.3f}")


if __name__ == "__main__":
    main()
