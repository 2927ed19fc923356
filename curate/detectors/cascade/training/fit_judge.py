"""Trains the judge, which weighs the evidence for one supposed transition, with PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from curate.detectors.cascade.network import Numbers
from curate.detectors.cascade.training.labels import Whole
from curate.detectors.cascade.training.layers import fresh_layer, kept, scale_of, scaled
from curate.detectors.cascade.training.supposed import DOUBTFUL, Cases

if TYPE_CHECKING:
    import torch

HIDDEN = 24
EPOCHS = 60
BATCH = 64
LEARNING_RATE = 2e-3
DECAY = 3e-3
NOISE = 0.1  # in spreads
DROPPED = 0.1  # share of the first hidden layer
SMOOTHING = 0.015  # true is 1 minus this, false is this


def fit_judge(
    cases: Sequence[Cases],
    random: np.random.Generator,
    epochs: int = EPOCHS,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Numbers]:
    """The arrays of a `Judge`. Doubtful cases are left out; true and false ones weigh the same in sum.

    Raises ValueError when there are no true cases or no false ones.
    """
    import torch  # noqa: PLC0415

    evidence, is_true = _sure(cases)
    scale = scale_of(evidence)
    rows, truth = torch.from_numpy(scaled(evidence, scale)), torch.from_numpy(is_true.astype(np.float32))
    weights = {
        name: torch.nn.Parameter(torch.from_numpy(array)) for name, array in fresh_judge(random, evidence.shape[1])
    }
    balance = (len(truth) - truth.sum()) / truth.sum()
    optimizer = torch.optim.AdamW(weights.values(), LEARNING_RATE, weight_decay=DECAY)
    for epoch in range(epochs):
        total = 0.0
        for chosen in torch.from_numpy(random.permutation(len(truth))).split(BATCH):
            noise = torch.from_numpy(random.standard_normal((len(chosen), rows.shape[1]), np.float32))
            stay = torch.from_numpy((random.random((len(chosen), HIDDEN)) >= DROPPED).astype(np.float32))
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                scores_of(weights, rows[chosen] + NOISE * noise, stay / (1 - DROPPED)),
                truth[chosen] * (1 - 2 * SMOOTHING) + SMOOTHING,
                pos_weight=balance,
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(chosen)
        if epoch % 10 == 0 or epoch == epochs - 1:
            report(f"judge: epoch {epoch + 1} of {epochs}, loss {total / len(truth):.4f}")
    return kept({name: weight.detach().numpy() for name, weight in weights.items()} | scale)


def fresh_judge(random: np.random.Generator, num_evidence: int) -> list[tuple[str, Numbers]]:
    """Names and arrays of the layers before training."""
    named = list[tuple[str, Numbers]]()
    for name, shape in (("hidden", (num_evidence, HIDDEN)), ("deep", (HIDDEN, HIDDEN)), ("last", (HIDDEN, 1))):
        weight, bias = fresh_layer(random, *shape)
        named += [(f"{name}_weight", weight), (f"{name}_bias", bias)]
    return named


def scores_of(arrays: Mapping[str, torch.Tensor], rows: torch.Tensor, stay: torch.Tensor | float = 1.0) -> torch.Tensor:
    """What `Judge.probability` takes the logistic function of, for scaled rows: float32 [B, E] to [B].

    `stay`: what the first hidden layer is multiplied by.
    """
    hidden = (rows @ arrays["hidden_weight"] + arrays["hidden_bias"]).relu() * stay
    deep = (hidden @ arrays["deep_weight"] + arrays["deep_bias"]).relu()
    return (deep @ arrays["last_weight"] + arrays["last_bias"])[:, 0]


def _sure(cases: Sequence[Cases]) -> tuple[Numbers, Whole]:
    some = [case for case in cases if len(case.is_true)]
    truth = np.concatenate([case.is_true for case in some]) if some else np.empty(0, np.int64)
    num_true, num_false = int((truth == 1).sum()), int((truth == 0).sum())
    if not num_true or not num_false:
        raise ValueError(
            f"the judge needs true and false cases, got {num_true} and {num_false}. "
            "Make more videos or train the network for longer."
        )
    evidence = np.concatenate([case.evidence for case in some])
    return evidence[truth != DOUBTFUL], truth[truth != DOUBTFUL]
