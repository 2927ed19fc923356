"""EgoSchema: three-minute films of one wearer, five options (Mangalam et al., NeurIPS 2023).

The subset has answers; the full set has none and is scored by its own site from a submission file.
"""

from __future__ import annotations

from eval.benchmarks.benchmark import Benchmark

BENCHMARK = Benchmark(
    "egoschema",
    "EgoSchema",
    "choices",
    ("EgoSchema_subset.jsonl", "EgoSchema_fullset.jsonl", "EgoSchema.jsonl"),
    max_new_tokens=16,
)
