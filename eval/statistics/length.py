"""Scores beside the length of what was written: short captions are precise for free, long ones recall for free."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from eval.autodq.samples import Verdict
from eval.autodq.scoring import f1_of
from eval.printed import mean

BINS = ((0.0, 0.5), (0.5, 0.8), (0.8, 1.25), (1.25, 2.0), (2.0, float("inf")))
"""Words of the prediction over words of the reference, [from, to)."""


def length_view(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Mean lengths, scores by length ratio, and what a doubling of the length goes with.

    slope: of a least-squares line over log2(words of the prediction), a clip a point: change of the score a doubling.
    """
    judged = [verdict for verdict in verdicts if verdict.success]
    words = [len((verdict.sample.prediction or "").split()) for verdict in judged]
    wanted = [len(verdict.sample.reference.split()) for verdict in judged]
    ratios = [said / right if right else float("nan") for said, right in zip(words, wanted, strict=True)]
    return {
        "mean_words": mean([float(n) for n in words]),
        "mean_reference_words": mean([float(n) for n in wanted]),
        "recall_per_doubling": _slope(words, [verdict.recall for verdict in judged]),
        "precision_per_doubling": _slope(words, [verdict.precision for verdict in judged]),
        "by_ratio": [_bin(judged, ratios, low, high) for low, high in BINS],
    }


def _bin(verdicts: Sequence[Verdict], ratios: Sequence[float], low: float, high: float) -> dict[str, Any]:
    members = [verdict for verdict, ratio in zip(verdicts, ratios, strict=True) if low <= ratio < high]
    recall = mean([verdict.recall for verdict in members if verdict.recall is not None])
    precision = mean([verdict.precision for verdict in members if verdict.precision is not None])
    return {
        "from": low,
        "to": None if high == float("inf") else high,
        "count": len(members),
        "recall": recall,
        "precision": precision,
        "f1": f1_of(recall, precision),
    }


def _slope(words: Sequence[int], scores: Sequence[float | None]) -> float | None:
    """None for fewer than three clips, or where all are equally long."""
    points = [(np.log2(n), value) for n, value in zip(words, scores, strict=True) if n and value is not None]
    if len(points) < 3:
        return None
    x, y = np.array(points).T
    spread = ((x - x.mean()) ** 2).sum()
    return float(((x - x.mean()) * (y - y.mean())).sum() / spread) if spread > 1e-12 else None
