"""Panda-70M's splitting as far as it needs no features: content cuts, and long scenes divided.

Panda-70M (arXiv 2402.19479; `splitting/` of its repository): ContentDetector with threshold 25, scenes of at least 15
frames; a scene longer than 7 s is divided at 5 s, again and again. What it stitches together afterwards by ImageBind
features stays divided here.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from curate.detectors.cut import Cut
from curate.detectors.pyscenedetect import PySceneDetect
from media.frame import Frame

THRESHOLD = 25.0
LONG_US = 7_000_000
PIECE_US = 5_000_000


class Panda70mDetector:
    """`fps`: average rate of the video, by which the 15 frames are counted."""

    name = "panda70m"

    def __init__(self, fps: Fraction) -> None:
        from scenedetect.detectors import ContentDetector  # noqa: PLC0415  (half a second, and only workers need it)

        self._content = PySceneDetect(self.name, ContentDetector(threshold=THRESHOLD), fps)

    def push(self, frame: Frame) -> None:
        self._content.push(frame)

    def finish(self, end_us: int) -> list[Cut]:
        cuts = self._content.finish(end_us)
        borders = [0, *(cut.start_us for cut in cuts), end_us]
        forced = [at for scene in pairwise(borders) for at in divisions(*scene)]
        return sorted([*cuts, *(Cut(at, at, "unspecified", None, self.name) for at in forced)])


def divisions(start_us: int, end_us: int) -> list[int]:
    """Where a scene is divided: 17 s from 0 at 5 and 10 s, which leaves 7 s."""
    at, places = start_us, list[int]()
    while end_us - at > LONG_US:
        at += PIECE_US
        places.append(at)
    return places
