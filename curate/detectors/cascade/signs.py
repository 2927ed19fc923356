"""What changed between the newest look and earlier ones, in numbers: the input of the network.

Structure is compared block by block with the normalised cross-correlation, which light does not change. A block counts
by how much structure it has, so that text on a white page weighs as much as a forest. What moved is first warped to its
place, by the dense flow to the neighbour and by a chain of such flows to looks further back, so that motion is not
taken for change; where a chain leaves the picture, new content is no surprise and does not count.
"""

from __future__ import annotations

from collections import deque
from functools import cache

import cv2
import numpy as np

from curate.detectors.cascade.look import BLOCK, Look, Plane, block_statistics, shrunk

LAGS = (1, 2, 4, 8)  # looks back
CHAINS = (3, 8)  # the same, following the flow
BLENDS = (2, 4, 8)  # how far the middle look of three lies behind the newest, in looks; the oldest twice as far
KEPT = 2 * max(BLENDS) + 1
NCC_FLOOR = 12.0  # luma squared: keeps noise in flat blocks from counting as lost structure
FULL_STRUCTURE = 60.0  # luma squared; a block of this variance counts half
FULL_ACTIVITY = 3.0
ACTIVITY_DECAY = 0.85  # a look
MAX_ACTIVITY = 40.0
CHANGED_LUMA = 12.0  # a pixel that differs by more is either the old or the new picture's in a wipe
NUM_HUES = 256  # bins of a look's histogram that hold chroma; the others hold luma


class Signs:
    """Takes looks one by one and gives NUM_SIGNS numbers for each; the oldest look stands for those before it."""

    def __init__(self) -> None:
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._looks: deque[Look] = deque(maxlen=KEPT)

    def of(self, look: Look) -> list[float]:
        self._looks.append(look)
        before = self._back(1)
        signs = [min((look.time_us - before.time_us) / 1e5, 5.0), look.mean / 128 - 1, look.std / 64]
        signs += self._flow_signs(before, look)
        signs += self._chain_signs(look)
        for lag in LAGS:
            signs += pair_signs(self._back(lag), look)
        for distance in BLENDS:
            signs += blend_signs(self._back(2 * distance), self._back(distance), look)
        return signs

    def _back(self, lag: int) -> Look:
        return self._looks[max(0, len(self._looks) - 1 - lag)]

    def _flow_signs(self, before: Look, look: Look) -> list[float]:
        flow: Plane = self._dis.calc(look.luma, before.luma, np.empty(0, np.float32))  # pyright: ignore[reportAssignmentType]
        warped = warped_to(before.full, places(look.full.shape) + flow)
        mean, var = block_statistics(warped, BLOCK)
        ncc = ncc_of(shrunk(warped * look.full, BLOCK), mean, var, look.full_mean, look.full_var)
        lost = lost_structure(ncc, before.full_var, look.full_var)
        length = cv2.norm(flow, cv2.NORM_L1) / flow.size * 2
        rough = cv2.norm(flow, cv2.blur(flow, (9, 9)), cv2.NORM_L1) / flow.size
        look.flow = shrunk(flow, 2) / 2
        change = shrunk(np.abs(look.full - before.full), BLOCK)
        activity = before.activity if before.activity is not None else np.zeros_like(change)
        look.activity = ACTIVITY_DECAY * activity + (1 - ACTIVITY_DECAY) * np.minimum(change, MAX_ACTIVITY)
        weight = _weight(before.full_var, look.full_var) * (activity / (activity + FULL_ACTIVITY))
        lost_active = mean_of(weight * (1 - np.clip(ncc, 0, 1)))
        residual = cv2.norm(warped, look.full, cv2.NORM_L1) / warped.size
        active = mean_of(weight)
        return [residual / 16, *lost, np.log1p(length), np.log1p(rough), lost_active / (active + 0.02), active]

    def _chain_signs(self, look: Look) -> list[float]:
        """Each pixel of the newest look followed back along the flows between neighbours."""
        height, width = look.half.shape
        place = places(look.half.shape)
        signs, steps = list[float](), 0
        for back in range(1, max(CHAINS) + 1):
            if len(self._looks) - back >= 1:
                flow = self._looks[len(self._looks) - back].flow
                assert flow is not None
                place = place + warped_to(flow, place)
                steps = back
            if back in CHAINS:
                first = self._back(steps)
                x, y = cv2.split(place)
                inside = ((x >= -0.5) & (y >= -0.5) & (x <= width - 0.5) & (y <= height - 0.5)).astype(np.float32)
                signs += _chained(first, look, warped_to(first.half, place), inside)
        return signs


