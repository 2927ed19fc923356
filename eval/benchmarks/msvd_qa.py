"""MSVD-QA: short open answers, judged (Xu et al., ACM MM 2017)."""

from __future__ import annotations

from eval.benchmarks.benchmark import Benchmark

BENCHMARK = Benchmark(
    "msvd-qa",
    "MSVD-QA-val",
    "open_answers",
    ("MSVD-QA-val.jsonl",),
    num_rows=6_415,
)
