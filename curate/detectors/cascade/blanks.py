"""Hard cuts between two pictures of one colour each: there is no structure to compare, and none is needed."""

from __future__ import annotations

import numpy as np

from curate.detectors.cascade.decide import BLANK_STD
from curate.detectors.cascade.network import Numbers
from curate.detectors.cascade.signs import PAIR_DIFFERENCE, PAIR_HUES

MIN_DIFFERENCE = 0.75  # of luma, as the sign has it: 24 of 255 from one look to the next
MIN_HUES = 0.5  # share of the picture whose chroma changed its bin
STEADY_SHARE = 0.25  # a ramp from one colour to another changes on both sides of each step, a cut does not


def blank_cuts(signs: Numbers, stds: Numbers) -> list[int]:
    """Looks (of those given) that show another colour than the look before; both sides stay as they are."""
    change = np.maximum(signs[:, PAIR_DIFFERENCE] / MIN_DIFFERENCE, signs[:, PAIR_HUES] / MIN_HUES)
    blank = stds < BLANK_STD
    at = np.flatnonzero((change[1:] >= 1) & blank[1:] & blank[:-1]) + 1
    after = np.append(change[1:], 0)
    return [int(i) for i in at if max(change[i - 1] if i > 1 else 0, after[i]) <= STEADY_SHARE * change[i]]
