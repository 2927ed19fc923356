"""Motion in shares of the frame's diagonal a second: the camera's, and what moves by itself.

Four times a second a frame is compared with the next such frame. These far pairs follow one another without a gap, so
that their sum is the camera's whole path and shake cancels in it. While the camera is off a straight course, its speed
is measured in close pairs (CLOSE_US) as well, in which a shaking hand hardly turns round. What moves by itself is
looked for between pictures from which the camera's motion was taken away: in a close pair if it is fast, else in the
far one, where slow motion is more than a fraction of a pixel.

Speeds are lengths before they are averaged, so that left and right do not cancel; all are divided by the real time
between the frames and by the diagonal, so that frame rate and resolution do not matter. Where the second picture does
not show any more what the first did, the world is taken to have moved as the camera says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from curate.observers.camera import Array, CameraFit, centred
from curate.observers.lvd_flow import LvdFlow
from curate.observers.objects import STEP, ObjectFlow, Residual
from curate.observers.ramp import ramp
from curate.observers.series import Series
from media.frame import Frame
from schemas.spans import US, Span

SAMPLE_US = 250_000
CLOSE_US = 50_000  # frames of a close pair lie at least this far apart
SLOW_PIXELS = 0.8  # while no patch moves further by itself within CLOSE_US, it is measured in the far pair
STILL_DIAG_PER_S = 0.005  # slower than this is not seen as motion: half a percent of the diagonal a second
SMALLEST = 20  # pixels: in a narrower picture there is no flow to be found
SLOWEST_MOVE = 0.002  # diagonals a second: a minute for an eighth of the picture
STEADY_STEPS = 5  # of the path, that lie on a straight course before the camera is taken to be steady
STEADY_DIAG_PER_S = 0.0015
STEADY_SHARE = 0.05
COLUMNS = (
    "flow_diag_per_s",
    "flow_p95_diag_per_s",
    "camera_diag_per_s",
    "camera_pan",
    "camera_tilt",
    "camera_zoom",
    "camera_roll",
    "camera_shake_diag_per_s",
    "camera_share",
    "object_flow_diag_per_s",
    "still_share",
    "static_camera_share",
    "ken_burns_score",
    "flow_dis_lvd",
)


class MotionObserver:
    """Fills the columns that COLUMNS names; None in pictures that are a strip."""

    def __init__(self) -> None:
        self._fit = CameraFit()
        self._objects = ObjectFlow()
        self._lvd = LvdFlow(self._objects)
        self._speeds = Series(4)  # flow, camera, objects: diagonals a second; misfit
        self._path = Series(5)  # seconds; shift right and up in diagonals, growth, turn clockwise in degrees
        self._sample: _Sample | None = None
        self._close: tuple[int, Array] | None = None
        self._next_us = 0
        self._is_slow = False
        self._course: list[complex] = []

    def push(self, frame: Frame) -> None:
        if min(frame.width, frame.height) < SMALLEST:
            return
        time_us, sample = frame.time_us, self._sample
        if sample is not None and self._close is not None and time_us - self._close[0] >= CLOSE_US:
            self._close_pair(sample, *self._close, frame)
            self._close = None if self._is_steady else (time_us, frame.luma)
        if time_us >= self._next_us:
            if sample is not None:
                self._far_pair(sample, frame)
            self._sample = _Sample(time_us, frame.luma)
            self._next_us = (time_us // SAMPLE_US + 1) * SAMPLE_US
            self._close = None if self._is_steady and self._is_slow else (time_us, frame.luma)

    def measure(self, clip: Span) -> dict[str, float | None]:
        columns: dict[str, float | None] = dict.fromkeys(COLUMNS)
        speeds, path = self._speeds.within(clip), self._path.within(clip)
        columns["flow_dis_lvd"] = self._lvd.mean_within(clip)
        if len(speeds):
            flow, camera, objects, _misfit = speeds.mean(0).tolist()
            columns["flow_diag_per_s"], columns["camera_diag_per_s"] = flow, camera
            columns["object_flow_diag_per_s"] = objects
            columns["flow_p95_diag_per_s"] = float(np.percentile(speeds[:, 0], 95))
            columns["still_share"] = float((speeds[:, 0] < STILL_DIAG_PER_S).mean())
            columns["static_camera_share"] = float((speeds[:, 1] < STILL_DIAG_PER_S).mean())
            if camera + objects > 0:
                columns["camera_share"] = camera / (camera + objects)
            rates = path[:, 1:].sum(0) / path[:, 0].sum()
            columns |= zip(("camera_pan", "camera_tilt", "camera_zoom", "camera_roll"), map(float, rates), strict=True)
            columns["camera_shake_diag_per_s"] = shake_of(path)
            columns["ken_burns_score"] = ken_burns_of(speeds, columns["camera_shake_diag_per_s"])
        return columns

    @property
    def _is_steady(self) -> bool:
        """Whether the camera's last velocities lie on a straight course; if so, a far pair tells its speed."""
        if len(self._course) < STEADY_STEPS:
            return False
        course = np.array(self._course)
        off = np.abs(course[:-2] - 2 * course[1:-1] + course[2:])
        return bool((off < np.maximum(STEADY_DIAG_PER_S, STEADY_SHARE * np.abs(course[1:-1]))).all())

    def _close_pair(self, sample: _Sample, time_us: int, luma: Array, frame: Frame) -> None:
        """The camera's speed at a moment, and at the sample itself what moves fast on its own."""
        seconds = (frame.time_us - time_us) / US
        is_wanted = time_us == sample.time_us and not self._is_slow
        camera = self._fit.between(luma, frame.luma, exactly=is_wanted)
        sample.fields.append(camera.rates(seconds))
        if is_wanted:
            sample.note(self._objects.between(luma, frame.luma, camera), seconds)

    def _far_pair(self, sample: _Sample, frame: Frame) -> None:
        """One step of the camera's path; with it the sample is complete."""
        seconds = (frame.time_us - sample.time_us) / US
        camera = self._fit.between(sample.luma, frame.luma)
        k, u = camera.rates(seconds)
        diagonal = math.hypot(frame.width, frame.height)
        moved = (u.real / diagonal, -u.imag / diagonal, k.real, -math.degrees(k.imag))
        self._path.add(sample.time_us, frame.time_us, seconds, *(rate * seconds for rate in moved))
        if self._is_steady or not sample.fields:
            sample.fields = [(k, u)]
        self._course = [*self._course[1 - STEADY_STEPS :], u / diagonal]
        if sample.objects is None:
            sample.note(self._objects.between(sample.luma, frame.luma, camera), seconds)
        assert sample.objects is not None
        self._speeds.add(sample.time_us, frame.time_us, *sample.speeds())
        self._is_slow = sample.fastest * CLOSE_US / US < SLOW_PIXELS
        self._lvd.add(sample.time_us, sample.luma, sample.objects, camera, frame)


