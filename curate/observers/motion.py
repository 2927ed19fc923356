"""Motion by dense optical flow (DIS), in shares of the frame's diagonal a second.

Two frames a short while apart are compared four times a second: near enough that fast motion is still followed, and
while nothing moves fast four times as far, so that slow motion is more than a fraction of a pixel. Vectors are
measured by their length before they are averaged, so that motion to the left and to the right do not cancel, and
divided by the real time between the two frames and by the diagonal, so that frame rate and resolution do not matter.

`flow_dis_lvd` is LVD-2M's score (arXiv 2410.10816, section 3.1: RAFT between neighbouring frames at 2 fps, resized to
520x960, mean magnitude in pixels) with DIS in place of RAFT. Over half a second DIS alone loses what moves far, so it
begins at the motion that the near pair of the same first frame showed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from curate.observers.series import Series
from media.frame import Frame
from schemas.spans import US, Span

SAMPLE_US = 250_000
PAIR_US = 60_000  # frames of a pair lie at least this far apart: two frames at 30 fps
SLOW_PAIR_US = 240_000  # the same while no patch of the picture moves by SLOW_PIXELS within PAIR_US
SLOW_PIXELS = 1.0
PATCHES = (32, 18)
LVD_STEP_US = 500_000
LVD_HEIGHT, LVD_WIDTH = 520, 960
STILL_DIAG_PER_S = 0.005  # slower than this is not seen as motion: half a percent of the diagonal a second


class MotionObserver:
    """Fills flow_diag_per_s, flow_p95_diag_per_s, still_share and flow_dis_lvd."""

    def __init__(self) -> None:
        # two of them: a DIS object that was once given a guess begins at that guess for ever after (OpenCV 5.0)
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._guided_dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._speeds, self._lvd_scores = Series(1), Series(1)
        self._first: _Seen | None = None
        self._lvd_first: _Seen | None = None
        self._velocity: np.ndarray | None = None
        self._next_us = self._lvd_next_us = 0
        self._gap_us = PAIR_US

    def push(self, frame: Frame) -> None:
        self._push_pair(frame)
        self._push_lvd(frame)

    def measure(self, clip: Span) -> dict[str, float | None]:
        speeds = self._speeds.within(clip)[:, 0]
        scores = self._lvd_scores.within(clip)[:, 0]
        return {
            "flow_diag_per_s": float(speeds.mean()) if speeds.size else None,
            "flow_p95_diag_per_s": float(np.percentile(speeds, 95)) if speeds.size else None,
            "still_share": float((speeds < STILL_DIAG_PER_S).mean()) if speeds.size else None,
            "flow_dis_lvd": float(scores.mean()) if scores.size else None,
        }

    def _push_pair(self, frame: Frame) -> None:
        first = self._first
        if first is not None and frame.time_us - first.time_us >= self._gap_us:
            seconds = (frame.time_us - first.time_us) / US
            diagonal = float(np.hypot(frame.width, frame.height))
            flow = self._dis.calc(first.luma, frame.luma, _no_guess())
            lengths = lengths_of(flow)
            if self._lvd_first is not None and self._lvd_first.time_us == first.time_us:
                self._velocity = flow / seconds
            self._speeds.add(first.time_us, frame.time_us, cv2.mean(lengths)[0] / diagonal / seconds)
            fastest = float(cv2.resize(lengths, PATCHES, interpolation=cv2.INTER_AREA).max())
            self._gap_us = SLOW_PAIR_US if fastest / seconds * PAIR_US / US < SLOW_PIXELS else PAIR_US
            self._first = None
        if self._first is None and frame.time_us >= self._next_us:
            self._first = _Seen(frame.time_us, frame.luma)
            self._next_us = (frame.time_us // SAMPLE_US + 1) * SAMPLE_US

    def _push_lvd(self, frame: Frame) -> None:
        if frame.time_us < self._lvd_next_us:
            return
        first = self._lvd_first
        if first is not None:
            scale = (LVD_WIDTH / frame.width, LVD_HEIGHT / frame.height)
            seconds = (frame.time_us - first.time_us) / US
            if self._velocity is None:
                flow = self._dis.calc(first.luma, frame.luma, _no_guess())
            else:
                flow = self._guided_dis.calc(first.luma, frame.luma, self._velocity * np.float32(seconds))
            self._lvd_scores.add(first.time_us, frame.time_us, cv2.mean(lengths_of(flow, scale))[0])
        self._lvd_first, self._velocity = _Seen(frame.time_us, frame.luma), None
        self._lvd_next_us = (frame.time_us // LVD_STEP_US + 1) * LVD_STEP_US


@dataclass(frozen=True)
class _Seen:
    """The first picture of a pair: its time and luma, uint8 [H, W]."""

    time_us: int
    luma: np.ndarray


def _no_guess() -> np.ndarray:
    """What DIS takes for "begin at no motion"."""
    return np.empty(0, np.float32)


def lengths_of(flow: np.ndarray, scale: tuple[float, float] = (1.0, 1.0)) -> np.ndarray:
    """Lengths, float32 [H, W], of the vectors of a flow field [H, W, 2], each axis stretched by its scale first."""
    x, y = cv2.split(flow)
    return cv2.magnitude(x * scale[0], y * scale[1])
