"""DREAM-1K: 1,000 clips in five sub-sets, captions judged by their events (arXiv 2407.00634)."""

from __future__ import annotations

from eval.benchmarks.benchmark import Benchmark

BENCHMARK = Benchmark(
    "dream",
    "DREAM",
    "autodq",
    ("DREAM-1k.jsonl",),
    num_rows=1_000,
)
