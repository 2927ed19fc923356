"""LVD-2M's motion score by a flow network as a stage: clips that are due go in, rows of `flows` come out.

The score (arXiv 2410.10816, section 3.1): frames at 2 a second, resized to 520x960, the mean length in pixels of the
flow between neighbours. The network is an argument; what is here reads the frames and adds up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from curate.clip_stage import clips_due, looked_at
from curate.observers.lvd_flow import LVD_HEIGHT, LVD_STEP_US, LVD_WIDTH
from engine.due import Due
from engine.run import Plan
from engine.work import Beat, Outcome, Reject, Row, Slot, Work
from media.sample import sample
from schemas.ids import fingerprint_of

STAGE = "flow"
VERSION = 1
CHUNK = 32  # pairs that are read and given to the network at once, so that a long clip needs no more memory

FlowLvd = Callable[[np.ndarray], float]
"""Frames, uint8 [T, 520, 960, 3] RGB with T >= 2, to the mean length in pixels of the T - 1 flows between them."""


@dataclass(frozen=True)
class FlowModel:
    """A flow network: `name` as it stands in the rows, `weights_hash` its identity, and how a worker gets it.

    `load(device)` runs once in each worker, and must be importable there (a function of a module, or a partial of one).
    """

    name: str
    weights_hash: str
    load: Callable[[str], FlowLvd]


def flow_plan(model: FlowModel) -> Plan:
    """The scores of many clips, ready to run."""
    return Plan(STAGE, _fingerprint(model), "clip_id", partial(_make_work, model))


def flow_due(model: FlowModel) -> Due:
    """The clips that this network has not scored and that have two frames to compare, video by video."""
    return clips_due(STAGE, _fingerprint(model), "flows", f"c.end_us - c.start_us > {LVD_STEP_US}")


def score(source: str, start_us: int, end_us: int, flow_lvd: FlowLvd, *, threads: int = 1) -> tuple[float, int]:
    """The score of the span [start_us, end_us) of a video, and from how many pairs of frames.

    Raises:
        MediaError: the file gives no pictures.
        ValueError: the span holds no two frames half a second apart.
    """
    times = range(start_us, end_us, LVD_STEP_US)
    if len(times) < 2:
        raise ValueError(f"[{start_us}, {end_us}) is too short for two frames {LVD_STEP_US} us apart")
    total = 0.0
    for first in range(0, len(times) - 1, CHUNK):
        chunk = times[first : first + CHUNK + 1]
        frames = sample(source, chunk, size=(LVD_WIDTH, LVD_HEIGHT), threads=threads)
        total += flow_lvd(np.stack([frame.rgb for frame in frames])) * (len(chunk) - 1)
    return total / (len(times) - 1), len(times) - 1


def _fingerprint(model: FlowModel) -> str:
    return fingerprint_of(STAGE, VERSION, {"model": model.name, "weights_hash": model.weights_hash})


def _make_work(model: FlowModel, slot: Slot) -> Work:
    return partial(_score_rows, model, model.load(slot.device), slot.threads)


def _score_rows(
    model: FlowModel, flow_lvd: FlowLvd, threads: int, rows: Sequence[Row], beat: Beat
) -> Iterator[Outcome]:
    def look(row: Row) -> Row | Reject:
        scorer = _beating(flow_lvd, beat)
        value, pairs = score(row["source"], row["start_us"], row["end_us"], scorer, threads=threads)
        if not np.isfinite(value):
            return Reject("flow_not_finite", f"{model.name} gave {value}")
        return {"model": model.name, "weights_hash": model.weights_hash, "flow_lvd": value, "num_pairs": pairs}

    return looked_at(rows, "flows", look)


def _beating(flow_lvd: FlowLvd, beat: Beat) -> FlowLvd:
    """The same, saying after each chunk that the worker is alive."""

    def scored(frames: np.ndarray) -> float:
        value = flow_lvd(frames)
        beat()
        return value

    return scored
