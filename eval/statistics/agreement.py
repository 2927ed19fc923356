"""How far two judges, or one judge twice, agree about the same events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Agreement:
    """share: of equal labels. kappa: Cohen's, None where chance alone would make all equal. count: labels compared."""

    share: float
    kappa: float | None
    count: int


def agreement(one: Sequence[Hashable], other: Sequence[Hashable]) -> Agreement:
    """Cohen's kappa (1960): (observed - expected) / (1 - expected).

    >>> agreement(["y", "y", "n", "n"], ["y", "n", "n", "n"])
    Agreement(share=0.75, kappa=0.5, count=4)

    Raises:
        ValueError: the two are not equally long, or empty.
    """
    if len(one) != len(other) or not one:
        raise ValueError(f"agreement() needs two equally long lists of labels, got {len(one)} and {len(other)}.")
    total = len(one)
    observed = sum(a == b for a, b in zip(one, other, strict=True)) / total
    counts, others = Counter(one), Counter(other)
    expected = sum(counts[label] * others[label] for label in counts) / total**2
    return Agreement(observed, None if expected == 1 else (observed - expected) / (1 - expected), total)
