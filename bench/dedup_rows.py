"""Signatures of clips that were never filmed, with copies planted among them, for time and memory at scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from curate.dedup.search import Signatures
from curate.observers.signature import BYTES, FREQUENCIES, GAIN

COPIES = 0.05  # of the clips
AT_ONCE = 20_000
STEP_S = 0.5


def planted(num_clips: int, folder: Path, seed: int = 0) -> tuple[Signatures, np.ndarray]:
    """Signatures of clips of 5 to 35 seconds, two samples a second, and which clip is a copy of which, [copies, 2].

    A picture's coefficients fall with their frequency, as those of natural pictures do, and wander over time around the
    mean of the clip. A copy is brighter or darker in contrast, noisy and trimmed to two thirds; every second one is
    mirrored.
    """
    rng = np.random.default_rng(seed)
    frequency = np.hypot(*np.indices((FREQUENCIES, FREQUENCIES)))
    fall = (45 / np.maximum(frequency, 0.7) ** 1.2 * GAIN).ravel().astype(np.float32)
    turn = np.where(np.arange(BYTES) % FREQUENCIES % 2, -1, 1)
    lengths, copies, kept = [], [], []
    with (folder / "values.i8").open("wb") as values, (folder / "seconds.f4").open("wb") as seconds:
        for first in range(0, num_clips, AT_ONCE):
            count = min(AT_ONCE, num_clips - first)
            sizes = rng.integers(10, 70, count)
            for place in range(count):
                number = first + place
                if kept and rng.random() < COPIES:
                    source, rows = kept[rng.integers(len(kept))]
                    begin = int(rng.integers(0, len(rows) // 3 + 1))
                    rows = rows[begin : begin + max(8, len(rows) * 2 // 3)] * np.float32(rng.uniform(0.8, 1.2))
                    rows = (rows * turn if number % 2 else rows) + rng.normal(0, 1, rows.shape)
                    copies.append((source, number))
                else:
                    rows = _walk(int(sizes[place]), fall, rng)
                    if number % 7 == 0 and len(kept) < 50_000:
                        kept.append((number, rows))
                values.write(np.clip(np.rint(rows), -127, 127).astype(np.int8).tobytes())
                seconds.write((np.arange(len(rows)) * STEP_S).astype(np.float32).tobytes())
                lengths.append(len(rows))
    return Signatures(folder, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)), np.array(copies)


def _walk(length: int, fall: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A clip's rows, float32 [length, 64]: a picture, and what moves in it, which forgets itself within seconds."""
    steps = rng.standard_normal((length, len(fall)), np.float32)
    for row in range(1, length):
        steps[row] = 0.8 * steps[row - 1] + 0.6 * steps[row]
    return (rng.standard_normal(len(fall), np.float32) + 0.4 * steps) * fall
