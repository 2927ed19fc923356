"""Which pairs of answers are worth learning from: by a judge's scores, or without any."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from engine.catalogue import Catalogue
from engine.door import WrongUse
from engine.views import quoted
from schemas.ids import content_id, fingerprint_of
from train.build_samples import rows_of, write_rows
from train.preferences.generate import CORRUPTED, TRUE

VERSION = 1
SCORE_COLUMNS = ("caption_id", "recall", "precision")


@dataclass(frozen=True)
class PairRule:
    """least_sum: of the gains in recall and precision, neither of which may be negative (arXiv 2501.07888, section
    3.3: 0.3). dataset: name of the pairs. samples: dataset that the answers were written for."""

    dataset: str
    samples: str
    least_sum: float = 0.3


def choose_pairs(catalogue: Catalogue, rule: PairRule, scores: Path | None) -> Counter[str]:
    """Writes pairs; returns how many, and why others were left.

    scores: Parquet or CSV with caption_id, recall, precision (0..1) of both captions, by whichever judge; None takes
    every pair whose answers differ. Raises WrongUse: a file without these columns.
    """
    fingerprint = fingerprint_of("pairs", VERSION, rule)
    judged = _scores(scores) if scores else None
    counts: Counter[str] = Counter()
    pairs = []
    with catalogue.connect() as connection:
        known = {
            row[0]
            for row in connection.execute("select pair_id from pairs where fingerprint = ?", [fingerprint]).fetchall()
        }
        for row in rows_of(connection.sql(_sql(rule))):
            pair, why = _pair(row, rule, judged)
            if pair and pair["pair_id"] in known:
                pair, why = None, "known"
            counts[why] += 1
            if pair:
                pairs.append(pair)
    write_rows(catalogue, "pairs", pairs, fingerprint)
    return counts


def _sql(rule: PairRule) -> str:
    return f"""
        select s.sample_id, s.split, split_part(worse.prompt_id, ':', 2) as corruption,
            better.caption_id as better_id, worse.caption_id as worse_id, better.text as chosen, worse.text as rejected
        from captions worse
        join captions better on better.caption_id = worse.parents[1]
        join samples s on s.sample_id = split_part(worse.prompt_id, ':', 1)
        where worse.kind = {quoted(CORRUPTED)} and better.kind = {quoted(TRUE)} and s.dataset = {quoted(rule.samples)}
        order by worse.caption_id
    """


def _pair(
    row: dict[str, Any], rule: PairRule, judged: dict[str, tuple[float, float]] | None
) -> tuple[dict[str, Any] | None, str]:
    if row["chosen"] == row["rejected"]:
        return None, "equal answers"
    pair = {
        "pair_id": content_id(row["sample_id"], row["chosen"], row["rejected"]), "sample_id": row["sample_id"],
        "chosen": row["chosen"], "rejected": row["rejected"], "dataset": rule.dataset, "reason": row["corruption"],
        "split": row["split"],
    }  # fmt: skip
    if judged is None:
        return pair, "pairs"
    if row["better_id"] not in judged or row["worse_id"] not in judged:
        return None, "without scores"
    recall, precision = (
        better - worse for better, worse in zip(judged[row["better_id"]], judged[row["worse_id"]], strict=True)
    )
    # 1e-9: scores are ratios of small counts, and 0.9 - 0.6 is a hair below 0.3
    if recall < 0 or precision < 0 or recall + precision < rule.least_sum - 1e-9:
        return None, "not clearly better"
    return pair | {"recall_gain": recall, "precision_gain": precision}, "pairs"


def _scores(path: Path) -> dict[str, tuple[float, float]]:
    """recall and precision by caption."""
    try:
        if path.suffix == ".csv":
            from pyarrow import csv  # noqa: PLC0415

            table = csv.read_csv(path)
        else:
            table = pq.read_table(path)
        table = table.select(list(SCORE_COLUMNS))
    except (OSError, KeyError, pa.ArrowInvalid) as error:
        raise WrongUse(f"{path} must be Parquet or CSV with {', '.join(SCORE_COLUMNS)}: {error}") from error
    rows = table.drop_null().to_pylist()
    if any(not 0 <= row[name] <= 1 for row in rows for name in SCORE_COLUMNS[1:]):
        raise WrongUse(f"{path}: recall and precision must lie in 0..1.")
    return {row["caption_id"]: (row["recall"], row["precision"]) for row in rows}
