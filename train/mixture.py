"""Which samples a step shows: a pure function of mixture, seed and step, so that any batch can be re-made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import ceil

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Shown:
    """One sample of a batch. number: its row among the samples. turn: how often it was shown before."""

    number: int
    turn: int


class Order:
    """The order in which the samples of a mixture are shown.

    parts: (first row, number of rows, epochs) of each part in the list of samples; parts are spread evenly over the
    run, and each epoch of a part is a permutation of its own.
    """

    def __init__(self, parts: Sequence[tuple[int, int, float]], seed: int) -> None:
        if not sum(count for _, count, _ in parts):
            raise ValueError("the mixture holds no sample.")
        numbers, turns, places = [], [], []
        for part, (first, count, epochs) in enumerate(parts):
            own_numbers, own_turns = _turns(first, count, epochs, seed, part)
            numbers.append(own_numbers)
            turns.append(own_turns)
            places.append((np.arange(len(own_numbers)) + 0.5) / len(own_numbers))
        order = np.argsort(np.concatenate(places), kind="stable")
        self._numbers = np.concatenate(numbers)[order]
        self._turns = np.concatenate(turns)[order]
        self._most_turns = 1 + int(self._turns.max())

    def __len__(self) -> int:
        return len(self._numbers)

    def steps(self, batch: int) -> int:
        """Steps of one pass; the last may be smaller."""
        return ceil(len(self) / batch)

    def batch(self, step: int, size: int) -> list[Shown]:
        """The samples of a step, counted from 0. Steps beyond one pass begin another one in the same order."""
        passes, at = divmod(step, self.steps(size))
        chosen = slice(at * size, min((at + 1) * size, len(self)))
        turns = self._turns[chosen] + passes * self._most_turns
        return [Shown(int(n), int(t)) for n, t in zip(self._numbers[chosen], turns, strict=True)]


def _turns(first: int, count: int, epochs: float, seed: int, part: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row numbers and turns of one part, epoch after epoch; the last epoch may hold a share of the rows."""
    numbers, turns = [], []
    left, turn = round(count * epochs), 0
    while left > 0:
        order = np.random.default_rng([seed, part, turn]).permutation(count)[:left]
        numbers.append(first + order)
        turns.append(np.full(len(order), turn))
        left -= len(order)
        turn += 1
    empty = np.zeros(0, np.int64)
    return np.concatenate([empty, *numbers]), np.concatenate([empty, *turns])


def seed_of(seed: int, sample_id: str, turn: int) -> int:
    """The seed of a sample's own random choices when it is shown for the turn-th time: 0 <= seed < 2**63."""
    digest = blake2b(f"{seed} {sample_id} {turn}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
