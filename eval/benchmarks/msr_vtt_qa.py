"""MSR-VTT-QA: short open answers, judged (Xu et al., ACM MM 2017)."""

from __future__ import annotations

from eval.benchmarks.benchmark import Benchmark

BENCHMARK = Benchmark(
    "msr-vtt-qa",
    "MSR-VTT-QA-val",
    "open_answers",
    ("MSR-VTT-QA-val.jsonl",),
)
