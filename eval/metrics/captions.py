"""Short captions against several references: CIDEr, BLEU, ROUGE-L and, where they can be had, METEOR and SPICE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eval.metrics.bleu import ORDERS, bleu
from eval.metrics.cider import cider
from eval.metrics.external import external_scores
from eval.metrics.rouge import rouge_l
from eval.metrics.tokens import all_caption_tokens
from eval.printed import mean, rounded
from eval.rows import Row

NAMES = {"meteor": "METEOR", "spice": "SPICE"}


@dataclass(frozen=True)
class CaptionScores:
    """corpus: a score for each metric, in [0, 1] but for CIDEr, in [0, 10]; samples: the same of each row, in order."""

    corpus: dict[str, float | None]
    samples: tuple[dict[str, Any], ...]
    success: int
    failed: int


def score_captions(rows: Sequence[Row], also: Sequence[str] = ()) -> CaptionScores:
    """Scores of the rows that have a prediction and a reference; the others are failed rows, in no score.

    also: metrics of pycocoevalcap. An empty text or `<error>` is scored like any other.
    """
    scored = [row for row in rows if row.prediction is not None and row.references]
    candidates = all_caption_tokens(row.prediction or "" for row in scored)
    references = [all_caption_tokens(row.references) for row in scored]
    each: dict[str, Sequence[float]] = {"cider": [float(score) for score in cider(candidates, references)]}
    corpus: dict[str, float | None] = {"cider": mean(each["cider"])}
    if scored:
        blue = bleu(candidates, references)
        each |= {f"BLEU-{n + 1}": [score[n] for score in blue.per_sample] for n in range(ORDERS)}
        corpus |= {f"BLEU-{n + 1}": blue.corpus[n] for n in range(ORDERS)}
        each["ROUGE_L"] = rouge_l(candidates, references)
        corpus["ROUGE_L"] = mean(each["ROUGE_L"])
        for metric in also:
            corpus[NAMES[metric]], each[NAMES[metric]] = external_scores(metric, candidates, references)
    values = {
        row.key: {
            "tokenized_prediction": " ".join(candidate),
            "n_references": len(group),
            **{name: scores[place] for name, scores in each.items()},
        }
        for place, (row, candidate, group) in enumerate(zip(scored, candidates, references, strict=True))
    }
    samples = tuple(
        {
            "idx": row.key,
            "success": row.key in values,
            **values.get(row.key, {}),
            "prediction": row.prediction,
            "reference": "\n".join(row.references),
            "video": row.video,
        }
        for row in rows
    )
    return CaptionScores(corpus, samples, len(scored), len(rows) - len(scored))


def caption_lines(scores: CaptionScores, dataset: str) -> list[str]:
    """What the original prints, to the digit."""
    value = scores.corpus["cider"]
    return [
        f"Dataset: {dataset}\tMetric: CIDEr",
        f"#Successful Results: {scores.success}",
        f"CIDEr score: {rounded(None if value is None else value * 100, 1)}",
    ]
