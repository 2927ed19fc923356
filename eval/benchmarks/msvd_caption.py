"""MSVD: short captions against about forty references (Chen and Dolan, ACL 2011)."""

from __future__ import annotations

from eval.benchmarks.benchmark import Benchmark

BENCHMARK = Benchmark(
    "msvd-caption",
    "MSVD-Caption-test",
    "captions",
    ("MSVD-Caption-test.jsonl",),
    num_rows=670,
    max_new_tokens=128,
)
