"""FAVOR-Bench: fine motion, six tasks (arXiv 2503.14935)."""

from __future__ import annotations

from eval.benchmarks.benchmark import Benchmark

BENCHMARK = Benchmark(
    "favor-bench",
    "FAVOR-Bench",
    "choices",
    ("FAVOR-Bench.jsonl",),
    num_rows=8_184,
    max_new_tokens=16,
)
