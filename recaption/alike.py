"""Near-duplicate captions over different clips, counted in memory that does not grow.

A text is known by eight minimal hashes of its runs of three words, taken two by two as four keys. Texts of which three
of four keys are equal share most of their words. How often each key was seen is counted in a count-min sketch
(Cormode and Muthukrishnan 2005): it may count too much, never too little, and 16 MiB are enough for millions of texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np

_HASHES, _BANDS, _WIDTH, _DEPTH = 8, 4, 1 << 20, 4
_PRIME = (1 << 61) - 1
_RANDOM = np.random.default_rng(20_260_101)
_A = [int(n) | 1 for n in _RANDOM.integers(1, 1 << 60, _HASHES)]
_B = [int(n) for n in _RANDOM.integers(0, 1 << 60, _HASHES)]


class Alike:
    """`is_common(words)`: whether texts like this one came from `most` clips already. `exact`: hashes that did."""

    def __init__(self, most: int = 5, exact: Iterable[int] = ()) -> None:
        if most < 1:
            raise ValueError(f"most must be >= 1, got {most}")
        self._most = most
        self._exact = frozenset(exact)
        self._counts = np.zeros((_DEPTH, _WIDTH), dtype=np.uint32)

    def is_common(self, words: Sequence[str], text_hash: int) -> bool:
        """Whether as many other clips have such a text already."""
        if text_hash in self._exact:
            return True
        return sum(self._count(key) >= self._most for key in _keys(words)) >= 3

    def add(self, words: Sequence[str]) -> None:
        """One more clip has a text like this."""
        for key in _keys(words):
            for row, column in enumerate(_places(key)):
                self._counts[row, column] += 1

    def _count(self, key: int) -> int:
        return min(int(self._counts[row, column]) for row, column in enumerate(_places(key)))


def _keys(words: Sequence[str]) -> list[int]:
    runs = {" ".join(words[i : i + 3]) for i in range(max(1, len(words) - 2))}
    hashed = [int.from_bytes(blake2b(run.encode(), digest_size=7).digest(), "big") for run in runs]
    least = [min((a * h + b) % _PRIME for h in hashed) for a, b in zip(_A, _B, strict=True)]
    per = _HASHES // _BANDS
    return [hash((band, *least[band * per : (band + 1) * per])) for band in range(_BANDS)]


def _places(key: int) -> list[int]:
    digest = blake2b(key.to_bytes(8, "big", signed=True), digest_size=4 * _DEPTH).digest()
    return [int.from_bytes(digest[4 * i : 4 * i + 4], "big") % _WIDTH for i in range(_DEPTH)]
