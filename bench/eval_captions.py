"""python -m bench.eval_captions PYCOCOEVALCAP: CIDEr on 10,000 captions, ours beside pycocoevalcap, on the same tokens.

PYCOCOEVALCAP is the folder that holds the package (pip download, unzip): it is a peer of this bench only. The captions
are made of a vocabulary with the frequencies of natural text (Zipf), five references each: nothing has to be at hand.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

from bench.measure import OUT, machine, median
from eval.metrics.cider import cider

CAPTIONS, REFERENCES, WORDS, LENGTH = 10_000, 5, 8_000, (6, 14)


def made_captions(number: int, seed: int = 0) -> tuple[list[list[str]], list[list[list[str]]]]:
    """(candidates, references): a reference is the candidate with about a third of its words drawn anew."""
    drawn = random.Random(seed)
    vocabulary = [f"w{i}" for i in range(WORDS)]
    weights = [1 / (rank + 1) for rank in range(WORDS)]

    def words(count: int) -> list[str]:
        return drawn.choices(vocabulary, weights, k=count)

    candidates = [words(drawn.randint(*LENGTH)) for _ in range(number)]
    changed = [
        [[word if drawn.random() < 0.67 else words(1)[0] for word in text] for _ in range(REFERENCES)]
        for text in candidates
    ]
    return candidates, changed


def main() -> None:
    """Prints medians, the ratio and the largest difference; writes bench/out/eval_captions.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    sys.path.insert(0, str(asked.peer))
    from pycocoevalcap.cider.cider import Cider  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

    candidates, references = made_captions(CAPTIONS)
    result = {i: [" ".join(text)] for i, text in enumerate(candidates)}
    wanted = {i: [" ".join(text) for text in group] for i, group in enumerate(references)}
    seconds: dict[str, list[float]] = {"longtake": [], "pycocoevalcap": []}
    scores: dict[str, Any] = {}
    for _ in range(asked.runs):
        began = time.perf_counter()
        scores["longtake"] = cider(
            [text.split() for (text,) in result.values()], [[r.split() for r in g] for g in wanted.values()]
        )
        seconds["longtake"].append(time.perf_counter() - began)
        began = time.perf_counter()
        scores["pycocoevalcap"] = Cider().compute_score(wanted, result)[1]
        seconds["pycocoevalcap"].append(time.perf_counter() - began)
    ours, peer = median(seconds["longtake"]), median(seconds["pycocoevalcap"])
    difference = float(abs(scores["longtake"] - scores["pycocoevalcap"]).max())
    print(f"CIDEr of {CAPTIONS:,} captions, {REFERENCES} references each, median of {asked.runs}:")
    print(f"  longtake      {ours:7.2f} s\n  pycocoevalcap {peer:7.2f} s\n  ratio         {peer / ours:7.1f}")
    print(f"  largest difference of a caption's score {difference:.1e}")
    OUT.mkdir(exist_ok=True)
    found = {"machine": machine(), "seconds": seconds, "ratio": peer / ours, "largest_difference": difference}
    (OUT / "eval_captions.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
