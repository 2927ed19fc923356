"""Trains the network that reads the signs of all looks, with PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from curate.detectors.cascade.network import KINDS, MAX_SIGN, Numbers
from curate.detectors.cascade.training.examples import Example
from curate.detectors.cascade.training.labels import Whole
from curate.detectors.cascade.training.layers import fresh_layer, kept, scale_of

if TYPE_CHECKING:
    import torch

CHANNELS = 32
STRETCH = 300  # looks that are shown at once
BATCH = 16
LEARNING_RATE = 3e-3
DECAY = 1e-3
NOISE = 0.05  # in spreads
SMOOTHING = 0.02  # of the labels
KIND_WEIGHTS = (1.0, 3.0, 1.5, 1.5, 1.5, 1.0)  # transitions are rare


def fit_network(
    examples: Sequence[Example],
    epochs: int,
    random: np.random.Generator,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Numbers]:
    """The arrays of a `Network`, trained on these examples. An epoch shows as many looks as there are.

    The layers are those of `Network`, in its layout; tests compare the two.
    """
    import torch  # noqa: PLC0415

    scale = scale_of(np.concatenate([example.signs for example in examples]))
    weights = {name: torch.nn.Parameter(torch.from_numpy(array)) for name, array in fresh_network(random, scale)}
    spread = torch.from_numpy(scale["spread"])
    steps = epochs * max(1, sum(len(example.kinds) for example in examples) // (STRETCH * BATCH))
    optimizer = torch.optim.AdamW(weights.values(), LEARNING_RATE, weight_decay=DECAY)
    # the schedule divides by the number of steps before and after its peak
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=max(steps, 10))
    for step in range(steps):
        signs, kinds, counts = (torch.from_numpy(array) for array in batch(examples, random))
        noise = torch.from_numpy(random.standard_normal(signs.shape, np.float32))
        scores = scores_of(weights | _tensors(scale), signs + NOISE * spread * noise)
        loss = torch.nn.functional.cross_entropy(
            scores.flatten(0, 1),
            kinds.flatten(),
            torch.tensor(KIND_WEIGHTS),
            reduction="none",
            label_smoothing=SMOOTHING,
        )
        loss = (loss * counts.flatten()).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate.step()
        if step % max(1, steps // 10) == 0 or step == steps - 1:
            report(f"network: step {step + 1} of {steps}, loss {loss.item():.4f}")
    return kept({name: weight.detach().numpy() for name, weight in weights.items()} | scale)


def fresh_network(random: np.random.Generator, scale: dict[str, Numbers]) -> list[tuple[str, Numbers]]:
    """Names and arrays of the layers before training."""
    shapes = {
        "first": (1, len(scale["mean"]), CHANNELS),
        "near": (5, CHANNELS, CHANNELS),
        "far": (5, CHANNELS, CHANNELS),
        "farther": (5, CHANNELS, CHANNELS),
        "last": (1, 2 * CHANNELS, len(KINDS)),
    }
    named = list[tuple[str, Numbers]]()
    for name, shape in shapes.items():
        weight, bias = fresh_layer(random, *shape)
        named += [(f"{name}_weight", weight), (f"{name}_bias", bias)]
    return named


def scores_of(arrays: Mapping[str, torch.Tensor], signs: torch.Tensor) -> torch.Tensor:
    """`Network.probabilities` before they are made to add up to 1, of a batch: float32 [B, N, S] to [B, N, KINDS]."""
    import torch  # noqa: PLC0415

    def convolved(name: str, values: torch.Tensor, distance: int = 1) -> torch.Tensor:
        weight = arrays[f"{name}_weight"]
        reach = len(weight) // 2 * distance
        return torch.nn.functional.conv1d(
            values, weight.permute(2, 1, 0), arrays[f"{name}_bias"], padding=reach, dilation=distance
        )

    scaled = ((signs - arrays["mean"]) / arrays["spread"]).clamp(-MAX_SIGN, MAX_SIGN).transpose(1, 2)
    first = convolved("first", scaled).relu()
    near = convolved("near", first).relu()
    far = convolved("far", near, 2).relu() + near
    farther = convolved("farther", far, 4).relu() + far
    return convolved("last", torch.cat([first, farther], dim=1)).transpose(1, 2)


def batch(examples: Sequence[Example], random: np.random.Generator) -> tuple[Numbers, Whole, Numbers]:
    """Signs [B, STRETCH, S], kinds and weights [B, STRETCH] of stretches of drawn examples.

    A shorter one is filled up with its last look, which then counts nothing.
    """
    signs, kinds, weights = list[Numbers](), list[Whole](), list[Numbers]()
    for _ in range(BATCH):
        example = examples[int(random.integers(len(examples)))]
        start = int(random.integers(max(1, len(example.kinds) - STRETCH)))
        stretch = slice(start, start + STRETCH)
        missing = STRETCH - len(example.kinds[stretch])
        signs.append(np.pad(example.signs[stretch], ((0, missing), (0, 0)), mode="edge"))
        kinds.append(np.pad(example.kinds[stretch], (0, missing)))
        weights.append(np.pad(example.weights[stretch], (0, missing)))
    return np.stack(signs), np.stack(kinds), np.stack(weights)


def _tensors(arrays: dict[str, Numbers]) -> dict[str, torch.Tensor]:
    import torch  # noqa: PLC0415

    return {name: torch.from_numpy(array) for name, array in arrays.items()}
