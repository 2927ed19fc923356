"""A hard look at one supposed transition: is what stands before it really gone behind it?

The pictures on both sides are aligned to one another by dense flow. That works across a turning camera, a person who
walks past or a flash, and fails across two shots; how well it works within each side says what to expect here.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from curate.detectors.cascade.look import Look, Looks, Plane
from curate.detectors.cascade.signs import (
    aligned_ncc,
    blend_signs,
    flow_lengths,
    followed,
    lost_structure,
    mean_of,
    pair_signs,
    places,
    weight_of,
)

REACH = 3  # looks to each side of a transition within which the two sides are taken to be seen


class Evidence:
    """Vectors of NUM_EVIDENCE numbers for spans of looks."""

    def __init__(self) -> None:
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def of(self, looks: Sequence[Look], first: int, last: int) -> list[float]:
        """The transition begins at looks[first] (of the new shot, if it is hard) and ends at looks[last].

        Where a side has fewer than REACH looks its outermost one stands for those beyond.
        """
        before, after = first - 1, last if first == last else last + 1
        a_far, a, b, b_far = (_at(looks, number) for number in (before - REACH + 1, before, after, after + REACH - 1))
        middles = [_at(looks, first + (last - first) * quarters // 4) for quarters in (2, 1, 3)]
        ones, others = Looks.of([a, b, a_far, a_far, b]), Looks.of([b, a, b_far, a, b_far])
        numbers = [float(last - first), min((b.time_us - a.time_us) / 1e6, 5.0)]
        numbers += self._aligned(ones, others).ravel().tolist()
        one_way = [0, 2, 3, 4]  # the second pair is the first one turned round: pixel by pixel it says nothing new
        numbers += pair_signs(ones, others)[one_way].ravel().tolist()
        numbers += blend_signs(Looks.of([a] * 3), Looks.of(middles), Looks.of([b] * 3)).ravel().tolist()
        return numbers

    def _aligned(self, first: Looks, second: Looks) -> Plane:
        """What alignment leaves, [N, 8]: residual, lost structure (share, area, worst part, median), length and
        roughness of the flow, share of the second picture that comes from outside of the first."""
        flow, warped = followed(self._dis, first, second)
        place = places(second.full.shape[1:]) + flow
        lost = lost_structure(aligned_ncc(warped, second), weight_of(first.full_var, second.full_var))
        residual = mean_of(np.abs(warped - second.full)) / 16
        height, width = second.full.shape[1:]
        x, y = place[..., 0], place[..., 1]
        outside = ((x < 0) | (y < 0) | (x > width - 1) | (y > height - 1)).mean(axis=(1, 2))
        return np.column_stack([residual, lost, *flow_lengths(flow), outside])


def _at(looks: Sequence[Look], number: int) -> Look:
    return looks[min(max(number, 0), len(looks) - 1)]


NUM_EVIDENCE = 2 + 5 * 8 + 4 * 8 + 3 * 5
