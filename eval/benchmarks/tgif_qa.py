"""TGIF-QA: questions about animated pictures, judged (Jang et al., CVPR 2017)."""

from __future__ import annotations

from eval.benchmarks.benchmark import Benchmark

BENCHMARK = Benchmark(
    "tgif-qa",
    "TGIF-QA-test",
    "open_answers",
    ("TGIF-QA-test.jsonl",),
)