@dataclass
class _Sample:
    """The first picture of the pairs, uint8 [H, W], and what is known of it so far.

    `fields`: k and u of the camera's field (see `Similarity.rates`), pixels a second, once or at several moments.
    `objects`: velocities of what moves by itself, complex64 [h, w] at STEP, pixels a second; `own`: their mean length
    where it is known; `fastest`: that of the fastest patch.
    """

    time_us: int
    luma: Array
    fields: list[tuple[complex, complex]] = field(default_factory=list)
    objects: Array | None = None
    own: float = 0.0
    fastest: float = 0.0
    misfit: float = 0.0

    def note(self, residual: Residual, seconds: float) -> None:
        self.objects = residual.flow / np.float32(seconds)
        self.misfit = residual.misfit
        self.own, self.fastest = residual.mean_pixels / seconds, residual.fastest_pixels / seconds

    def speeds(self) -> tuple[float, float, float, float]:
        """Mean speed of everything, of the camera and of what moves by itself, diagonals a second; the misfit."""
        height, width = self.luma.shape
        diagonal = math.hypot(width, height)
        near = self._mean_speeds(self.fields)
        # Between two frames a shaking hand turns round. What that hides grows with the square of the time between them,
        # so that pairs of twice the length tell how much it is (Richardson's extrapolation).
        doubled = [((k1 + k2) / 2, (u1 + u2) / 2) for (k1, u1), (k2, u2) in pairwise(self.fields)]
        hidden = np.maximum(near - self._mean_speeds(doubled), 0) / 3 if doubled else 0
        flow, camera = (near + hidden) / diagonal
        return float(flow), float(camera), self.own / diagonal, self.misfit

    def _mean_speeds(self, fields: list[tuple[complex, complex]]) -> Array:
        """Mean speed of everything and of the camera, pixels a second, where the camera's fields are these."""
        assert self.objects is not None
        height, width = self.luma.shape
        # every second of what is kept: enough for a mean
        here, objects = centred(width, height)[:: 2 * STEP, :: 2 * STEP], self.objects[::2, ::2]
        speeds = list[tuple[float, float]]()
        for k, u in fields:
            camera = np.complex64(k) * here - np.complex64(u)
            speeds.append((float(np.abs(camera + objects).mean()), float(np.abs(camera).mean())))
        return np.mean(speeds, 0)


def shake_of(path: Array) -> float | None:
    """How much the camera's speed jumps: root mean square of its departure from a straight course, diagonals a second.

    `path`: float64 [N, 5] as MotionObserver keeps it. Of three steps in a row the middle one's velocity is compared
    with the mean of its neighbours'; 2/3 of the squared difference is the variance of independent departures, and a
    steady pan or one that grows steadily has none. None for fewer than three steps.
    """
    if len(path) < 3:
        return None
    speed = (path[:, 1] + 1j * path[:, 2]) / path[:, 0]
    off = speed[1:-1] - (speed[:-2] + speed[2:]) / 2
    return float(np.sqrt(np.mean(np.abs(off) ** 2) * 2 / 3))


def ken_burns_of(speeds: Array, shake: float | None) -> float | None:
    """How much motion looks like a move over a photograph, 0 to 1: the share of time in which the camera moves, nothing
    moves against it (no parallax either), its speed does not jump, and the pictures are the same but for the move.

    `speeds`: float64 [N, 4] as MotionObserver keeps them. None where there is too little of them to tell.
    """
    if shake is None:
        return None
    moving = speeds[speeds[:, 1] > SLOWEST_MOVE]
    if not len(moving):
        return 0.0
    _flow, camera, own, misfit = np.median(moving, axis=0).tolist()
    is_rigid = 1 - ramp(own / camera, 0.03, 0.12)
    is_smooth = 1 - ramp(shake / camera, 0.1, 0.35)
    is_same = 1 - ramp(misfit, 0.45, 0.9)
    return is_rigid * is_smooth * is_same * len(moving) / len(speeds)
