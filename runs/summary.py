"""What the tour came to, as OUT/out/summary.md and summary.png: `python runs/summary.py OUT`.

The picture: frames of some held-out films, what the teacher and the student say of them, and which of the true events
each tells.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from media.stream import stream

MODELS = ("teacher", "student", "pruned")  # the last: what the student began as
SHOWN, FRAMES, SIDE, LINE, LETTERS = 4, 8, 112, 17, 180
WIDTH = FRAMES * SIDE
RIGHT, WRONG, INK = (60, 130, 30), (40, 40, 190), (30, 30, 30)  # BGR


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    results = {who: json.loads((out / "scores" / who / "stories" / "scores.json").read_text()) for who in MODELS}
    rows = [
        "| model | F1 | 95 % interval | precision | recall | clips that the judge could read |",
        "|---|---|---|---|---|---|",
    ]
    for who, result in results.items():
        overall, f1 = result["overall"], (result["interval_95"] or {}).get("f1") or {}
        figures = [overall["f1"], f1.get("low"), f1.get("high"), overall["precision"], overall["recall"]]
        shown = ["–" if figure is None else f"{figure:.3f}" for figure in figures]
        interval = f"{shown[1]} to {shown[2]}" if f1.get("low") is not None else "–"
        rows.append(f"| {who} | {shown[0]} | {interval} | {shown[3]} | {shown[4]} | {overall['success']} |")
    picture = np.vstack([of_clip(place, results, out) for place in range(SHOWN)])
    left = out / "out"
    left.mkdir(exist_ok=True)
    cv2.imwrite(str(left / "summary.png"), picture)
    (left / "summary.md").write_text(
        "# What the tour came to\n\nStories of combinations that nobody was shown; the judge is exact.\n\n"
        + "\n".join(rows)
        + "\n\n![Frames of held-out films, what both models say of them, and which events they tell](summary.png)\n\n"
        "Of clips, cuts and what was turned away: [report.html](report.html).\n"
    )
    print("\n".join(rows))
    print(f"{left / 'summary.md'}, {left / 'summary.png'}")


def of_clip(place: int, results: dict[str, dict[str, Any]], out: Path) -> np.ndarray:
    """Frames above, texts below: uint8 [H, WIDTH, 3]."""
    sample = results["teacher"]["samples"][place]
    with stream(sample["video"]) as frames:
        shown = [cv2.resize(frame.bgr, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST) for frame in frames][:FRAMES]
    strip = np.full((SIDE, WIDTH, 3), 255, np.uint8)
    strip[:, : SIDE * len(shown)] = np.hstack(shown)
    lines = [("true: " + sample["reference"], INK)]
    for who in ("teacher", "student"):
        told = next(s for s in results[who]["samples"] if s["idx"] == sample["idx"])
        is_right = told["recall"] == 1 and told["precision"] == 1
        lines.append((f"{who}: {told['prediction']}", RIGHT if is_right else WRONG))
        for event, verdict in zip(told["reference_events"], told["relations_recall"] or (), strict=False):
            mark = "+" if verdict == "entailment" else "-"
            lines.append((f"    {mark} {event}", RIGHT if verdict == "entailment" else WRONG))
    text = np.full((LINE * (len(lines) + 1), WIDTH, 3), 255, np.uint8)
    for number, (line, colour) in enumerate(lines):
        place_ = (4, LINE * (number + 1) - 4)
        cv2.putText(text, line[:LETTERS], place_, cv2.FONT_HERSHEY_SIMPLEX, 0.38, colour, 1, cv2.LINE_AA)
    return np.vstack([strip, text])


if __name__ == "__main__":
    main()
