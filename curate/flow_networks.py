"""The flow networks that `curate flow` knows, as `FlowModel`s: torchvision's RAFT. Needs the extra `model`."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

import numpy as np

from curate.flow_stage import FlowLvd, FlowModel

NETWORKS = {"raft_small": "small", "raft_large": "large"}
PUBLISHED = "published"
"""What stands for the hash of torchvision's own weights: it fetches the newest that it knows, and checks them."""
BATCH = {"cpu": 1, "cuda": 16}


def raft(name: str, weights: str | None) -> FlowModel:
    """RAFT by the name that `--model` takes; `weights`: a .pth or .safetensors file, None for torchvision's own.

    Raises:
        ValueError: no such network.
        OSError: the file cannot be read.
    """
    if name not in NETWORKS:
        raise ValueError(f"no flow network {name!r}. Allowed: {', '.join(NETWORKS)}")
    identity = PUBLISHED
    if weights:
        with Path(weights).open("rb") as file:
            identity = hashlib.file_digest(file, "sha256").hexdigest()
    return FlowModel(name, identity, partial(load_raft, NETWORKS[name], weights))


def load_raft(size: str, weights: str | None, device: str) -> FlowLvd:
    """The network on a device, ready to score.

    Raises:
        ModelError: the weights cannot be had, or do not fit.
    """
    from model.raft import Raft  # noqa: PLC0415  (torch)

    network = Raft(size, weights=weights, device=device, batch=BATCH[device.split(":", maxsplit=1)[0]])

    def flow_lvd(frames: np.ndarray) -> float:
        return float(network.mean_magnitudes(frames).mean(dtype=np.float64))

    return flow_lvd
