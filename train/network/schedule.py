"""The learning rate over a run, and the running mean of the weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from train.network.towers import learning
from train.settings import Optimiser


def lr_at(step: int, steps: int, settings: Optimiser) -> float:
    """The rate of a step, counted from 0: linear up to the peak, then a cosine down to final_share of it."""
    if step < settings.warmup_steps:
        return settings.lr * (step + 1) / settings.warmup_steps
    done = (step - settings.warmup_steps) / max(1, steps - settings.warmup_steps)
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    return settings.lr * (settings.final_share + (1 - settings.final_share) * cosine)


class RunningMean:
    """An exponential mean of what learns, in float32. The first steps count more, so that it forgets its start."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights = {name: weight.detach().float().clone() for name, weight in learning(network)}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """After a step, counted from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, weight in learning(network):
            self.weights[name].lerp_(weight.detach().float(), 1 - decay)

    @torch.no_grad()
    def swap(self, network: nn.Module) -> None:
        """The network takes the mean, and the mean what the network had."""
        for name, weight in learning(network):
            own: Tensor = weight.detach().clone()
            weight.copy_(self.weights[name])
            self.weights[name] = own.float()
