"""NExT-QA, validation, five options (Xiao et al., CVPR 2021)."""

from __future__ import annotations

from eval.benchmarks.benchmark import Benchmark

BENCHMARK = Benchmark(
    "next-qa",
    "Next-QA-val-multi_choice",
    "choices",
    ("Next-QA-val-multi_choice.jsonl",),
    num_rows=4_996,
    max_new_tokens=16,
)
