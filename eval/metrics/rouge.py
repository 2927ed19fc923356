"""ROUGE-L with several references, as pycocoevalcap computes it (beta 1.2).

Lin, "ROUGE: a package for automatic evaluation of summaries" (2004).
"""

from __future__ import annotations

from collections.abc import Sequence

BETA = 1.2


def rouge_l(candidates: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]) -> list[float]:
    """A score of each candidate, in [0, 1]; the corpus score is their mean. An empty text counts as one empty token.

    Raises:
        ValueError: there are not as many candidates as groups of references, or a group is empty.
    """
    return [_score(list(text) or [""], group) for text, group in zip(candidates, references, strict=True)]


def _score(candidate: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    if not references:
        raise ValueError("Every candidate needs a reference.")
    filled = [list(reference) or [""] for reference in references]
    common = [common_length(reference, candidate) for reference in filled]
    precision = max(length / len(candidate) for length in common)
    recall = max(length / len(reference) for length, reference in zip(common, filled, strict=True))
    if not precision or not recall:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def common_length(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence, a bit a word of `one` (Hyyrö 2004)."""
    places: dict[str, int] = {}
    for place, word in enumerate(one):
        places[word] = places.get(word, 0) | 1 << place
    full = (1 << len(one)) - 1
    row = full
    for word in other:
        matches = row & places.get(word, 0)
        row = ((row + matches) | (row - matches)) & full
    return len(one) - row.bit_count()
