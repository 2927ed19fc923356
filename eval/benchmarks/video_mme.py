"""Video-MME: 900 films of three lengths, three questions each (arXiv 2405.21075)."""

from __future__ import annotations

from eval.benchmarks.benchmark import Benchmark

BENCHMARK = Benchmark(
    "video-mme",
    "Video-MME",
    "choices",
    ("Video-MME.jsonl",),
    num_rows=2_700,
    max_new_tokens=16,
)
