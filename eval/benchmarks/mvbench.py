"""MVBench: twenty tasks over time (Li et al., CVPR 2024)."""

from __future__ import annotations

from eval.benchmarks.benchmark import Benchmark

BENCHMARK = Benchmark(
    "mvbench",
    "MVBench",
    "choices",
    ("MVBench.jsonl",),
    max_new_tokens=16,
)
