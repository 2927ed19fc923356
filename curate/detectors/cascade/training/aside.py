"""Which labelled videos training leaves out unless it is told otherwise, so that a bench can look at them apart.

Whether given weights have seen them is a matter of how they were trained: this list alone does not say.
"""

from __future__ import annotations

from pathlib import Path

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


def is_aside(name: str, aside: frozenset[str] = ASIDE) -> bool:
    """Whether training leaves out the video of this file name."""
    return name in aside


def read_names(file: Path) -> frozenset[str]:
    """File names, one a line; empty lines do not count."""
    return frozenset(line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip())
