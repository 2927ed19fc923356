"""The small networks that read the signs of all looks: convolutions over time, in numpy.

Several, taught by different videos, err in different places; together they err less. Each has five layers of
1-dimensional convolutions with residual connections, and sees about one second to both sides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

KINDS = ("none", "hard", "dissolve", "fade", "wipe", "flash")
"""What the network tells apart, in the order of its outputs: what happens between a look and the one before."""
MAX_SIGN = 5.0  # in spreads; a sign further out says no more
SEEN = 2 + 2 * 2 + 2 * 4  # looks to each side on which a probability depends

LEAST = 1e-5  # what a network says of a kind at least, where several are asked: none can rule it out alone

Numbers = NDArray[np.floating]


@dataclass(frozen=True)
class Network:
    """`arrays`: mean, spread: [S]; a layer's <name>_weight: [taps, in, out], <name>_bias: [out]."""

    arrays: dict[str, Numbers]

    def probabilities(self, signs: Numbers) -> Numbers:
        """float32 [N, len(KINDS)], each row adding up to 1, from the signs of all looks, float32 [N, S]."""
        scaled = np.clip((signs - self.arrays["mean"]) / self.arrays["spread"], -MAX_SIGN, MAX_SIGN)
        first = self._layer("first", scaled, 1)
        near = self._layer("near", first, 1)
        far = self._layer("far", near, 2) + near
        farther = self._layer("farther", far, 4) + far
        scores = self._convolved("last", np.concatenate([first, farther], axis=1), 1)
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def _layer(self, name: str, values: Numbers, distance: int) -> Numbers:
        return np.maximum(self._convolved(name, values, distance), 0)

    def _convolved(self, name: str, values: Numbers, distance: int) -> Numbers:
        weight = self.arrays[f"{name}_weight"]
        reach = len(weight) // 2 * distance
        padded = np.pad(values, ((reach, reach), (0, 0)))
        taps = (padded[at * distance : at * distance + len(values)] @ tap for at, tap in enumerate(weight))
        return sum(taps, self.arrays[f"{name}_bias"])


@dataclass(frozen=True)
class Networks:
    """Several that look at the same signs."""

    members: tuple[Network, ...]

    def probabilities(self, signs: Numbers) -> Numbers:
        """The geometric mean of what each says, float32 [N, len(KINDS)], each row adding up to 1."""
        said = [np.maximum(network.probabilities(signs), LEAST) for network in self.members]
        means = np.exp(np.mean(np.log(said), axis=0))
        return means / means.sum(axis=1, keepdims=True)
