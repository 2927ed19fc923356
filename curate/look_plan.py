"""Which frames of a video a scan looks at, chosen from its packets so that as few others as possible are decoded."""

from __future__ import annotations

import numpy as np

from media.packets import PacketIndex

STEP_US = 65_000  # looks lie at least so far apart: every second frame at 30 fps
GAP_US = 140_000  # and at most so far, where there are frames between


def look_plan(index: PacketIndex) -> list[int]:
    """Frame numbers, ascending, from the first frame to the last.

    Frames that are sent before all later ones (I and P frames) must be decoded anyway; those between them (B frames)
    are taken only to fill gaps, the middle one first: in a pyramid of B frames the others need that one.
    """
    times = index.times_us
    leading = [int(number) for number in np.flatnonzero(index.leads)]
    last = len(times) - 1
    plan = [0]
    for number in [*leading, last]:
        if times[number] - times[plan[-1]] < STEP_US:
            continue
        plan += _between(times, plan[-1], number)
        plan.append(number)
    return plan if plan[-1] == last else [*plan, last]


def _between(times: np.ndarray, first: int, last: int) -> list[int]:
    """Frames that divide a gap: each as far as may be behind the one before, none nearer to another than STEP_US."""
    chosen, before = list[int](), first
    while times[last] - times[before] > GAP_US:
        near, far, latest = np.searchsorted(
            times, [times[before] + STEP_US, times[before] + GAP_US + 1, times[last] - STEP_US + 1]
        )
        if near >= latest:
            break
        before = max(int(near), min(int(far), int(latest)) - 1)
        chosen.append(before)
    return chosen
