"""How well captions tell stories: exact events against the truth, with intervals over films."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.catalogue import Catalogue
from engine.views import quoted
from media.synthetic.stories import Event, GrammarError, entailment, parse_caption

RESAMPLES = 1_000


@dataclass(frozen=True)
class Told:
    """Counts of one film. said: events of the caption; true: of the film. right: said that are true. found: true that
    are said. in_grammar: whether the caption could be read at all; one that cannot says nothing right."""

    said: int
    right: int
    true: int
    found: int
    in_grammar: bool


@dataclass(frozen=True)
class StoryScore:
    """Micro averages over films, and the 95 % interval of F1 by resampling films."""

    films: int
    in_grammar: float
    precision: float
    recall: float
    f1: float
    f1_low: float
    f1_high: float


def told(caption: str, truth: str) -> Told:
    """Compares a caption with the true one. Raises GrammarError if the truth is outside the grammar."""
    true = parse_caption(truth).events
    try:
        said: tuple[Event, ...] = parse_caption(caption).events
    except GrammarError:
        return Told(0, 0, len(true), 0, in_grammar=False)
    right = sum(entailment(true, event) == "entailment" for event in said)
    found = sum(entailment(said, event) == "entailment" for event in true)
    return Told(len(said), right, len(true), found, in_grammar=True)


def score_of(films: Sequence[Told], seed: int = 0) -> StoryScore:
    """The score of many films. Raises ValueError for none."""
    if not films:
        raise ValueError("there is no film to score.")
    counts = np.array([[one.said, one.right, one.true, one.found] for one in films], float)
    picks = np.random.default_rng(seed).integers(0, len(films), (RESAMPLES, len(films)))
    low, high = np.percentile([_f1(counts[pick].sum(axis=0))[2] for pick in picks], [2.5, 97.5])
    precision, recall, f1 = _f1(counts.sum(axis=0))
    readable = sum(one.in_grammar for one in films) / len(films)
    return StoryScore(len(films), readable, precision, recall, f1, float(low), float(high))


def scored_captions(catalogue: Catalogue, where: str) -> list[dict[str, Any]]:
    """caption_id, recall and precision of captions that meet `where`, against the true caption of their clip.

    An empty list of said events has precision 0: a caption that says nothing is not right. Rows as `train pairs
    --scores` takes them.
    """
    rows = []
    for caption_id, text, truth in _with_truth(catalogue, where):
        one = told(text, truth)
        rows.append(
            {
                "caption_id": caption_id,
                "recall": one.found / one.true if one.true else 1.0,
                "precision": one.right / one.said if one.said else 0.0,
            }
        )
    return rows


def score_captions(catalogue: Catalogue, model: str, split: str = "held_out") -> StoryScore:
    """The score of one model's captions of the films of a split. Raises ValueError where it has none."""
    where = f"c.model = {quoted(model)} and t.model = {quoted(f'truth/{split}')}"
    return score_of([told(text, truth) for _, text, truth in _with_truth(catalogue, where)])


def _with_truth(catalogue: Catalogue, where: str) -> list[tuple[str, str, str]]:
    sql = f"""select c.caption_id, c.text, t.text from captions c join captions t on t.clip_id = c.clip_id
        where t.kind = 'given' and t.model like 'truth/%' and c.kind <> 'given' and {where} order by 1"""
    with catalogue.connect() as connection:
        return connection.execute(sql).fetchall()


def _f1(counts: np.ndarray[Any, Any]) -> tuple[float, float, float]:
    said, right, true, found = counts
    precision, recall = (right / said if said else 0.0), (found / true if true else 0.0)
    return float(precision), float(recall), float(2 * precision * recall / max(1e-12, precision + recall))
