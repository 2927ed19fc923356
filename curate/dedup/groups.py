"""From pairs of clips that may be one footage to groups, one clip of each being the one to keep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

CROSS_PAIRS = 6  # between two groups that are about to become one: so many are looked at
SURE = 0.3  # a pair counts by at most so much for or against

MarginOf = Callable[[int, int], float]


def groups_of(pairs: np.ndarray, margins: np.ndarray, num_clips: int, margin_of: MarginOf) -> np.ndarray:
    """The number of each clip's group, int64 [num_clips]: that of its lowest clip.

    pairs: int64 [P, 2]; margins: how sure each is, at least 0 for one footage. The surest pair comes first. Two groups
    become one where the pairs between them are one footage on the whole, so that one error joins no two groups.
    """
    group = np.arange(num_clips)
    members: dict[int, list[int]] = {}
    for place in np.argsort(-margins, kind="stable"):
        if margins[place] < 0:
            break
        one, other = (int(group[clip]) for clip in pairs[place])
        if one == other:
            continue
        mine, theirs = members.get(one, [one]), members.get(other, [other])
        if not _belong_together(mine, theirs, float(margins[place]), margin_of):
            continue
        joined = sorted(mine + theirs)
        members.pop(one, None)
        members.pop(other, None)
        members[joined[0]] = joined
        group[joined] = joined[0]
    return group


def _belong_together(mine: Sequence[int], theirs: Sequence[int], margin: float, margin_of: MarginOf) -> bool:
    count = len(mine) * len(theirs)
    if count == 1:
        return True
    some = np.unique(np.linspace(0, count - 1, CROSS_PAIRS).astype(int))
    margins = [margin] + [margin_of(mine[place % len(mine)], theirs[place // len(mine)]) for place in some]
    return float(np.clip(margins, -SURE, SURE).mean()) >= 0


@dataclass(frozen=True)
class Worth:
    """What makes a clip the one to keep of its group, the first difference deciding: more of each is better.

    `pixels`: of the picture within borders. `age`: seconds since it was found.
    """

    pixels: int
    seconds: float
    bits_per_second: float
    age: float

    def key(self) -> tuple[float, ...]:
        return (self.pixels, round(self.seconds, 1), round(self.bits_per_second), self.age)


REASONS = ("highest resolution", "longest", "highest bit rate", "earliest", "first by its id")


def keeper_of(worths: Sequence[Worth]) -> tuple[int, str]:
    """The place of the clip to keep, and why: what it has more of than the next best one."""
    order = sorted(range(len(worths)), key=lambda place: worths[place].key(), reverse=True)
    best, second = (worths[place].key() for place in order[:2])
    differs = [one != other for one, other in zip(best, second, strict=True)]
    return order[0], REASONS[differs.index(True) if any(differs) else -1]