def pair_signs(first: Look, second: Look) -> list[float]:
    """How two looks differ, pixel by pixel: luma, structure (four, see `lost_structure`), chroma, luma bins, light."""
    block = BLOCK // 2
    difference = cv2.norm(first.half, second.half, cv2.NORM_L1) / first.half.size
    product = shrunk(first.half * second.half, block)
    ncc = ncc_of(product, first.half_mean, first.half_var, second.half_mean, second.half_var)
    lost = lost_structure(ncc, first.half_var, second.half_var)
    moved = np.abs(first.histogram - second.histogram)
    hues, lights = float(moved[:NUM_HUES].sum()) / 2, float(moved[NUM_HUES:].sum()) / 2
    return [difference / 32, *lost, hues, lights, (second.mean - first.mean) / 32]


def _chained(first: Look, look: Look, warped: Plane, inside: Plane) -> list[float]:
    block = BLOCK // 2
    mean, var = block_statistics(warped, block)
    ncc = ncc_of(shrunk(warped * look.half, block), mean, var, look.half_mean, look.half_var)
    weight = _weight(first.half_var, look.half_var) * shrunk(inside, block)
    lost = mean_of(weight * (1 - np.clip(ncc, 0, 1)))
    residual = mean_of(np.abs(warped - look.half) * inside)
    return [residual / 16, lost / (mean_of(weight) + 0.05), lost, 1 - mean_of(inside)]


def blend_signs(first: Look, middle: Look, last: Look) -> list[float]:
    """Whether the middle picture is a mixture of the other two (dissolve, fade) or made of parts of both (wipe).

    The share of the last one by least squares, what the mixture leaves unexplained, what "each pixel is of one of
    both" leaves unexplained, the share of the changed pixels that still are the first's, how far both lie apart.
    """
    to_middle, to_last = middle.quarter - first.quarter, last.quarter - first.quarter
    power = mean_of(to_last * to_last)
    share = mean_of(to_middle * to_last) / (power + 4.0)
    left = to_middle - np.float32(share) * to_last
    unexplained = mean_of(left * left)
    from_first, from_last = np.abs(to_middle), np.abs(middle.quarter - last.quarter)
    apart = np.abs(to_last)
    changed = apart > CHANGED_LUMA
    still_first = np.count_nonzero((from_first < from_last) & changed) / (np.count_nonzero(changed) + 20)
    of_one = mean_of(np.minimum(from_first, from_last)) / (mean_of(apart) + 1.0)
    return [
        min(max(share, -0.5), 1.5),
        min(2.0, unexplained / (power + 8.0)),
        min(1.0, of_one),
        still_first,
        min(2.0, power**0.5 / 64),
    ]


def mean_of(plane: Plane) -> float:
    """Mean of a plane; for planes this small numpy's own costs five times as much."""
    return cv2.mean(plane)[0]


def _median(plane: Plane) -> float:
    half = plane.size // 2
    middle = np.partition(plane, (half - 1, half), axis=None)[half - 1 : half + 1]
    return float(middle[1] if plane.size % 2 else (middle[0] + middle[1]) / 2)


def ncc_of(product: Plane, mean: Plane, var: Plane, other_mean: Plane, other_var: Plane) -> Plane:
    return (product - mean * other_mean) / (np.sqrt(var * other_var) + np.float32(NCC_FLOOR))


def _weight(var: Plane, other_var: Plane) -> Plane:
    structure = np.maximum(var, other_var)
    return structure / (structure + np.float32(FULL_STRUCTURE))


def lost_structure(ncc: Plane, var: Plane, other_var: Plane) -> list[float]:
    """Structure that is gone: share of all structure, of the picture, of its worst sixteenth, in the median block."""
    weight = _weight(var, other_var)
    lost = weight * (1 - np.clip(ncc, 0, 1))
    parts = cv2.resize(lost, (4, 4), interpolation=cv2.INTER_AREA) if min(lost.shape) >= 4 else lost
    of_picture = mean_of(lost)
    return [of_picture / (mean_of(weight) + 0.05), of_picture, float(parts.max()), _median(lost)]


def warped_to(plane: Plane, place: Plane) -> Plane:
    """What `plane` holds at each place [H, W, 2]."""
    return cv2.remap(plane, place, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # pyright: ignore


@cache
def places(shape: tuple[int, ...]) -> Plane:
    """Each pixel's own place: float32 [H, W, 2] of x, y."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    return np.dstack([x, y])


PAIR_DIFFERENCE = 3 + 9 + 4 * len(CHAINS)
"""Where the signs of the nearest pair begin: first how much luma differs."""
PAIR_HUES = PAIR_DIFFERENCE + 5
NUM_SIGNS = 3 + 9 + 4 * len(CHAINS) + 8 * len(LAGS) + 5 * len(BLENDS)
