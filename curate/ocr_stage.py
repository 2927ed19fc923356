"""Text in the picture as a stage, read by an OCR engine: clips that are due go in, rows of `ocr_texts` come out.

The engine is an argument; what is here reads the frames, adds up the area, and joins what was read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import cv2
import numpy as np

from curate.clip_stage import clips_due, looked_at
from engine.due import Due
from engine.run import Plan
from engine.work import Beat, Outcome, Row, Slot, Work
from media.sample import sample
from schemas.ids import fingerprint_of

STAGE = "ocr"
VERSION = 1
STEP_US = 2_000_000  # between frames: a subtitle stands longer
MAX_FRAMES = 16
MAX_SIDE = 960
LEAST_CONFIDENCE = 0.5


@dataclass(frozen=True)
class Line:
    """A line that was read: its corners, float [4, 2] in pixels, its text, and how sure the engine is, 0 to 1."""

    corners: np.ndarray
    text: str
    confidence: float


ReadLines = Callable[[np.ndarray], Sequence[Line]]
"""A frame, uint8 [H, W, 3] RGB, to the lines in it, as they are read."""


@dataclass(frozen=True)
class Reader:
    """An OCR engine: `name` and `version` as they stand in the rows, and how a worker gets it.

    `load(threads)` runs once in each worker, and must be importable there.
    """

    name: str
    version: str
    load: Callable[[int], ReadLines]


@dataclass(frozen=True)
class Read:
    """What was read in some frames. text: each line once, in the order of its first frame; None where there is none.

    text_share: mean share of the frame that lines cover. confidence: mean of the lines kept; None without any.
    """

    text: str | None
    text_share: float
    confidence: float | None
    num_frames: int


def ocr_plan(reader: Reader) -> Plan:
    """The texts of many clips, ready to run."""
    return Plan(STAGE, _fingerprint(reader), "clip_id", partial(_make_work, reader))


def ocr_due(reader: Reader) -> Due:
    """The clips that this engine has not read, video by video."""
    return clips_due(STAGE, _fingerprint(reader), "ocr_texts")


def times_of(start_us: int, end_us: int) -> list[int]:
    """The middles of equal parts of the clip of about STEP_US, at most MAX_FRAMES of them."""
    count = int(np.clip(round((end_us - start_us) / STEP_US), 1, MAX_FRAMES))
    return [start_us + (end_us - start_us) * (2 * place + 1) // (2 * count) for place in range(count)]


def read_text(frames: Sequence[np.ndarray], read_lines: ReadLines, beat: Beat = lambda: None) -> Read:
    """What stands in some frames, uint8 [H, W, 3] RGB; lines that the engine is unsure of count in neither."""
    seen: dict[str, str] = {}
    shares, sure = [], []
    for frame in frames:
        lines = [line for line in read_lines(frame) if line.confidence >= LEAST_CONFIDENCE and line.text.strip()]
        covered = np.zeros(frame.shape[:2], np.uint8)
        for line in lines:
            cv2.fillPoly(covered, [np.round(line.corners).astype(np.int32)], 1)
            text = " ".join(line.text.split())
            seen.setdefault(text.casefold(), text)
            sure.append(line.confidence)
        shares.append(float(covered.mean()))
        beat()
    text = "\n".join(seen.values()) or None
    return Read(text, float(np.mean(shares)), float(np.mean(sure)) if sure else None, len(shares))


def _fingerprint(reader: Reader) -> str:
    return fingerprint_of(STAGE, VERSION, {"reader": reader.name, "version": reader.version})


def _make_work(reader: Reader, slot: Slot) -> Work:
    return partial(_read_rows, reader, reader.load(slot.threads), slot.threads)


def _read_rows(
    reader: Reader, read_lines: ReadLines, threads: int, rows: Sequence[Row], beat: Beat
) -> Iterator[Outcome]:
    def look(row: Row) -> Row:
        times = times_of(row["start_us"], row["end_us"])
        frames = sample(row["source"], times, max_side=MAX_SIDE, threads=threads)
        read = read_text([frame.rgb for frame in frames], read_lines, beat)
        return {"reader": reader.name, "reader_version": reader.version, **asdict(read)}

    return looked_at(rows, "ocr_texts", look)
