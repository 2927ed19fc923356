"""All benchmarks, by name and in groups."""

from __future__ import annotations

from collections.abc import Sequence

from eval.benchmarks import (
    anet_qa,
    dream,
    egoschema,
    favor_bench,
    msr_vtt_caption,
    msr_vtt_qa,
    msvd_caption,
    msvd_qa,
    mvbench,
    next_qa,
    stories,
    tgif_qa,
    tvbench,
    vatex_caption,
    video_mme,
)
from eval.benchmarks.benchmark import Benchmark
from eval.errors import EvalError

ALL: tuple[Benchmark, ...] = tuple(
    module.BENCHMARK
    for module in (
        dream,
        next_qa,
        egoschema,
        mvbench,
        tvbench,
        video_mme,
        favor_bench,
        msvd_qa,
        msr_vtt_qa,
        tgif_qa,
        anet_qa,
        msvd_caption,
        msr_vtt_caption,
        vatex_caption,
        stories,
    )
)
BY_NAME = {benchmark.name: benchmark for benchmark in ALL}
ALIASES = {"favor": "favor-bench", "nextqa": "next-qa", "videomme": "video-mme", "dream-1k": "dream"}
GROUPS: dict[str, tuple[str, ...]] = {
    "dream": ("dream",),
    "caption": ("msvd-caption", "msr-vtt-caption", "vatex-caption"),
    "mc_qa": ("next-qa", "egoschema", "mvbench", "tvbench", "video-mme", "favor-bench"),
    "oe_qa": ("msvd-qa", "msr-vtt-qa", "tgif-qa", "anet-qa"),
}
"""As in the original, with tvbench and favor-bench, which were in none of its groups."""


def benchmarks_of(names: Sequence[str]) -> list[Benchmark]:
    """Benchmarks by their names, aliases or groups, each once; `all` is every group.

    Raises:
        EvalError: there is no such benchmark.
    """
    chosen: dict[str, None] = {}
    for name in (name.lower() for name in names):
        if name == "all":
            chosen |= dict.fromkeys(one for group in GROUPS.values() for one in group)
        elif name in GROUPS:
            chosen |= dict.fromkeys(GROUPS[name])
        elif (known := ALIASES.get(name, name)) in BY_NAME:
            chosen[known] = None
        else:
            groups = ", ".join(GROUPS)
            raise EvalError(f"There is no benchmark {name!r}. There are {', '.join(BY_NAME)}; groups: all, {groups}.")
    return [BY_NAME[name] for name in chosen]
