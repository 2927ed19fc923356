"""Attention over texts that lie packed, one behind the other: each attends to itself only.

Stock networks call it by name and hand it a `Spans`; nothing in them is changed. It has gradients, and equals what each
text would compute alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

ATTENTION = "longtake_spans"
SHORT = 1_024  # texts up to this length share one call, padded on the right


@dataclass(frozen=True)
class Spans:
    """lengths: of the texts in a packed row of sum(lengths) tokens, in order. causal: each token sees its past only."""

    lengths: tuple[int, ...]
    causal: bool = True

    @cached_property
    def runs(self) -> list[tuple[int, int]]:
        """(length, how many) of neighbours that are equally long."""
        return [(length, len(list(group))) for length, group in groupby(self.lengths)]

    @property
    def longest(self) -> int:
        return max(self.lengths)


def span_attention(
    _module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Any,
    scaling: float,
    spans: Spans,
    **_: Any,
) -> tuple[Tensor, None]:
    """query [1, heads, T, d], key and value [1, kv_heads, T, d] -> [1, T, heads, d]."""
    if spans.causal and len(spans.runs) > 1 and spans.longest <= SHORT:
        out = _padded(query, key, value, scaling, spans)
    else:
        parts = zip(*(_parts(one, spans) for one in (query, key, value)), strict=True)
        out = torch.cat([_run(q, k, v, scaling=scaling, causal=spans.causal) for q, k, v in parts])
    return out[None], None


def _parts(one: Tensor, spans: Spans) -> Iterator[Tensor]:
    """Each run of equally long texts as a batch, [n, heads, length, d]."""
    start = 0
    for length, count in spans.runs:
        end = start + length * count
        yield one[0, :, start:end].unflatten(1, (count, length)).transpose(0, 1)
        start = end


def _run(query: Tensor, key: Tensor, value: Tensor, *, scaling: float, causal: bool) -> Tensor:
    """[n, heads, length, d] -> [n * length, heads, d]."""
    grouped = query.shape[1] != key.shape[1]
    seen = functional.scaled_dot_product_attention(
        query, key, value, is_causal=causal, scale=scaling, enable_gqa=grouped
    )
    return seen.transpose(1, 2).flatten(0, 1)


def _padded(query: Tensor, key: Tensor, value: Tensor, scaling: float, spans: Spans) -> Tensor:
    """Short texts in one call: what is padded on the right lies in the future, so the causal mask hides it."""
    at = _places(spans, query.device)
    q, k, v = (_spread(one, at, spans) for one in (query, key, value))
    return _run(q, k, v, scaling=scaling, causal=True)[at]


def _places(spans: Spans, device: torch.device) -> Tensor:
    """int64 [T]: where each token lies in the padded batch, row by row."""
    lengths = torch.tensor(spans.lengths)
    rows = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
    starts = lengths.cumsum(0) - lengths
    within = torch.arange(int(lengths.sum())) - starts[rows]
    return (rows * spans.longest + within).to(device)


def _spread(one: Tensor, at: Tensor, spans: Spans) -> Tensor:
    """[1, heads, T, d] -> [n, heads, longest, d], zeros where there is no token."""
    rows, longest = len(spans.lengths), spans.longest
    tokens = one[0].transpose(0, 1)
    wide = tokens.new_zeros((rows * longest, *tokens.shape[1:])).index_copy(0, at, tokens)
    return wide.unflatten(0, (rows, longest)).transpose(1, 2)


def attend_by_spans(modules: Sequence[Any]) -> None:
    """From now on these networks (each with a config of its own) attend by spans.

    For good: activations that are computed again in the backward pass must meet the same attention.
    """
    from transformers import AttentionInterface  # noqa: PLC0415

    AttentionInterface.register(ATTENTION, span_attention)
    for module in modules:
        module.config._attn_implementation = ATTENTION
