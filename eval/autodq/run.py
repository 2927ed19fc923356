"""Judging many samples at once, and what a run says of itself."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from eval.autodq.official import Official, OfficialNative
from eval.autodq.open import Open
from eval.autodq.samples import Sample, Verdict
from eval.autodq.scoring import Figure, Scores, score
from eval.judges.asking import CachedAsker, ask_about_all
from eval.judges.cache import Judgements
from eval.judges.opinions import ChatOpinion, NativeOpinion, Remembered
from eval.judges.protocol import ChatJudge, Judge, NativeJudge
from eval.judges.replay import ReplayJudge
from eval.prompts.library import Prompt, ours
from eval.statistics.bootstrap import clips_of, intervals
from eval.statistics.length import length_view

ProtocolName = Literal["official", "open"]


class _Procedure(Protocol):
    async def judge(self, sample: Sample) -> Verdict: ...


class Counted(Protocol):
    """What asks, with its counts."""

    calls: int
    from_cache: int
    failures: Counter[str]


@dataclass(frozen=True)
class Run:
    """All verdicts, in the order of the samples, and what they took."""

    verdicts: tuple[Verdict, ...]
    judge: str
    revision: str
    protocol: ProtocolName
    prompts: Mapping[str, Prompt]
    calls: int
    from_cache: int
    failed_calls: Mapping[str, int]


def judge_all(
    samples: Sequence[Sample],
    judge: Judge,
    protocol: ProtocolName,
    *,
    cache: Judgements | None,
    prompts: Mapping[str, Prompt] | None = None,
    repeat: int = 0,
) -> Run:
    """A verdict on every sample. prompts: in place of ours. repeat: which of several independent judgings this is.

    Raises:
        EvalError: the judge cannot be reached at all, or a judgement cannot be written down.
    """
    known = {**ours(), **(prompts or {})}
    procedure, asker, used = _procedure(
        judge, protocol, None if isinstance(judge, ReplayJudge) else cache, known, repeat
    )
    verdicts = asyncio.run(ask_about_all(samples, judge, procedure.judge))
    return Run(
        tuple(verdicts),
        judge.identity.name,
        judge.identity.revision,
        protocol,
        {name: known[name] for name in used},
        asker.calls,
        asker.from_cache,
        dict(sorted(asker.failures.items())),
    )


def _procedure(
    judge: Judge, protocol: ProtocolName, cache: Judgements | None, prompts: Mapping[str, Prompt], repeat: int
) -> tuple[_Procedure, Counted, tuple[str, ...]]:
    remembered = Remembered(judge.identity, cache, repeat)
    if isinstance(judge, NativeJudge):
        native = NativeOpinion(judge, remembered)
        return (Open(native) if protocol == "open" else OfficialNative(native)), native, ()
    assert isinstance(judge, ChatJudge)
    if protocol == "open":
        opinion = ChatOpinion(judge, prompts, remembered)
        return Open(opinion), opinion, ("open-extract", "open-entail")
    asker = CachedAsker(judge, cache)
    return Official(asker, prompts), asker, ("autodq-extract", "autodq-entail")


def as_json(run: Run, scores: Scores, about: Mapping[str, Any]) -> dict[str, Any]:
    """What scores.json holds."""
    failures = Counter(verdict.failure for verdict in run.verdicts if verdict.failure)
    return {
        "kind": "autodq",
        "metric": f"F1@{run.judge}",
        "protocol": run.protocol,
        "judge": {"name": run.judge, "revision": run.revision},
        "prompts": {name: {"id": prompt.id, "sha256": prompt.sha256} for name, prompt in run.prompts.items()},
        **about,
        "overall": scores.overall.as_json(),
        "subsets": {name: figure.as_json() for name, figure in scores.subsets.items()},
        "coverage": scores.coverage,
        "failures": dict(sorted(failures.items())),
        "free_points": free_points(run.verdicts),
        "calls": {"asked": run.calls, "from_cache": run.from_cache, "failed": dict(run.failed_calls)},
        "interval_95": _intervals(run.verdicts),
        "length": length_view(run.verdicts),
        "event_counts": _event_counts(run.verdicts),
        "buckets": {
            name: {label: _bucket(figure) for label, figure in splits.items()}
            for name, splits in scores.buckets.items()
        },
        "samples": [verdict.as_json() for verdict in run.verdicts],
    }


def _bucket(figure: Figure) -> dict[str, Any]:
    return {"recall": figure.recall, "precision": figure.precision, "f1": figure.f1, "count": figure.success}


def _intervals(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    judged = [verdict for verdict in verdicts if verdict.success]
    clips = clips_of([v.sample.subset for v in judged], [v.recall for v in judged], [v.precision for v in judged])
    return {name: asdict(interval) for name, interval in intervals(clips).items()}


def _event_counts(verdicts: Sequence[Verdict]) -> dict[str, dict[str, int]]:
    """How many clips have how many events, of both sides."""
    judged = [verdict for verdict in verdicts if verdict.success]
    sides = {
        "reference": [len(v.reference_events) for v in judged],
        "predicted": [len(v.predicted_events) for v in judged],
    }
    return {side: {str(n): count for n, count in sorted(Counter(counts).items())} for side, counts in sides.items()}


def free_points(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """How many judged samples have a full score for an empty list of events, which `official` gives."""
    judged = [verdict for verdict in verdicts if verdict.success]
    return {
        "recall": sum(not v.reference_events and v.recall == 1.0 for v in judged),
        "precision": sum(not v.predicted_events and v.precision == 1.0 for v in judged),
    }


def scored(run: Run) -> Scores:
    """The figures of a run."""
    return score(run.verdicts)
