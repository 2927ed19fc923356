"""The groups of labelled videos that training can leave out, so that its networks can be tried on what they never saw.

A made video is of takes of one group. So a training without a group makes the same videos as one with it, less the
group's. Group 0 is looked at by a bench alone; what is chosen is chosen with the other two left out in turn.
"""

from __future__ import annotations

from collections.abc import Iterable

NUM_GROUPS = 3

ASIDE = frozenset(
    {
        # every third of the single takes, by name
        "aa_making_cake.mp4",
        "dj_video11.mp4",
        "dj_video5_vertical.mp4",
        "mdn_friday.mp4",
        "mp4ff_vvc.mp4",
        "sio_awesome_vfr.mov",
        "t2v_baby.mp4",
        "vl_dog_barking.mp4",
        # of those that hold transitions
        "llavanext_jobs_vertical.mp4",
        "mp_bbb_0_30.webm",
        "psd_goldeneye_vfr_drop3.mp4",
        "psd_issue134_rotate.mp4",
        "skv_bikes.mp4",
        "tarsier_demo_8fps.mp4",
        # damaged, and too short: no training can use them
        "decord_corrupted.mp4",
        "decord_rot90.mov",
    }
)


def is_aside(name: str) -> bool:
    """Whether the video of this file name is of group 0."""
    return name in ASIDE


def groups_of(names: Iterable[str]) -> dict[str, int]:
    """The group of each name, 0 to NUM_GROUPS - 1."""
    names = list(names)
    others = sorted(name for name in names if not is_aside(name))
    groups = {name: 1 + number % (NUM_GROUPS - 1) for number, name in enumerate(others)}
    return {name: groups.get(name, 0) for name in names}
