"""Which pairs of answers are worth learning from: by a judge's scores, or without any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, permutations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from engine.catalogue import Catalogue
from engine.door import WrongUse
from engine.views import quoted
from schemas.ids import content_id, fingerprint_of
from train.build_samples import rows_of, write_rows
from train.preferences.generate import CORRUPTED, SAMPLED, TRUE

VERSION = 2
SCORE_COLUMNS = ("caption_id", "recall", "precision")
Judged = dict[str, tuple[float, float]]
"""Recall and precision by caption."""


@dataclass(frozen=True)
class PairRule:
    """least_sum: of the gains in recall and precision, neither of which may be negative (arXiv 2501.07888, section
    3.3: 0.3). dataset: name of the pairs. samples: dataset that the answers were written for."""

    dataset: str
    samples: str
    least_sum: float = 0.3


def choose_pairs(catalogue: Catalogue, rule: PairRule, scores: Path | None) -> Counter[str]:
    """Writes pairs of answers to the true and to the corrupted clip, and of the best and the worst of several to the
    true one; returns how many, and why others were left.

    scores: Parquet or CSV with caption_id, recall, precision (0..1) of the answers, by whichever judge; None takes
    every pair of a true and a corrupted clip whose answers differ. Raises WrongUse: a file without these columns.
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
        corrupted = list(rows_of(connection.sql(_corrupted_sql(rule))))
        sampled = list(rows_of(connection.sql(_sampled_sql(rule))))
    found = [_of_corrupted(row, rule, judged) for row in corrupted]
    found += [_of_sampled(answers, rule, judged) for answers in _by_sample(sampled)]
    for pair, why in found:
        if pair and pair["pair_id"] in known:
            counts["known"] += 1
            continue
        counts[why] += 1
        if pair:
            known.add(pair["pair_id"])
            pairs.append(pair)
    write_rows(catalogue, "pairs", pairs, fingerprint)
    return counts


def _corrupted_sql(rule: PairRule) -> str:
    return f"""
        select s.sample_id, s.split, split_part(worse.prompt_id, ':', 2) as corruption,
            better.caption_id as better_id, worse.caption_id as worse_id, better.text as chosen, worse.text as rejected
        from captions worse
        join captions better on better.caption_id = worse.parents[1]
        join samples s on s.sample_id = split_part(worse.prompt_id, ':', 1)
        where worse.kind = {quoted(CORRUPTED)} and better.kind = {quoted(TRUE)} and s.dataset = {quoted(rule.samples)}
        order by worse.caption_id
    """


def _sampled_sql(rule: PairRule) -> str:
    return f"""
        select s.sample_id, s.split, c.caption_id, c.text, c.fingerprint
        from captions c join samples s on s.sample_id = split_part(c.prompt_id, ':', 1)
        where c.kind = {quoted(SAMPLED)} and s.dataset = {quoted(rule.samples)}
        order by s.sample_id, c.fingerprint, c.caption_id
    """


def _by_sample(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Answers that one model wrote to one question with the same settings."""
    for _, answers in groupby(rows, key=lambda row: (row["sample_id"], row["fingerprint"])):
        yield list(answers)


def _of_corrupted(row: dict[str, Any], rule: PairRule, judged: Judged | None) -> tuple[dict[str, Any] | None, str]:
    if row["chosen"] == row["rejected"]:
        return None, "equal answers"
    pair = _pair(row, row["chosen"], row["rejected"], row["corruption"], rule)
    if judged is None:
        return pair, "pairs"
    if row["better_id"] not in judged or row["worse_id"] not in judged:
        return None, "without scores"
    gains = _gains(judged[row["better_id"]], judged[row["worse_id"]])
    if not _clear(gains, rule):
        return None, "not clearly better"
    return pair | {"recall_gain": gains[0], "precision_gain": gains[1]}, "pairs"


def _of_sampled(
    answers: list[dict[str, Any]], rule: PairRule, judged: Judged | None
) -> tuple[dict[str, Any] | None, str]:
    """The two answers that differ most among those that are clearly apart: the best and the worst, unless one has the
    higher recall and the other the higher precision."""
    if judged is None:
        return None, "sampled answers need scores"
    answers = [answer for answer in answers if answer["caption_id"] in judged]
    if len(answers) < 2:
        return None, "without scores"
    apart = [
        (gains, better, worse)
        for better, worse in permutations(answers, 2)
        if _clear(gains := _gains(judged[better["caption_id"]], judged[worse["caption_id"]]), rule)
    ]
    if not apart:
        return None, "not clearly better"
    gains, better, worse = max(apart, key=lambda one: sum(one[0]))  # of equals the first, in the order of ids
    pair = _pair(better, better["text"], worse["text"], "sampled", rule)
    return pair | {"recall_gain": gains[0], "precision_gain": gains[1]}, "pairs"


def _pair(row: dict[str, Any], chosen: str, rejected: str, reason: str, rule: PairRule) -> dict[str, Any]:
    return {
        "pair_id": content_id(rule.dataset, row["sample_id"], chosen, rejected), "sample_id": row["sample_id"],
        "chosen": chosen, "rejected": rejected, "dataset": rule.dataset, "reason": reason, "split": row["split"],
    }  # fmt: skip


def _gains(better: tuple[float, float], worse: tuple[float, float]) -> tuple[float, float]:
    return better[0] - worse[0], better[1] - worse[1]


def _clear(gains: tuple[float, float], rule: PairRule) -> bool:
    # 1e-9: scores are ratios of small counts, and 0.9 - 0.6 is a hair below 0.3
    return min(gains) >= 0 and sum(gains) >= rule.least_sum - 1e-9


def _scores(path: Path) -> Judged:
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
