"""ActivityNet-QA: open answers about long films, judged (Yu et al., AAAI 2019)."""

from __future__ import annotations

from eval.benchmarks.benchmark import Benchmark

BENCHMARK = Benchmark(
    "anet-qa",
    "ActivityNet-QA-test",
    "open_answers",
    ("ActivityNet-QA-test.jsonl",),
)
