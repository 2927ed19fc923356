"""A KV cache whose rows have lengths of their own: no padding in it, nothing moved when a token is added.

Prompts are prefilled packed, one behind the other in a single row of activations, and land each in its own row of the
cache. Steps add one token a row. The network is a stock one: it sees an object with `update`, and an attention function
that is told by `RowBatch` which tokens belong together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

ATTENTION = "longtake_rows"


@dataclass
class RowBatch:
    """What one forward pass holds.

    prefill: (row of the cache, first token, end) of each prompt in the packed row; empty during a step.
    lengths: int64 [B] on the device, tokens of each row before the step. longest: their maximum after it.
    """

    prefill: Sequence[tuple[int, int, int]] = ()
    lengths: Tensor | None = None
    longest: int = 0


class RowCache:
    """keys, values of every layer: [rows, kv_heads, capacity, head_dim], made at the first update."""

    def __init__(self, num_layers: int, num_rows: int, capacity: int) -> None:
        self._keys: list[Tensor | None] = [None] * num_layers
        self._values: list[Tensor | None] = [None] * num_layers
        self._num_rows, self.capacity = num_rows, capacity
        self.batch = RowBatch()

    def update(self, keys: Tensor, values: Tensor, layer: int, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Stores keys and values, [1, kv_heads, T, d] at prefill, [B, kv_heads, 1, d] at a step; gives what the
        attention of this pass looks at."""
        stored_keys, stored_values = self._stored(keys, layer)
        if self.batch.prefill:
            for row, start, end in self.batch.prefill:
                stored_keys[row, :, : end - start] = keys[0, :, start:end]
                stored_values[row, :, : end - start] = values[0, :, start:end]
            return keys, values
        assert self.batch.lengths is not None
        rows = torch.arange(len(self.batch.lengths), device=keys.device)
        stored_keys[rows, :, self.batch.lengths] = keys[:, :, 0]
        stored_values[rows, :, self.batch.lengths] = values[:, :, 0]
        return stored_keys[:, :, : self.batch.longest], stored_values[:, :, : self.batch.longest]

    def keep(self, rows: Tensor) -> None:
        """Forgets all rows but these."""
        for layer, (keys, values) in enumerate(zip(self._keys, self._values, strict=True)):
            if keys is not None and values is not None:
                self._keys[layer], self._values[layer] = keys[rows], values[rows]
        self._num_rows = len(rows)

    def get_seq_length(self, _: int = 0) -> int:
        """Asked by stock code for default positions, which are always given here."""
        return self.batch.longest

    def _stored(self, like: Tensor, layer: int) -> tuple[Tensor, Tensor]:
        keys, values = self._keys[layer], self._values[layer]
        if keys is None or values is None:
            shape = (self._num_rows, like.shape[1], self.capacity, like.shape[3])
            keys, values = like.new_zeros(shape), like.new_zeros(shape)
            self._keys[layer], self._values[layer] = keys, values
        return keys, values


def row_attention(
    module: Any, query: Tensor, key: Tensor, value: Tensor, _mask: Any, scaling: float, rows: RowBatch, **_: Any
) -> tuple[Tensor, None]:
    """Attention function for stock networks: causal inside each prompt, or one token of each row over its own past."""
    out = _packed(query, key, value, scaling, rows) if rows.prefill else _step(query, key, value, scaling, rows)
    return out.transpose(1, 2).contiguous(), None


def _packed(query: Tensor, key: Tensor, value: Tensor, scaling: float, rows: RowBatch) -> Tensor:
    """Each prompt by itself, without a mask: the kernels that need none are the fast ones."""
    grouped = query.shape[1] != key.shape[1]
    parts = [
        functional.scaled_dot_product_attention(
            query[:, :, start:end], key[:, :, start:end], value[:, :, start:end],
            is_causal=True, scale=scaling, enable_gqa=grouped,
        )
        for _, start, end in rows.prefill
    ]  # fmt: skip
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)


def _step(query: Tensor, key: Tensor, value: Tensor, scaling: float, rows: RowBatch) -> Tensor:
    """Query heads that share a key head are rows of one matrix product, so that each key is read once."""
    assert rows.lengths is not None
    batch, heads, _, width = query.shape
    kv_heads = key.shape[1]
    scores = torch.matmul(query.view(batch, kv_heads, heads // kv_heads, width), key.transpose(2, 3)).float() * scaling
    beyond = torch.arange(key.shape[2], device=key.device) > rows.lengths[:, None]
    scores.masked_fill_(beyond[:, None, None], float("-inf"))
    weights = torch.softmax(scores, dim=-1).to(value.dtype)
    return torch.matmul(weights, value).view(batch, heads, 1, width)


@contextmanager
def rows_attention(text_model: Any) -> Iterator[None]:
    """While inside, this text model attends by rows."""
    from transformers import AttentionInterface  # noqa: PLC0415

    AttentionInterface.register(ATTENTION, row_attention)
    before = text_model.config._attn_implementation
    text_model.config._attn_implementation = ATTENTION
    try:
        yield
    finally:
        text_model.config._attn_implementation = before
