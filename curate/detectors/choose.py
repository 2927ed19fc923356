"""Detectors by name."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from curate.detectors.adaptive import AdaptiveDetector
from curate.detectors.cut import Cut, Detector
from curate.detectors.fades import FadeDetector
from curate.detectors.lvd2m import Lvd2mDetector
from curate.detectors.pyscenedetect import NAMES, PySceneDetect
from media.frame import Frame

DETECTORS = ("default", "lvd2m", *(f"scenedetect-{name}" for name in NAMES))


def make_detector(name: str, fps: Fraction) -> Detector:
    """A detector by the name that `--detector` takes; a new one for each video.

    Raises:
        ValueError: no such detector.
    """
    if name == "default":
        return HardCutsAndFades(AdaptiveDetector(fps), FadeDetector())
    if name == "lvd2m":
        return Lvd2mDetector()
    if name in DETECTORS:
        return PySceneDetect(name.removeprefix("scenedetect-"), fps)
    raise ValueError(f"no detector {name!r}. Allowed: {', '.join(DETECTORS)}")


class HardCutsAndFades:
    """Two detectors at once: a hard cut that lies within a fade is that fade."""

    def __init__(self, hard: Detector, fades: Detector) -> None:
        self._hard, self._fades = hard, fades

    def push(self, frame: Frame) -> None:
        self._hard.push(frame)
        self._fades.push(frame)

    def finish(self, end_us: int) -> list[Cut]:
        fades = self._fades.finish(end_us)
        hard = [cut for cut in self._hard.finish(end_us) if not _within(cut, fades)]
        return sorted([*hard, *fades])


def _within(cut: Cut, fades: Sequence[Cut]) -> bool:
    return any(fade.start_us <= cut.start_us <= fade.end_us for fade in fades)
