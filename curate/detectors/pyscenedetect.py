"""PySceneDetect's detectors as they are, with their default settings, on frames 256 pixels wide as it uses them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING

from curate.detectors.cut import Cut
from media.frame import Frame

if TYPE_CHECKING:
    from scenedetect.detector import SceneDetector

NAMES = ("adaptive", "content", "hash", "histogram")
US = Fraction(1, 1_000_000)


class PySceneDetect:
    """One of PySceneDetect's detectors. It knows hard cuts only, and does not say how sure it is.

    `name`: what its cuts are signed with. `fps`: average rate of the video; PySceneDetect counts its shortest scene (15
    frames) by it.
    """

    def __init__(self, name: str, detector: SceneDetector, fps: Fraction) -> None:
        self.name = name
        self._detector = detector
        self._fps = fps
        self._cuts: list[int] = []
        self._last: Frame | None = None

    def push(self, frame: Frame) -> None:
        from scenedetect.common import FrameTimecode, Timecode  # noqa: PLC0415

        timecode = FrameTimecode(Timecode(frame.time_us, US), fps=self._fps)
        self._cuts += [cut.pts for cut in self._detector.process_frame(timecode, frame.bgr)]
        self._last = frame

    def finish(self, end_us: int) -> list[Cut]:
        from scenedetect.common import FrameTimecode, Timecode  # noqa: PLC0415

        if self._last is not None:
            timecode = FrameTimecode(Timecode(self._last.time_us, US), fps=self._fps)
            self._cuts += [cut.pts for cut in self._detector.post_process(timecode)]
        times = sorted({time for time in self._cuts if 0 < time < end_us})
        return [Cut(time, time, "hard", None, self.name) for time in times]


def scenedetect_detector(name: str) -> SceneDetector:
    """The detector of that name (NAMES) with its default settings.

    Raises:
        ValueError: no such detector.
    """
    from scenedetect import detectors  # noqa: PLC0415  (half a second, and only workers need it)

    makers: dict[str, Callable[[], SceneDetector]] = {
        "adaptive": detectors.AdaptiveDetector,
        "content": detectors.ContentDetector,
        "hash": detectors.HashDetector,
        "histogram": detectors.HistogramDetector,
    }
    if name not in makers:
        raise ValueError(f"PySceneDetect has no detector {name!r} here. Allowed: {', '.join(NAMES)}")
    return makers[name]()
