"""What the benchmarks are called: on the command line, in the rows' `dataset`, and in groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from eval.errors import EvalError

Metric = Literal["autodq", "choices", "open_answers", "captions"]

DATASETS: dict[str, tuple[str, Metric]] = {
    "dream": ("DREAM", "autodq"),
    "next-qa": ("Next-QA-val-multi_choice", "choices"),
    "egoschema": ("EgoSchema", "choices"),
    "mvbench": ("MVBench", "choices"),
    "tvbench": ("TVBench", "choices"),
    "video-mme": ("Video-MME", "choices"),
    "favor-bench": ("FAVOR-Bench", "choices"),
    "msvd-qa": ("MSVD-QA-val", "open_answers"),
    "msr-vtt-qa": ("MSR-VTT-QA-val", "open_answers"),
    "tgif-qa": ("TGIF-QA-test", "open_answers"),
    "anet-qa": ("ActivityNet-QA-test", "open_answers"),
    "msvd-caption": ("MSVD-Caption-test", "captions"),
    "msr-vtt-caption": ("MSR-VTT-Caption-test", "captions"),
    "vatex-caption": ("VATEX-test", "captions"),
}
"""The original's names of its benchmarks, what `dataset` begins with in their rows, and how they are scored."""
ALIASES = {"favor": "favor-bench", "nextqa": "next-qa", "videomme": "video-mme", "dream-1k": "dream"}
GROUPS: dict[str, tuple[str, ...]] = {
    "dream": ("dream",),
    "caption": ("msvd-caption", "msr-vtt-caption", "vatex-caption"),
    "mc_qa": ("next-qa", "egoschema", "mvbench", "tvbench", "video-mme", "favor-bench"),
    "oe_qa": ("msvd-qa", "msr-vtt-qa", "tgif-qa", "anet-qa"),
}
"""As in the original, with tvbench and favor-bench, which were in none of its groups."""


def benchmarks_of(names: Sequence[str]) -> list[str]:
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
        elif (known := ALIASES.get(name, name)) in DATASETS:
            chosen[known] = None
        else:
            raise EvalError(
                f"There is no benchmark {name!r}. There are {', '.join(DATASETS)}; all, {', '.join(GROUPS)}."
            )
    return list(chosen)
