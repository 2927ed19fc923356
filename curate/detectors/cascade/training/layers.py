"""What both networks share: how a layer begins, how training rows are scaled, how arrays are kept."""

from __future__ import annotations

import numpy as np

from curate.detectors.cascade.network import MAX_SIGN, Numbers

LEAST_SPREAD = 1e-3  # a sign that never changes


def fresh_layer(random: np.random.Generator, *shape: int) -> tuple[Numbers, Numbers]:
    """Weight of this shape [..., in, out] and bias [out], float32, uniform within 1 / sqrt(number of inputs), as
    PyTorch begins its layers."""
    bound = float(np.prod(shape[:-1])) ** -0.5
    weight, bias = random.uniform(-bound, bound, shape), random.uniform(-bound, bound, shape[-1])
    return weight.astype(np.float32), bias.astype(np.float32)


def scale_of(rows: Numbers) -> dict[str, Numbers]:
    """mean and spread of each column, float32."""
    return {
        "mean": rows.mean(axis=0).astype(np.float32),
        "spread": (rows.std(axis=0) + LEAST_SPREAD).astype(np.float32),
    }


def scaled(rows: Numbers, arrays: dict[str, Numbers]) -> Numbers:
    """What the first layer gets, as `Network` and `Judge` scale it."""
    return np.clip((rows - arrays["mean"]) / arrays["spread"], -MAX_SIGN, MAX_SIGN)


def kept(arrays: dict[str, Numbers]) -> dict[str, Numbers]:
    """Weights in float16, which they do not notice; biases and scales in float32."""
    return {
        name: array.astype(np.float16 if name.endswith("_weight") else np.float32) for name, array in arrays.items()
    }
