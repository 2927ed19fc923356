"""Detectors by name."""

from __future__ import annotations

from fractions import Fraction

from curate.detectors.cascade.detector import CascadeDetector
from curate.detectors.cut import Detector
from curate.detectors.lvd2m import Lvd2mDetector
from curate.detectors.panda70m import Panda70mDetector
from curate.detectors.pyscenedetect import NAMES, PySceneDetect, scenedetect_detector

SCENEDETECT = tuple(f"scenedetect-{name}" for name in NAMES)
DETECTORS = ("default", "transnetv2", *SCENEDETECT, "lvd2m", "panda70m")


def make_detector(name: str, fps: Fraction) -> Detector:
    """A detector by the name that `--detector` takes; a new one for each video.

    Raises:
        ValueError: no such detector.
    """
    match name:
        case "default":
            return CascadeDetector()
        case "transnetv2":
            from curate.detectors.transnetv2 import TransNetV2Detector  # noqa: PLC0415  (torch)

            return TransNetV2Detector()
        case "lvd2m":
            return Lvd2mDetector()
        case "panda70m":
            return Panda70mDetector(fps)
        case _ if name in SCENEDETECT:
            return PySceneDetect(name, scenedetect_detector(name.removeprefix("scenedetect-")), fps)
        case _:
            raise ValueError(f"no detector {name!r}. Allowed: {', '.join(DETECTORS)}")
