"""What changed between each look and earlier ones, in numbers: the input of the network.

Structure is compared block by block with the normalised cross-correlation, which light does not change. A block counts
by how much structure it has, so that text on a white page weighs as much as a forest. What moved is first warped to its
place, by the dense flow to the neighbour and by a chain of such flows to looks further back, so that motion is not
taken for change; where a chain leaves the picture, new content is no surprise and does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from curate.detectors.cascade.look import BLOCK, Look, Looks, Plane, block_statistics, shrunk

LAGS = (1, 2, 4, 8)  # looks back
CHAINS = (3, 8)  # the same, following the flow
BLENDS = (2, 4, 8)  # how far the middle look of three lies behind the newest, in looks; the oldest twice as far
KEPT = 2 * max(BLENDS)
NCC_FLOOR = 12.0  # luma squared: keeps noise in flat blocks from counting as lost structure
FULL_STRUCTURE = 60.0  # luma squared; a block of this variance counts half
FULL_ACTIVITY = 3.0
ACTIVITY_DECAY = 0.85  # a look
MAX_ACTIVITY = 40.0
CHANGED_LUMA = 12.0  # a pixel that differs by more is either the old or the new picture's in a wipe
PARTS = 4  # a side, of the sixteenths
NUM_HUES = 256  # bins of a look's histogram that hold chroma; the others hold luma


@dataclass(frozen=True, eq=False)
class _Past:
    """The last KEPT looks; flows: float32 [KEPT, H/2, W/2, 2], where each pixel of `half` lay in the look before, minus
    where it is; activity: how much each block changed lately."""

    looks: Looks
    flows: Plane
    activity: Plane


class Signs:
    """Takes the looks of a video in order, any number at a time; the first stands for those before it."""

    def __init__(self) -> None:
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._past: _Past | None = None

    def of(self, looks: Sequence[Look]) -> Plane:
        """float32 [N, NUM_SIGNS]."""
        past = self._past or _nothing_before(looks[0])
        shown = past.looks.then(Looks.of(looks))

        def back(lag: int) -> Looks:
            return shown[KEPT - lag : len(shown) - lag]

        newest, before = back(0), back(1)
        flow, warped = followed(self._dis, before, newest)
        activity = _activity(past.activity, shrunk(np.abs(newest.full - before.full), BLOCK))
        flows = np.concatenate([past.flows, shrunk(flow, 2) / 2])
        if self._past is None:
            flows[KEPT] = 0  # the first look came from nowhere
        self._past = _Past(shown[-KEPT:], flows[-KEPT:], activity[-1])
        elapsed = np.minimum((newest.times_us - before.times_us) / 1e5, 5.0)
        columns = [
            np.stack([elapsed, newest.means / 128 - 1, newest.stds / 64], axis=1),
            _flow_signs(before, newest, flow, warped, activity[:-1]),
            *_chain_signs(shown, flows),
            *(pair_signs(back(lag), newest) for lag in LAGS),
            *(blend_signs(back(2 * distance), back(distance), newest) for distance in BLENDS),
        ]
        return np.concatenate(columns, axis=1, dtype=np.float32)


def followed(dis: cv2.DISOpticalFlow, before: Looks, looks: Looks) -> tuple[Plane, Plane]:
    """The flow from each look to the one before it, [N, H, W, 2], and the one before warped along it, [N, H, W]."""
    flow, warped = np.empty((*looks.luma.shape, 2), np.float32), np.empty(looks.luma.shape, np.float32)
    place = places(looks.luma.shape[1:])
    for at in range(len(looks)):
        flow[at] = dis.calc(looks.luma[at], before.luma[at], np.empty(0, np.float32))
        warped[at] = warped_to(before.full[at], place + flow[at])
    return flow, warped


def _nothing_before(look: Look) -> _Past:
    looks = Looks.of([look] * KEPT)
    return _Past(looks, np.zeros((*looks.half.shape, 2), np.float32), np.zeros_like(looks.full_mean[0]))


def _activity(before: Plane, change: Plane) -> Plane:
    """[N + 1, ...]: of the look before the first, then of each, from how much the blocks of each changed."""
    activity = [before]
    for each in np.minimum(change, MAX_ACTIVITY):
        activity.append(ACTIVITY_DECAY * activity[-1] + (1 - ACTIVITY_DECAY) * each)
    return np.stack(activity)


def _flow_signs(before: Looks, looks: Looks, flow: Plane, warped: Plane, activity: Plane) -> Plane:
    ncc, weight = aligned_ncc(warped, looks), weight_of(before.full_var, looks.full_var)
    weight_active = weight * (activity / (activity + FULL_ACTIVITY))
    lost_active, active = mean_of(weight_active * (1 - np.clip(ncc, 0, 1))), mean_of(weight_active)
    residual = mean_of(np.abs(warped - looks.full)) / 16
    lengths = [residual, lost_structure(ncc, weight), *flow_lengths(flow)]
    return np.column_stack([*lengths, lost_active / (active + 0.02), active])


def aligned_ncc(warped: Plane, looks: Looks) -> Plane:
    """The correlation of each block of looks with what was aligned to them."""
    mean, var = block_statistics(warped, BLOCK)
    return _ncc(shrunk(warped * looks.full, BLOCK), mean, var, looks.full_mean, looks.full_var)


def flow_lengths(flow: Plane) -> tuple[Plane, Plane]:
    """How long vectors of flows [N, H, W, 2] are, and how much they differ from their neighbours: logarithms, [N]."""
    rough = [cv2.norm(each, cv2.blur(each, (9, 9)), cv2.NORM_L1) / each.size for each in flow]
    return np.log1p(mean_of(np.abs(flow)) * 2), np.log1p(rough)


def _chain_signs(shown: Looks, flows: Plane) -> list[Plane]:
    """Each pixel of a look followed back along the flows between neighbours."""
    looks = shown[KEPT:]
    number, (height, width) = len(looks), looks.half.shape[1:]
    place = np.tile(places((height, width)), (number, 1, 1, 1))
    signs = list[Plane]()
    for back in range(1, max(CHAINS) + 1):
        first = KEPT - back
        place += _warped_rows(flows[first + 1 : first + 1 + number], place)
        if back in CHAINS:
            x, y = place[..., 0], place[..., 1]
            inside = ((x >= -0.5) & (y >= -0.5) & (x <= width - 0.5) & (y <= height - 0.5)).astype(np.float32)
            seen = shown[first : first + number]
            signs.append(_chained(seen, looks, _warped_rows(seen.half, place), inside))
    return signs


def _warped_rows(planes: Plane, place: Plane) -> Plane:
    """What each of the planes [N, H, W] or [N, H, W, C] holds at its places [N, H, W, 2]: one warp of them all, under
    one another."""
    number, height, width = place.shape[:3]
    within = np.empty_like(place)
    np.clip(place[..., 0], 0, width - 1, out=within[..., 0])
    np.clip(place[..., 1], 0, height - 1, out=within[..., 1])
    within[..., 1] += np.arange(number, dtype=np.float32)[:, None, None] * height
    together = planes.reshape(number * height, *planes.shape[2:])
    return warped_to(together, within.reshape(number * height, width, 2)).reshape(planes.shape)


def pair_signs(first: Looks, second: Looks) -> Plane:
    """How looks differ from others, pixel by pixel, [N, 8]: luma, structure (four, see `lost_structure`), chroma, luma
    bins, light."""
    difference = mean_of(np.abs(first.half - second.half))
    product = shrunk(first.half * second.half, BLOCK // 2)
    ncc = _ncc(product, first.half_mean, first.half_var, second.half_mean, second.half_var)
    lost = lost_structure(ncc, weight_of(first.half_var, second.half_var))
    moved = np.abs(first.histograms - second.histograms)
    hues, lights = moved[:, :NUM_HUES].sum(axis=1) / 2, moved[:, NUM_HUES:].sum(axis=1) / 2
    return np.column_stack([difference / 32, lost, hues, lights, (second.means - first.means) / 32])


def _chained(first: Looks, looks: Looks, warped: Plane, inside: Plane) -> Plane:
    block = BLOCK // 2
    mean, var = block_statistics(warped, block)
    ncc = _ncc(shrunk(warped * looks.half, block), mean, var, looks.half_mean, looks.half_var)
    weight = weight_of(first.half_var, looks.half_var) * shrunk(inside, block)
    lost = mean_of(weight * (1 - np.clip(ncc, 0, 1)))
    residual = mean_of(np.abs(warped - looks.half) * inside)
    return np.column_stack([residual / 16, lost / (mean_of(weight) + 0.05), lost, 1 - mean_of(inside)])


def blend_signs(first: Looks, middle: Looks, last: Looks) -> Plane:
    """Whether middle pictures are mixtures of two others (dissolve, fade) or made of parts of both (wipe), [N, 5].

    The share of the last one by least squares, what the mixture leaves unexplained, what "each pixel is of one of
    both" leaves unexplained, the share of the changed pixels that still are the first's, how far both lie apart.
    """
    to_middle, to_last = middle.quarter - first.quarter, last.quarter - first.quarter
    power = mean_of(to_last * to_last)
    share = mean_of(to_middle * to_last) / (power + 4.0)
    left = to_middle - share[:, None, None] * to_last
    unexplained = mean_of(left * left)
    from_first, from_last = np.abs(to_middle), np.abs(middle.quarter - last.quarter)
    apart = np.abs(to_last)
    changed = apart > CHANGED_LUMA
    still = np.count_nonzero((from_first < from_last) & changed, axis=(1, 2))
    of_one = mean_of(np.minimum(from_first, from_last)) / (mean_of(apart) + 1.0)
    return np.column_stack(
        [
            np.clip(share, -0.5, 1.5),
            np.minimum(2.0, unexplained / (power + 8.0)),
            np.minimum(1.0, of_one),
            still / (np.count_nonzero(changed, axis=(1, 2)) + 20),
            np.minimum(2.0, np.sqrt(power) / 64),
        ]
    )


def mean_of(planes: Plane) -> Plane:
    """The mean of each plane, [N]."""
    return planes.reshape(len(planes), -1).mean(axis=1)


def _median_of(planes: Plane) -> Plane:
    """The median of each plane; numpy's own costs several times as much."""
    flat = planes.reshape(len(planes), -1)
    half = flat.shape[1] // 2
    sorted_about = np.partition(flat, (half - 1, half), axis=1)
    upper = sorted_about[:, half]
    return upper if flat.shape[1] % 2 else (sorted_about[:, half - 1] + upper) / 2


