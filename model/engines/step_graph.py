"""One step of decoding as a CUDA graph: recorded once a batch, then replayed.

A step of a 7B over 48 rows is about 1,500 small kernels, and starting them one by one from Python takes longer than
running them. A graph reads and writes fixed places in memory, so a step always looks at the cache's whole capacity and
masks what lies beyond each row's end.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from model.engines.row_cache import RowBatch, RowCache

Step = Callable[[Tensor, Tensor, RowCache], Tensor]
"""(token of each row, its position, cache) -> logits [B, V]."""


def eager_step(step: Step, cache: RowCache) -> Callable[[Tensor, Tensor, Tensor, int], Tensor]:
    """Steps that are run operation by operation: (tokens, positions, lengths, longest after it) -> logits."""

    def run(tokens: Tensor, positions: Tensor, lengths: Tensor, longest: int) -> Tensor:
        cache.batch = RowBatch(lengths=lengths, longest=longest)
        return step(tokens, positions, cache)

    return run


class GraphedStep:
    """The same, replayed. The logits that it gives are overwritten by the next step."""

    def __init__(self, step: Step, cache: RowCache) -> None:
        self._step, self._cache = step, cache
        self._graph: torch.cuda.CUDAGraph | None = None
        self._given: tuple[Tensor, ...] = ()
        self._logits = torch.empty(0)

    def __call__(self, tokens: Tensor, positions: Tensor, lengths: Tensor, longest: int) -> Tensor:
        if self._graph is None:
            self._given = tuple(one.clone() for one in (tokens, positions, lengths))
            self._record()
        for own, one in zip(self._given, (tokens, positions, lengths), strict=True):
            own.copy_(one)
        assert self._graph is not None
        self._graph.replay()
        return self._logits

    def _record(self) -> None:
        """Steps write the same values at the same places however often they run, so warming up does no harm."""
        tokens, positions, lengths = self._given
        self._cache.batch = RowBatch(lengths=lengths, longest=self._cache.capacity)
        beside = torch.cuda.Stream()
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            self._step(tokens, positions, self._cache)
        torch.cuda.current_stream().wait_stream(beside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._logits = self._step(tokens, positions, self._cache)
        self._graph = graph
