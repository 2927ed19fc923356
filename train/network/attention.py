"""Attention over texts that lie packed, one behind the other: each attends to itself only.

Stock networks call it by name and hand it a `Spans`; nothing in them is changed. It has gradients, and equals what each
text would compute alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

ATTENTION = "longtake_spans"
SHORT = 1_024  # texts up to this length share calls, padded on the right
ALIKE = 0.75  # shortest by longest of those that share one


@dataclass(frozen=True)
class Spans:
    """lengths: of the texts in a packed row of sum(lengths) tokens, in order. causal: each token sees its past only."""

    lengths: tuple[int, ...]
    causal: bool = True

    @cached_property
    def groups(self) -> list[tuple[int, ...]]:
        """Lengths of neighbours that share a call: equal ones, and short causal ones of similar length."""
        groups: list[list[int]] = []
        for length in self.lengths:
            if groups and self._share(groups[-1], length):
                groups[-1].append(length)
            else:
                groups.append([length])
        return [tuple(group) for group in groups]

    def _share(self, group: list[int], length: int) -> bool:
        shortest, longest = min(*group, length), max(*group, length)
        return shortest == longest or (self.causal and longest <= SHORT and shortest >= ALIKE * longest)


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
    out, start = [], 0
    for lengths in spans.groups:
        end = start + sum(lengths)
        own = [one[0, :, start:end] for one in (query, key, value)]
        out.append((_padded if len(set(lengths)) > 1 else _equal)(own, lengths, scaling, spans.causal))
        start = end
    return torch.cat(out)[None], None


def _equal(own: Sequence[Tensor], lengths: tuple[int, ...], scaling: float, causal: bool) -> Tensor:
    """Equally long texts, [heads, n * length, d] each, as a batch."""
    query, key, value = (one.unflatten(1, (len(lengths), lengths[0])).transpose(0, 1) for one in own)
    return _run(query, key, value, scaling=scaling, causal=causal)


def _padded(own: Sequence[Tensor], lengths: tuple[int, ...], scaling: float, causal: bool) -> Tensor:
    """Texts in one call: what is padded on the right lies in the future, so the causal mask hides it."""
    at = _places(lengths, own[0].device)
    query, key, value = (_spread(one, at, lengths) for one in own)
    return _run(query, key, value, scaling=scaling, causal=causal)[at]


def _run(query: Tensor, key: Tensor, value: Tensor, *, scaling: float, causal: bool) -> Tensor:
    """[n, heads, length, d] -> [n * length, heads, d]."""
    grouped = query.shape[1] != key.shape[1]
    seen = functional.scaled_dot_product_attention(
        query, key, value, is_causal=causal, scale=scaling, enable_gqa=grouped
    )
    return seen.transpose(1, 2).flatten(0, 1)


def _places(lengths: tuple[int, ...], device: torch.device) -> Tensor:
    """int64 [T]: where each token lies in the padded batch, row by row."""
    each = torch.tensor(lengths)
    rows = torch.repeat_interleave(torch.arange(len(each)), each)
    starts = each.cumsum(0) - each
    within = torch.arange(int(each.sum())) - starts[rows]
    return (rows * max(lengths) + within).to(device)


def _spread(one: Tensor, at: Tensor, lengths: tuple[int, ...]) -> Tensor:
    """[heads, T, d] -> [n, heads, longest, d], zeros where there is no token."""
    tokens = one.transpose(0, 1)
    wide = tokens.new_zeros((len(lengths) * max(lengths), *tokens.shape[1:])).index_copy(0, at, tokens)
    return wide.unflatten(0, (len(lengths), max(lengths))).transpose(1, 2)


def attend_by_spans(modules: Sequence[Any]) -> None:
    """From now on these networks (each with a config of its own) attend by spans.

    For good: activations that are computed again in the backward pass must meet the same attention.
    """
    from transformers import AttentionInterface  # noqa: PLC0415

    AttentionInterface.register(ATTENTION, span_attention)
    for module in modules:
        module.config._attn_implementation = ATTENTION