def _ncc(product: Plane, mean: Plane, var: Plane, other_mean: Plane, other_var: Plane) -> Plane:
    return (product - mean * other_mean) / (np.sqrt(var * other_var) + np.float32(NCC_FLOOR))


def weight_of(var: Plane, other_var: Plane) -> Plane:
    """How much structure each block has, 0 to 1, by its variance in two looks."""
    structure = np.maximum(var, other_var)
    return structure / (structure + np.float32(FULL_STRUCTURE))


def lost_structure(ncc: Plane, weight: Plane) -> Plane:
    """Structure that is gone, [N, 4]: share of all structure, of the picture, of its worst sixteenth, in the median
    block. ncc: correlation of each block, weight: how much structure it has, both [N, H, W]."""
    lost = weight * (1 - np.clip(ncc, 0, 1))
    of_picture = mean_of(lost)
    share = of_picture / (mean_of(weight) + 0.05)
    return np.column_stack([share, of_picture, _worst_sixteenth(lost), _median_of(lost)])


def _worst_sixteenth(planes: Plane) -> Plane:
    height, width = planes.shape[1:]
    parts = _area_shares(height) @ planes @ _area_shares(width).T if min(height, width) >= PARTS else planes
    return parts.max(axis=(1, 2))


@cache
def _area_shares(length: int) -> Plane:
    """[PARTS, length]: how much of each part of a side lies in each of its pixels."""
    edges = np.linspace(0, length, PARTS + 1)
    pixels = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return (np.maximum(overlap, 0) * PARTS / length).astype(np.float32)


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
