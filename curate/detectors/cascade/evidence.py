"""A hard look at one supposed transition: is what stands before it really gone behind it?

The pictures on both sides are aligned to one another by dense flow. That works across a turning camera, a person who
walks past or a flash, and fails across two shots; how well it works within each side says what to expect here.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from curate.detectors.cascade.look import BLOCK, Look, block_statistics, shrunk
from curate.detectors.cascade.signs import blend_signs, lost_structure, ncc_of, pair_signs, places, warped_to

REACH = 3  # looks to each side of a transition within which the two sides are taken to be seen


class Evidence:
    """Vectors of NUM_EVIDENCE numbers for spans of looks."""

    def __init__(self) -> None:
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def of(self, looks: Sequence[Look], first: int, last: int) -> list[float]:
        """The transition begins at looks[first] (of the new shot, if it is hard) and ends at looks[last].

        Where a side has fewer than REACH looks its outermost one stands for those beyond.
        """
        hard = first == last
        before, after = first - 1, last if hard else last + 1
        a, b = _at(looks, before), _at(looks, after)
        a_far, b_far = _at(looks, before - REACH + 1), _at(looks, after + REACH - 1)
        numbers = [float(last - first), min((b.time_us - a.time_us) / 1e6, 5.0)]
        numbers += self._aligned(a, b) + self._aligned(b, a) + self._aligned(a_far, b_far)
        numbers += self._aligned(a_far, a) + self._aligned(b, b_far)
        numbers += pair_signs(a, b) + pair_signs(a_far, b_far) + pair_signs(a_far, a) + pair_signs(b, b_far)
        middle = looks[(first + last) // 2]
        numbers += blend_signs(a, middle, b)
        numbers += blend_signs(a, _at(looks, first + (last - first) // 4), b)
        numbers += blend_signs(a, _at(looks, first + 3 * (last - first) // 4), b)
        return numbers

    def _aligned(self, first: Look, second: Look) -> list[float]:
        """What alignment leaves: residual, lost structure (share, area, worst part, median), length and roughness of
        the flow, share of the second picture that comes from outside of the first."""
        flow = self._dis.calc(second.luma, first.luma, np.empty(0, np.float32))
        place = places(second.full.shape) + flow
        warped = warped_to(first.full, place)
        mean, var = block_statistics(warped, BLOCK)
        ncc = ncc_of(shrunk(warped * second.full, BLOCK), mean, var, second.full_mean, second.full_var)
        residual = cv2.norm(warped, second.full, cv2.NORM_L1) / warped.size
        length = cv2.norm(flow, cv2.NORM_L1) / flow.size * 2
        rough = cv2.norm(flow, cv2.blur(flow, (9, 9)), cv2.NORM_L1) / flow.size
        height, width = second.full.shape
        x, y = cv2.split(place)
        outside = float(((x < 0) | (y < 0) | (x > width - 1) | (y > height - 1)).mean())
        lost = lost_structure(ncc, first.full_var, second.full_var)
        return [residual / 16, *lost, np.log1p(length), np.log1p(rough), outside]


def _at(looks: Sequence[Look], number: int) -> Look:
    return looks[min(max(number, 0), len(looks) - 1)]


NUM_EVIDENCE = 2 + 5 * 8 + 4 * 8 + 3 * 5
