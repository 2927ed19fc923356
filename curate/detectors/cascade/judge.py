"""The second network: how likely a supposed transition is one, given the evidence."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from curate.detectors.cascade.network import MAX_SIGN, Numbers


@dataclass(frozen=True)
class Judge:
    """Two hidden layers. `arrays`: mean, spread: [E]; hidden_weight [E, H], deep_weight [H, H], last_weight [H, 1],
    and a bias for each."""

    arrays: dict[str, Numbers]

    def probability(self, evidence: Numbers) -> float:
        """0 to 1, from one vector of evidence, float32 [E]."""
        scaled = np.clip((evidence - self.arrays["mean"]) / self.arrays["spread"], -MAX_SIGN, MAX_SIGN)
        hidden = np.maximum(scaled @ self.arrays["hidden_weight"] + self.arrays["hidden_bias"], 0)
        deep = np.maximum(hidden @ self.arrays["deep_weight"] + self.arrays["deep_bias"], 0)
        score = float((deep @ self.arrays["last_weight"] + self.arrays["last_bias"])[0])
        return float(1 / (1 + np.exp(-score)))


def from_log_odds(odds: float) -> float:
    return 1 / (1 + math.exp(-odds))


def log_odds(probability: float) -> float:
    """Of a probability that is kept away from 0 and 1."""
    bounded = min(max(probability, 1e-4), 1 - 1e-4)
    return math.log(bounded / (1 - bounded))
