"""TVBench: ten tasks that one frame or the text alone do not answer (arXiv 2410.07752)."""

from __future__ import annotations

from eval.benchmarks.benchmark import Benchmark

BENCHMARK = Benchmark(
    "tvbench",
    "TVBench",
    "choices",
    ("TVBench.jsonl",),
    num_rows=2_525,
    max_new_tokens=16,
)
