"""VATEX: English captions against ten references (Wang et al., ICCV 2019)."""

from __future__ import annotations

from eval.benchmarks.benchmark import Benchmark

BENCHMARK = Benchmark(
    "vatex-caption",
    "VATEX-test",
    "captions",
    ("VATEX-test.jsonl", "VATEX-Caption-test.jsonl"),
    max_new_tokens=128,
)
