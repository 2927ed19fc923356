"""The next token of every row: greedy, or drawn with a seed of the row's own, so that a batch never changes a text."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import torch
from torch import Tensor

from model.captioner import CaptionRequest


class Chooser:
    """Chooses for a fixed order of requests. keep: which rows are still there."""

    def __init__(self, requests: Sequence[CaptionRequest], device: torch.device) -> None:
        steps = max(request.max_new_tokens for request in requests)
        self._temperature = torch.tensor([request.temperature for request in requests], device=device)
        self._top_p = torch.tensor([request.top_p for request in requests], device=device)
        self._top_k = torch.tensor([request.top_k for request in requests], device=device)
        self._draws = torch.tensor([_draws(request, steps) for request in requests], device=device)
        self._any_drawn = any(request.temperature > 0 for request in requests)
        self._num_top = max(request.top_logprobs for request in requests)

    def keep(self, rows: Tensor) -> None:
        """Forgets all rows but these."""
        self._temperature, self._top_p = self._temperature[rows], self._top_p[rows]
        self._top_k, self._draws = self._top_k[rows], self._draws[rows]

    def __call__(self, logits: Tensor, step: int) -> Tensor:
        """int64 [B] of float [B, V]."""
        greedy = logits.argmax(dim=-1)
        if not self._any_drawn:
            return greedy
        return torch.where(self._temperature > 0, self._drawn(logits.float(), step), greedy)

    def logprobs(self, logits: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor, Tensor] | None:
        """(log probability of the chosen [B], of the likeliest [B, k], their ids [B, k]), or None if nobody asked."""
        if not self._num_top:
            return None
        known = torch.log_softmax(logits.float(), dim=-1)
        top = known.topk(self._num_top, dim=-1)
        return known.gather(1, chosen[:, None])[:, 0], top.values, top.indices

    def _drawn(self, logits: Tensor, step: int) -> Tensor:
        """Inverse of the cumulated distribution at one uniform number a row, likeliest tokens first."""
        scaled = logits / self._temperature.clamp_min(1e-6)[:, None]
        chances, order = torch.softmax(scaled, dim=-1).sort(dim=-1, descending=True, stable=True)
        rank = torch.arange(chances.shape[1], device=logits.device)
        before = chances.cumsum(dim=-1) - chances
        kept = (before < self._top_p[:, None]) & ((self._top_k[:, None] == 0) | (rank < self._top_k[:, None]))
        cumulated = (chances * kept).cumsum(dim=-1)
        at = self._draws[:, step, None] * cumulated[:, -1:]
        place = torch.searchsorted(cumulated, at, right=True)
        place = torch.minimum(place, kept.sum(dim=-1, keepdim=True) - 1)
        return order.gather(1, place)[:, 0]


def _draws(request: CaptionRequest, steps: int) -> list[float]:
    random = Random(request.seed)
    return [random.random() for _ in range(steps)] if request.temperature > 0 else [0.0] * steps
