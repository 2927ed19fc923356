"""MSR-VTT: short captions against twenty references (Xu et al., CVPR 2016)."""

from __future__ import annotations

from eval.benchmarks.benchmark import Benchmark

BENCHMARK = Benchmark(
    "msr-vtt-caption",
    "MSR-VTT-Caption-test",
    "captions",
    ("MSR-VTT-Caption-test.jsonl",),
    max_new_tokens=128,
)
