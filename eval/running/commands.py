"""The commands around a benchmark: predict and score, score alone, compare, carry judgements."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval import commands
from eval.autodq.run import ProtocolName
from eval.benchmarks.benchmark import Benchmark
from eval.benchmarks.choose import benchmarks_of
from eval.comparing import compare, compare_judges, difference_lines, judge_lines
from eval.errors import EvalError
from eval.judges.cache import Judgements, default_file
from eval.judges.choose import judge_of
from eval.results import read_scores, write_text
from eval.rows import Row
from eval.running.captioners import captioner_of
from eval.running.predict import Predicted, Share, due_rows, predict
from eval.running.videos import find_videos, missing_lines

JUDGED = ("autodq", "open_answers")


@dataclass(frozen=True)
class Asked:
    """What is to be predicted, by whom, and where it goes."""

    model: str
    annotations: Path
    videos: str
    out: Path
    device: str = "cpu"
    dtype: str = "auto"
    frames: int | None = None
    shard: str | None = None
    limit: int | None = None


def run_benchmarks(
    names: Sequence[str],
    asked: Asked,
    *,
    judge: str | None,
    protocol: ProtocolName,
    cache: Path | None,
    prompts: Path | None,
    catalogue: str | None,
) -> None:
    """Predicts every benchmark with one captioner, then scores each, unless this is one share of several.

    Raises:
        EvalError: something is missing; it is said before a model is loaded.
    """
    benchmarks = benchmarks_of(names)
    share = Share() if asked.shard is None else Share.parse(asked.shard)
    if asked.shard is None:
        _check_judge(benchmarks, judge)
    rows = {one.name: _rows(one, asked) for one in benchmarks}
    found = {name: find_videos(some, asked.videos) for name, some in rows.items()}
    for name, one in found.items():
        _say_missing(name, rows[name], one.missing, asked.out / name)
    due = {one.name: due_rows(rows[one.name], found[one.name].files, asked.out / one.name, share) for one in benchmarks}
    loaded = None
    for one in benchmarks:
        folder = asked.out / one.name
        if due[one.name]:  # a network is loaded only where there is something to ask it
            loaded = loaded or captioner_of(asked.model, device=asked.device, dtype=asked.dtype, frames=asked.frames)
            captioner, about = loaded
            settings = {**about, "benchmark": one.name, "max_new_tokens": one.max_new_tokens}
            done = predict(one, due[one.name], found[one.name].files, captioner, folder, about=settings, share=share)
            _say_predicted(one.name, done)
        if asked.shard is None:
            print(f"## {one.name}")
            score_benchmark(
                one.name,
                folder,
                commands.Kept(folder, None, catalogue, one.name),
                judge=judge,
                references=None,
                protocol=protocol,
                cache=cache,
                prompts=prompts,
            )


def _rows(benchmark: Benchmark, asked: Asked) -> Sequence[Row]:
    rows = benchmark.load(asked.annotations)
    return rows if asked.limit is None else rows[: asked.limit]


def _check_judge(benchmarks: Sequence[Benchmark], judge: str | None) -> None:
    """Before hours of predicting, not after them."""
    wanting = [one.name for one in benchmarks if one.metric in JUDGED]
    if wanting and judge is None:
        raise EvalError(f"{', '.join(wanting)} is judged: say by whom, --judge SPEC.")
    if wanting and judge is not None and not judge.startswith(("llm:", "nli:")):
        judge_of(judge)  # a local network is loaded once, when it is asked


def _say_missing(name: str, rows: Sequence[Row], missing: Sequence[Row], out: Path) -> None:
    if not missing:
        return
    file = write_text(out / "missing_videos.txt", "\n".join(missing_lines(missing)) + "\n")
    print(f"{name}: {len(missing)} of {len(rows)} samples have no video: {file}", file=sys.stderr)
    if len(missing) == len(rows):
        raise EvalError(
            f"Not one video of {name} was found. A video is named by its row's vid, as {missing[0].vid}.mp4."
        )


def _say_predicted(name: str, done: Predicted) -> None:
    failed = ", ".join(f"{reason} {count}" for reason, count in sorted(done.failed.items()))
    print(
        f"{name}: {done.answered} answered" + (f", failed: {failed}" if failed else ""),
        file=sys.stderr,
    )


def score_benchmark(
    name: str,
    predictions: Path,
    kept: commands.Kept,
    *,
    judge: str | None,
    references: Path | None,
    protocol: ProtocolName,
    cache: Path | None,
    prompts: Path | None,
) -> dict[str, Any]:
    """Scores predictions with the benchmark's own metric.

    Raises:
        EvalError: the benchmark is judged and no judge is named.
    """
    (benchmark,) = benchmarks_of([name])
    if benchmark.metric == "choices":
        return commands.choices(name, predictions, protocol, kept)
    if benchmark.metric == "captions":
        return commands.captions(predictions, kept, dataset=benchmark.dataset)
    if judge is None:
        raise EvalError(f"{name} is judged: say by whom, --judge SPEC.")
    if benchmark.metric == "autodq":
        return commands.autodq(predictions, references, judge, protocol, kept, cache=cache, prompts=prompts)
    return commands.open_answers(name, predictions, judge, protocol, kept, cache=cache, prompts=prompts)


def print_comparison(a: Path, b: Path, *, as_json: bool) -> None:
    """Two models under one judge."""
    one, other = read_scores(a), read_scores(b)
    found = compare(one, other)
    _print(found, difference_lines(found, _name(one, a), _name(other, b)), as_json=as_json)


def print_judges(a: Path, b: Path, *, as_json: bool) -> None:
    """Two judges of the same captions."""
    found = compare_judges(read_scores(a), read_scores(b))
    _print(found, judge_lines(found), as_json=as_json)


def _print(found: Mapping[str, Any], lines: Sequence[str], *, as_json: bool) -> None:
    print(json.dumps(found, indent=1) if as_json else "\n".join(lines))


def _name(result: Mapping[str, Any], path: Path) -> str:
    return str(result.get("model") or path.name)


def carry_judgements(action: str, file: Path | None, cache: Path | None) -> None:
    """Counts, exports or imports judgements.

    Raises:
        EvalError: there is no such action, or it needs a file.
    """
    judgements = Judgements(cache or default_file())
    if action == "count":
        print(f"{judgements.count()} judgements in {judgements.file}")
    elif action in ("export", "import") and file is not None:
        number = judgements.export(file) if action == "export" else judgements.take_in(file)
        print(f"{number} judgements {'written to' if action == 'export' else 'new, from'} {file}")
    else:
        raise EvalError(f"`evaluate judgements` takes count, export FILE or import FILE, got {action!r}.")
    judgements.close()
