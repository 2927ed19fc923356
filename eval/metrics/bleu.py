"""Corpus BLEU-1 to BLEU-4 with several references, as pycocoevalcap computes it (closest reference length).

Papineni et al., "BLEU: a method for automatic evaluation of machine translation" (ACL 2002).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

ORDERS = 4
_SMALL, _TINY = 1e-9, 1e-15
"""What keeps divisions by nothing away, in the original's places and sizes."""


@dataclass(frozen=True)
class Bleu:
    """corpus: BLEU-1 to BLEU-4 over all candidates; per_sample: the same of each alone."""

    corpus: tuple[float, ...]
    per_sample: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class _Counts:
    guessed: tuple[int, ...]
    correct: tuple[int, ...]
    length: int
    reference_length: float


def bleu(candidates: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]) -> Bleu:
    """Texts are lists of tokens.

    Raises:
        ValueError: there are not as many candidates as groups of references, or a group is empty.
    """
    pairs = list(zip(candidates, references, strict=True))
    average = len(pairs) == 1  # the original's choice where it has one sample: the mean reference length
    counts = [_counts(candidate, group, average=average) for candidate, group in pairs]
    return Bleu(_score(counts), tuple(_score([one]) for one in counts))


def _counts(candidate: Sequence[str], references: Sequence[Sequence[str]], *, average: bool) -> _Counts:
    if not references:
        raise ValueError("Every candidate needs a reference.")
    guessed = tuple(max(0, len(candidate) - order + 1) for order in range(1, ORDERS + 1))
    most: Counter[tuple[str, ...]] = Counter()
    for reference in references:
        most |= _ngrams(reference)
    correct = [0] * ORDERS
    for gram, count in _ngrams(candidate).items():
        correct[len(gram) - 1] += min(most[gram], count)
    lengths = [len(reference) for reference in references]
    closest = min((abs(length - len(candidate)), length) for length in lengths)[1]
    return _Counts(guessed, tuple(correct), len(candidate), sum(lengths) / len(lengths) if average else closest)


def _ngrams(text: Sequence[str]) -> Counter[tuple[str, ...]]:
    return Counter(tuple(text[i : i + order]) for order in range(1, ORDERS + 1) for i in range(len(text) - order + 1))


def _score(counts: Sequence[_Counts]) -> tuple[float, ...]:
    product, scores = 1.0, []
    for order in range(ORDERS):
        correct, guessed = sum(one.correct[order] for one in counts), sum(one.guessed[order] for one in counts)
        product *= (correct + _TINY) / (guessed + _SMALL)
        scores.append(product ** (1 / (order + 1)))
    ratio = (sum(one.length for one in counts) + _TINY) / (sum(one.reference_length for one in counts) + _SMALL)
    brevity = math.exp(1 - 1 / ratio) if ratio < 1 else 1.0
    return tuple(score * brevity for score in scores)
