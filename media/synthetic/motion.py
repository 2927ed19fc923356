"""What moves how fast, computed from the world itself: no pixels, no frame rate, no resolution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from media.synthetic.camera import Pose
from media.synthetic.scene import Scene, exact_seconds
from media.synthetic.texture import Image

GRID_COLUMNS = 128
INSTANT_S = 1e-3
LVD_STEP_S = 0.5


@dataclass(frozen=True)
class Motion:
    """The motion of one clip; every mean is over the whole picture and the whole clip. Rates are per second.

    With v(x) the velocity on the screen of what is seen at pixel x, in frame diagonals per second, and c(x) what v
    would be if everything stood still in the world (the camera's field c = k*x - u, see `Camera`):
    `flow_diag_per_s` = mean |v|; `camera_flow_diag_per_s` = mean |c|; `object_flow_diag_per_s` = mean |v - c|;
    `camera_share` = camera / (camera + object), None when nothing moves; `object_area_share` = mean share of pixels
    where v differs from c. `flow_half_second_diag_per_s` = mean |displacement over 0.5 s| / 0.5 s, as LVD-2M
    measures (2 frames per second): below `flow_diag_per_s` where motion turns back within half a second (shake);
    None for clips shorter than that. `camera_*` rates with `Camera`'s signs; shake is part of pan and tilt.
    Overlays stand still on the screen: under a moving camera they are objects that move against it.
    """

    flow_diag_per_s: float
    flow_half_second_diag_per_s: float | None
    camera_flow_diag_per_s: float
    object_flow_diag_per_s: float
    camera_share: float | None
    object_area_share: float
    camera_pan_diag_per_s: float
    camera_tilt_diag_per_s: float
    camera_zoom_per_s: float
    camera_roll_deg_per_s: float


def scene_motion(scene: Scene, span: tuple[Fraction, Fraction], aspect: float) -> Motion:
    """The motion of `scene` over `span` (seconds from the scene's start), in a frame of `aspect` = width / height.

    Numerically exact: fields from the poses INSTANT_S apart (symmetric, error below 1e-6 relative), averaged over
    a grid of 128 columns and at least 10 instants a second, in the middle of equal steps. Outlines are tested at
    another place in each cell at each instant, so that no share is rounded to whole cells.
    """
    start, end = (float(edge + exact_seconds(scene.start_s)) for edge in span)
    steps = max(8, math.ceil((end - start) * 10))
    instants = start + (end - start) * (np.arange(steps) + 0.5) / steps
    grid = _grid(aspect)
    sums = np.zeros(8)
    for index, at in enumerate(instants.tolist()):
        seen, camera = _velocities(scene, at, grid, _jitter(index, aspect))
        own = np.abs(seen - camera)
        k, u = _rates(scene, at)
        fields = (np.abs(seen).mean(), np.abs(camera).mean(), own.mean(), (own > 1e-6).mean())
        sums += (*fields, u.real, -u.imag, k.real, -math.degrees(k.imag))
    flow, camera_flow, object_flow, area, pan, tilt, zoom, roll = (sums / steps).tolist()
    moved = camera_flow + object_flow
    return Motion(
        flow_diag_per_s=flow,
        flow_half_second_diag_per_s=_half_second_flow(scene, start, end, aspect),
        camera_flow_diag_per_s=camera_flow,
        object_flow_diag_per_s=object_flow,
        camera_share=camera_flow / moved if moved > 1e-9 else None,
        object_area_share=area,
        camera_pan_diag_per_s=pan,
        camera_tilt_diag_per_s=tilt,
        camera_zoom_per_s=zoom,
        camera_roll_deg_per_s=roll,
    )


def displacement(scene: Scene, seconds: float, step_s: float, width: int, height: int) -> Image:
    """The exact flow from `seconds` to `seconds + step_s` of a scene: float64 [height, width, 2], pixels (x, y).

    Where a thing is covered later or leaves the frame, the flow is still where it goes.
    """
    start = seconds + float(exact_seconds(scene.start_s))
    moved, _ = _displaced(scene, start, (start, start + step_s), _grid(width / height, width, height))
    return np.stack([moved.real, moved.imag], -1) * math.hypot(width, height)


def _grid(aspect: float, width: int = GRID_COLUMNS, height: int | None = None) -> Image:
    """Pixel centres as complex screen coordinates in diagonals, [height, width]."""
    rows = height or max(1, round(width / aspect))
    diag = math.hypot(aspect, 1)
    x = ((np.arange(width) + 0.5) / width - 0.5) * aspect / diag
    y = ((np.arange(rows) + 0.5) / rows - 0.5) / diag
    return x[None, :] + 1j * y[:, None]


def _jitter(index: int, aspect: float) -> complex:
    """A place within a cell of the grid, in diagonals from its centre; evenly spread over `index` (R2 sequence)."""
    cell = aspect / math.hypot(aspect, 1) / GRID_COLUMNS
    return cell * complex((index * 0.7548776662 + 0.5) % 1 - 0.5, (index * 0.5698402910 + 0.5) % 1 - 0.5)


def _displaced(
    scene: Scene, seen_at: float, span: tuple[float, float], grid: Image, jitter: complex = 0j
) -> tuple[Image, Image]:
    """How far what is seen at `seen_at` moves over `span`, and how far the world behind it; complex diagonals.

    Times are on the scene's clock, which starts at its `start_s`. `jitter`: where in a cell outlines are tested.
    """
    times = (seen_at, *span)
    poses = [scene.camera.pose(at) for at in times]
    camera = _moved(poses, grid)
    seen = camera.copy()
    for shape in scene.shapes:
        own = [shape.pose(at, pose) for at, pose in zip(times, poses, strict=True)]
        local = (grid + jitter - own[0].b) / own[0].a
        inside = shape.distance(local.real, local.imag) < 0
        seen[inside] = _moved(own, grid)[inside]
    for overlay in scene.overlays:
        if overlay.is_shown(seen_at - float(exact_seconds(scene.start_s))):
            seen[overlay.alpha(grid.shape[1], grid.shape[0]) > 0.5] = 0
    return seen, camera


def _moved(poses: Sequence[Pose], grid: Image) -> Image:
    seen, start, end = poses
    return (end.a - start.a) * ((grid - seen.b) / seen.a) + (end.b - start.b)


def _velocities(scene: Scene, at: float, grid: Image, jitter: complex) -> tuple[Image, Image]:
    seen, camera = _displaced(scene, at, (at - INSTANT_S / 2, at + INSTANT_S / 2), grid, jitter)
    return seen / INSTANT_S, camera / INSTANT_S


def _rates(scene: Scene, at: float) -> tuple[complex, complex]:
    """k and u of the camera's field c(x) = k*x - u at one instant."""
    before, now, after = (scene.camera.pose(at + shift * INSTANT_S / 2) for shift in (-1, 0, 1))
    k = (after.a - before.a) / (now.a * INSTANT_S)
    return k, k * now.b - (after.b - before.b) / INSTANT_S


def _half_second_flow(scene: Scene, start: float, end: float, aspect: float) -> float | None:
    room = end - start - LVD_STEP_S
    if room < 0:
        return None
    steps = max(2, math.ceil(room * 4))
    starts = (start + room * (np.arange(steps) + 0.5) / steps).tolist()
    grid, total = _grid(aspect), 0.0
    for index, at in enumerate(starts):
        moved, _ = _displaced(scene, at, (at, at + LVD_STEP_S), grid, _jitter(index, aspect))
        total += float(np.abs(moved).mean())
    return total / steps / LVD_STEP_S
