"""Near-duplicate captions over different clips, counted in memory that does not grow.

A text is known by minimal hashes of its runs of three words (Broder 1997), five by five as eight keys. Texts that share
nine of ten runs have two equal keys with a chance of 0.99, those that share half of them with 0.02, and unrelated ones
of the same genre practically never, so that millions of texts do not fake a duplicate together. How often each key was
seen is counted in a count-min sketch (Cormode and Muthukrishnan 2005): it may count too much, never too little.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

_BANDS, _PER_BAND, _EQUAL_KEYS = 8, 5, 2
_WIDTH, _DEPTH = 1 << 22, 3
_RANDOM = np.random.default_rng(20_260_101)
_MASKS = _RANDOM.integers(0, 1 << 63, _BANDS * _PER_BAND, dtype=np.uint64)
_FACTORS = _RANDOM.integers(0, 1 << 63, _BANDS * _PER_BAND, dtype=np.uint64) | np.uint64(1)


class Alike:
    """Tells whether `most` other clips have such a text already. exact: hashes of texts of which that is known.

    Takes 24 MiB, whatever it has seen.
    """

    def __init__(self, most: int = 5, exact: Iterable[int] = ()) -> None:
        if not 1 <= most <= 1000:
            raise ValueError(f"most must lie between 1 and 1000, got {most}")
        self._most = most
        self._exact = frozenset(exact)
        self._counts = np.zeros((_DEPTH, _WIDTH), dtype=np.uint16)

    def is_common(self, words: Sequence[str], text_hash: int) -> bool:
        """Whether as many other clips have such a text already."""
        if text_hash in self._exact:
            return True
        return sum(self._count(key) >= self._most for key in _keys(words)) >= _EQUAL_KEYS

    def add(self, words: Sequence[str]) -> None:
        """One more clip has a text like this."""
        for key in _keys(words):
            for row, column in enumerate(_places(key)):
                self._counts[row, column] = min(int(self._counts[row, column]) + 1, 65_535)

    def _count(self, key: bytes) -> int:
        return min(int(self._counts[row, column]) for row, column in enumerate(_places(key)))


def _keys(words: Sequence[str]) -> list[bytes]:
    runs = {" ".join(words[i : i + 3]) for i in range(max(1, len(words) - 2))}
    hashes = np.array([int.from_bytes(blake2b(run.encode(), digest_size=8).digest(), "big") for run in runs], np.uint64)
    least: NDArray[np.uint64] = ((hashes[:, None] ^ _MASKS) * _FACTORS).min(axis=0)
    return [bytes([band]) + least[band * _PER_BAND : (band + 1) * _PER_BAND].tobytes() for band in range(_BANDS)]


def _places(key: bytes) -> list[int]:
    digest = blake2b(key, digest_size=4 * _DEPTH).digest()
    return [int.from_bytes(digest[4 * i : 4 * i + 4], "big") % _WIDTH for i in range(_DEPTH)]
