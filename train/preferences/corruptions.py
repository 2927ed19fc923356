"""The four ways in which Tarsier2 corrupts a clip so that what its model says of it is worse (arXiv 2501.07888, 3.3).

They follow the paper; the released code crops to three quarters and fails for some numbers of frames.
"""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Literal

from model.sampling import uniform_v1

Corruption = Literal["switch", "reverse", "crop", "drop"]
CORRUPTIONS: tuple[Corruption, ...] = ("switch", "reverse", "crop", "drop")
FEWEST = 4  # frames, so that each of four clips has one


def corrupted(kind: Corruption, first: int, last: int, n: int, random: Random) -> list[int]:
    """The frames of a corrupted clip, where the true one shows n frames spread over first..last (both included).

    switch: two of four equal clips change places. reverse: a run of between half and all of the frames runs
    backwards. crop: n frames of a random half of the duration. drop: half of the frames, in order, are left.
    The result always differs from the true clip. Raises ValueError for fewer than 4 frames.
    """
    whole = [first + index for index in uniform_v1(last - first + 1, n)]
    if len(whole) < FEWEST:
        raise ValueError(f"a clip of {len(whole)} frames is too short to corrupt; it needs {FEWEST}.")
    match kind:
        case "switch":
            return _switched(whole, random)
        case "reverse":
            return _reversed(whole, random)
        case "crop":
            return _cropped(first, last, len(whole), random)
        case "drop":
            kept = sorted(random.sample(range(len(whole)), len(whole) // 2))
            return [whole[place] for place in kept]


def _switched(whole: list[int], random: Random) -> list[int]:
    edges = [round(len(whole) * quarter / 4) for quarter in range(5)]
    clips = [whole[start:end] for start, end in pairwise(edges)]
    one, other = random.sample(range(4), 2)
    clips[one], clips[other] = clips[other], clips[one]
    return [frame for clip in clips for frame in clip]


def _reversed(whole: list[int], random: Random) -> list[int]:
    length = random.randint(max(2, len(whole) // 2), len(whole))
    start = random.randint(0, len(whole) - length)
    return [*whole[:start], *reversed(whole[start : start + length]), *whole[start + length :]]


def _cropped(first: int, last: int, n: int, random: Random) -> list[int]:
    half = max(1, (last - first + 1) // 2)
    start = random.randint(first, last - half + 1)
    if half >= n:
        return [start + index for index in uniform_v1(half, n)]
    return [start + round(place * (half - 1) / (n - 1)) for place in range(n)]  # frames repeat where there are too few
