"""What near-duplicates are known by: low spatial frequencies of the picture within its borders, over time.

Four times a second the luma picture is kept as a thumbnail of 32x32 cells, with the place of its borders. For a clip
the borders are then cut off, and of what is left the 8x8 lowest frequencies of the cosine transform are written down, a
signed byte each; of clips of more than 16 s two samples a second. Cropping and mirroring are matrices on them
(curate/dedup/geometry.py), so that one signature answers for all such edits.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left

import cv2
import numpy as np

from media.frame import Frame
from schemas.spans import Span

STEP_US = 250_000
MAX_FINE = 64  # a clip with more samples keeps every second one: from 16 s on, two a second
SIDE = 32  # cells of a thumbnail, both ways
FREQUENCIES = 8
BYTES = FREQUENCIES * FREQUENCIES
BORDER_RANGE = 8  # grey levels by which a border pixel may differ from the median of the outermost row
BLACK = 10
MOSTLY, NEARLY = 0.6, 0.97  # share of a row that is border: on black there may be text
ALIKE_WIDTH = 0.03  # of the side, by which borders that are not black may differ: other flat margins are content
EDGE_STEP = 10  # grey levels, mean along a row: the step from border to picture; a dark scene fades in without one
MAX_BORDER = 0.42  # of the side; what looks like more is a dark scene
EDGE_ROWS = 8  # rows of the working picture within which a border becomes picture
BORDER_SHARE = 0.1  # of the samples: the share that may say that the border ends further out


class SignatureObserver:
    """Fills signature and signature_us.

    Keeps 1 KiB a sample until its video is done: 30 MB for two hours.
    """

    def __init__(self) -> None:
        self._times = array("q")
        self._thumbnails = bytearray()
        self._boxes = array("f")
        self._next_us = 0

    def push(self, frame: Frame) -> None:
        if frame.time_us < self._next_us:
            return
        luma = frame.luma
        self._times.append(frame.time_us)
        self._thumbnails += cv2.resize(luma, (SIDE, SIDE), interpolation=cv2.INTER_AREA).tobytes()
        self._boxes.extend(borders(luma))
        self._next_us = (frame.time_us // STEP_US + 1) * STEP_US

    def measure(self, clip: Span) -> dict[str, bytes | list[int] | None]:
        first, last = (bisect_left(self._times, at) for at in (clip.start_us, clip.end_us))
        if first == last:
            return {"signature": None, "signature_us": None}
        thumbnails = np.frombuffer(self._thumbnails, np.uint8).reshape(-1, SIDE, SIDE)[first:last]
        box = box_of(np.frombuffer(self._boxes, np.float32).reshape(-1, 4)[first:last])
        step = 1 + (last - first > MAX_FINE)
        signature = spectrum(thumbnails[::step], box)
        return {"signature": signature.tobytes(), "signature_us": list(self._times[first:last:step])}


def borders(luma: np.ndarray) -> tuple[float, float, float, float]:
    """Widths of the flat borders: above, below, left, right, as shares of the sides; nan where it cannot be told.

    luma: uint8 [H, W]. A row is border while its pixels are as bright as the outermost row. On black there may be text;
    borders of other colours count where both sides have one, or the margins of a slide would be borders.
    """
    turned = cv2.transpose(luma)
    return *_borders(luma), *_borders(turned)


def _borders(luma: np.ndarray) -> tuple[float, float]:
    first, level = _border(luma)
    last, other = _border(luma[::-1])
    if max(level, other) > BLACK and abs(first - last) > ALIKE_WIDTH:
        return (first if level <= BLACK else 0.0), (last if other <= BLACK else 0.0)
    return first, last


def _border(luma: np.ndarray) -> tuple[float, int]:
    """The share of the rows, from the first, that are border (nan where they end without a step), and its luma."""
    width = luma.shape[1]
    level = int(np.partition(luma[0], width // 2)[width // 2])
    needed = MOSTLY if level <= BLACK else NEARLY
    if np.count_nonzero(np.abs(luma[0].astype(np.int16) - level) <= BORDER_RANGE) < needed * width:
        return 0.0, level
    step = cv2.absdiff(luma, np.full_like(luma, level))
    border = (step <= BORDER_RANGE).mean(axis=1) >= needed
    if border.all():
        return float("nan"), level
    first = int(border.argmin())
    return _place_of_edge(step[first : first + EDGE_ROWS].mean(axis=1), first) / len(border), level


def _place_of_edge(steps: np.ndarray, first: int) -> float:
    """Where a border that is left at row `first` really ends, in rows: at half of the step; nan for none.

    steps: mean distance from the border's luma, of that row and some after it. Coarse encoders blur the edge.
    """
    half = float(steps.max()) / 2
    if half * 2 < EDGE_STEP:
        return float("nan")
    row = int((steps >= half).argmax())
    before = float(steps[row - 1]) if row else 0.0
    return first + row + 0.5 - (float(steps[row]) - half) / max(float(steps[row]) - before, 1e-6)


def box_of(widths: np.ndarray) -> tuple[float, float, float, float]:
    """Top, bottom, left and right of the picture within the borders of a clip's samples, float [N, 4] as of `borders`.

    Nearly all samples must have the border: a dark moment does not make one.
    """
    above, below, left, right = (_width(column) for column in widths.T)
    return above, 1 - below, left, 1 - right


def _width(samples: np.ndarray) -> float:
    known = samples[~np.isnan(samples)]
    width = float(np.quantile(known, BORDER_SHARE)) if known.size else 0.0
    return width if width <= MAX_BORDER else 0.0


def spectrum(thumbnails: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """The lowest frequencies within a box (`borders`) of thumbnails uint8 [N, SIDE, SIDE]: int8 [N, 64].

    The first is the mean luma less 128; the others are coefficients of the orthonormal cosine basis on the box times
    `GAIN`, vertical frequency first.
    """
    down, across = _basis(box[0], box[1]), _basis(box[2], box[3])
    picture = _without_border(thumbnails.astype(np.float32), box)
    coefficients = down @ picture @ across.T
    coefficients[:, 0, 0] -= 128
    return np.clip(np.rint(coefficients * GAIN), -127, 127).astype(np.int8).reshape(-1, BYTES)


def _without_border(cells: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """The same cells, float32 [N, SIDE, SIDE], with the border taken out of those that hold some of it.

    A cell is the mean of its border, as bright as the outermost cells, and of its picture.
    """
    for axis, low, high in ((1, box[0], box[1]), (2, box[2], box[3])):
        for width, turned in ((low, cells), (1 - high, np.flip(cells, axis))):
            rows = np.moveaxis(turned, axis, 0)
            whole, share = int(width * SIDE), width * SIDE % 1
            if share > MOSTLY:
                rows[whole] = rows[whole + 1]
            elif share:
                outermost = rows[0].mean(axis=1, keepdims=True) if whole else 0.0
                rows[whole] = np.clip((rows[whole] - share * outermost) / (1 - share), 0, 255)
    return cells


def _gain() -> np.ndarray:
    """What a coefficient is multiplied by before it is rounded: the higher the frequency, the smaller it is."""
    order = np.add.outer(np.arange(FREQUENCIES), np.arange(FREQUENCIES))
    return np.where(order == 0, 1.0, np.where(order < 3, 1.5, 3.0)).astype(np.float32)


GAIN = _gain()


def _basis(low: float, high: float) -> np.ndarray:
    """Means of the cosine basis of [low, high] over each cell of [0, 1], float32 [FREQUENCIES, SIDE].

    A thumbnail is taken as constant within its cells, so the integral of a cosine over a cell is a difference of
    sines: exact wherever the box cuts the cells.
    """
    edges = (np.clip(np.arange(SIDE + 1) / SIDE, low, high) - low) / (high - low)
    waves = [np.diff(edges)]
    waves += [np.diff(np.sqrt(2) * np.sin(np.pi * k * edges) / (np.pi * k)) for k in range(1, FREQUENCIES)]
    return np.stack(waves).astype(np.float32)
