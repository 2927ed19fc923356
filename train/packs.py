"""Which samples of a step go through the network together."""

from __future__ import annotations

from collections.abc import Sequence


def packs_of(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Numbers of the samples of each pack: best fit, longest first; equal inputs give equal packs.

    lengths: tokens of each sample. capacity: tokens of a pack; a longer sample goes alone. In a pack, samples are
    ordered by length, so that equally long ones are neighbours.
    """
    if capacity < 1:
        raise ValueError(f"capacity must be >= 1, got {capacity}.")
    packs: list[list[int]] = []
    room: list[int] = []
    for number in sorted(range(len(lengths)), key=lambda n: (-lengths[n], n)):
        fitting = [pack for pack, left in enumerate(room) if left >= lengths[number]]
        if fitting:
            best = min(fitting, key=lambda pack: (room[pack], pack))
            packs[best].append(number)
            room[best] -= lengths[number]
        else:
            packs.append([number])
            room.append(capacity - lengths[number])
    return packs
