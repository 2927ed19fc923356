"""What the commands do, once their arguments are read.

Each writes a result folder and prints what a person wants first.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.autodq.run import ProtocolName, as_json, judge_all, scored
from eval.autodq.samples import sample_of
from eval.autodq.scoring import tables
from eval.benchmarks.names import DATASETS, benchmarks_of
from eval.choices import video_mme
from eval.choices.scoring import ChoiceScores, printed_lines, score_choices
from eval.errors import EvalError
from eval.judges.cache import Judgements, default_file
from eval.judges.choose import judge_of
from eval.metrics.captions import caption_lines, score_captions
from eval.metrics.external import check_external
from eval.metrics.tokens import PUNCTUATION, tokens_of
from eval.prompts.library import original
from eval.results import file_hash, write_scores, write_text
from eval.rows import Row, Rows, joined, read_rows
from eval.statistics.bootstrap import mean_interval

TABLES = "tables.txt"


def autodq(
    predictions: Path,
    references: Path | None,
    judge: str,
    protocol: ProtocolName,
    out: Path,
    *,
    cache: Path | None = None,
    prompts: Path | None = None,
) -> None:
    """Judge predictions against references and write scores.json and the tables."""
    rows, about = _autodq_rows(predictions, references)
    samples = [sample_of(row) for row in rows]
    chosen = judge_of(judge)
    judgements = Judgements(cache or default_file())
    run = judge_all(samples, chosen, protocol, cache=judgements, prompts=None if prompts is None else original(prompts))
    judgements.close()
    scores = scored(run)
    content = as_json(run, scores, about)
    write_scores(out, content)
    write_text(out / TABLES, tables(scores) + "\n")
    print(tables(scores))
    for line in _summary(content):
        print(line)


def _autodq_rows(predictions: Path, references: Path | None) -> tuple[Sequence[Row], dict[str, Any]]:
    """DREAM's rows where there are any, else all; with the references' rows where a file of them is given."""
    read = read_rows(predictions)
    about = _about(predictions, read)
    rows: Sequence[Row] = read.rows
    if references is not None:
        annotations = read_rows(references)
        about["references"] = {"file": str(references), "hash": file_hash(references)}
        known = {row.key for row in annotations.rows} | {str(row.idx) for row in annotations.rows}
        strangers = [row for row in rows if row.key not in known and (row.dataset or str(row.idx) not in known)]
        about["input"]["without_reference"] = len(strangers)
        rows = joined(rows, annotations.rows)
    dream = [row for row in rows if row.dataset.split("/")[0] == "DREAM"]
    about["input"]["of_other_datasets"] = len(rows) - len(dream) if dream else 0
    kept = dream or list(rows)
    if not any(row.references or row.events is not None for row in kept):
        raise EvalError(f"{predictions} holds no references. Give their file: --references DREAM-1k.jsonl.")
    return kept, about


def captions(predictions: Path, out: Path, *, dataset: str | None = None, also: Sequence[str] = ()) -> None:
    """Score short captions and write scores.json and the printed lines."""
    for metric in also:
        check_external(metric)
    read = read_rows(predictions)
    name, rows = _one_dataset(read, dataset, [data for data, metric in DATASETS.values() if metric == "captions"])
    scores = score_captions(rows, also)
    lines = caption_lines(scores, name)
    values = [sample["cider"] for sample in scores.samples if sample["success"]]
    interval = mean_interval(values)
    content = {
        "kind": "captions",
        "metric": "CIDEr",
        "dataset": name,
        **_about(predictions, read),
        "overall": {**scores.corpus, "success": scores.success, "failed": scores.failed},
        "coverage": scores.success / len(rows),
        "interval_95": {"cider": {"low": interval.low, "high": interval.high}},
        "printed_lines": lines,
        "samples": scores.samples,
    }
    write_scores(out, content)
    write_text(out / TABLES, "\n".join(lines) + "\n")
    print("\n".join(lines))
    print(" · ".join(f"{metric} {_number(value)}" for metric, value in scores.corpus.items()))


def choices(benchmark: str, predictions: Path, protocol: ProtocolName, out: Path) -> None:
    """Score multiple-choice answers and write scores.json and the printed lines."""
    (name,) = benchmarks_of([benchmark])
    dataset, metric = DATASETS[name]
    if metric != "choices":
        raise EvalError(f"{name} is no multiple-choice benchmark.")
    read = read_rows(predictions)
    _, rows = _one_dataset(read, dataset, [dataset])
    scores = score_choices(rows, protocol, dataset)
    lines, extra = _choice_lines(scores, dataset, protocol)
    counted = [float(answer.correct) for answer in scores.answers if protocol == "open" or answer.letter is not None]
    interval = mean_interval(counted)
    content = {
        "kind": "choices",
        "metric": "accuracy",
        "benchmark": name,
        "dataset": dataset,
        "protocol": protocol,
        **_about(predictions, read),
        "overall": scores.overall.as_json(),
        "overall_is": scores.rule,
        "coverage": scores.overall.success / len(scores.answers),
        "interval_95": {"accuracy": {"low": interval.low, "high": interval.high}},
        "subsets": {task: accuracy.as_json() for task, accuracy in scores.tasks.items()},
        **extra,
        "printed_lines": lines,
        "samples": [answer.as_json() for answer in scores.answers],
    }
    write_scores(out, content)
    write_text(out / TABLES, "\n".join(lines) + "\n")
    print("\n".join(lines))
    if protocol == "open":
        print(f"{scores.overall.failed} answers could not be read; they count as wrong")


def _choice_lines(scores: ChoiceScores, dataset: str, protocol: ProtocolName) -> tuple[list[str], dict[str, Any]]:
    if dataset != "Video-MME":
        return printed_lines(scores, dataset), {}
    counts = video_mme.counts_of(video_mme.counted(scores.answers, protocol))
    lines = video_mme.report_lines(counts, scores.overall.success, scores.overall.failed)
    by_length = {
        length: {domain: {"correct": correct, "counted": number} for domain, (correct, number) in domains.items()}
        for length, domains in counts.items()
    }
    correct, number = counts["all"]["all"]
    return lines, {"by_length": by_length, "overall_of_videos": correct / number if number else None}


def _one_dataset(read: Rows, name: str | None, known: Sequence[str]) -> tuple[str, Sequence[Row]]:
    """The rows of one dataset: the named one, or the only one there is. Rows that name none belong to it."""
    found = dict.fromkeys(row.dataset.split("/")[0] for row in read.rows)
    if name is None:
        candidates = [one for one in found if one in known] or list(found)
        if len(candidates) > 1:
            raise EvalError(
                f"There are rows of {', '.join(candidates)}. Say which to score: --dataset {candidates[0]}."
            )
        name = candidates[0]
    rows = [row for row in read.rows if row.dataset.split("/")[0] in (name, "")]
    if not rows:
        raise EvalError(f"There are no rows of {name}; their dataset is {', '.join(found)}.")
    return name, rows


def tokenize(lines: Iterable[str], *, keep_punctuation: bool, as_written: bool) -> None:
    """Print the tokens of each line."""
    for line in lines:
        text = line.removesuffix("\n")
        tokens = tokens_of(text, lower_first=not as_written)
        print(" ".join(token for token in tokens if keep_punctuation or token not in PUNCTUATION))


def _about(predictions: Path, read: Rows) -> dict[str, Any]:
    for bad in read.bad[:5]:
        print(f"{bad.file}, line {bad.line}: not a row, left out: {bad.reason}", file=sys.stderr)
    if len(read.bad) > 5:
        print(f"… and {len(read.bad) - 5} more lines that are no rows", file=sys.stderr)
    return {
        "predictions": {"file": str(predictions), "hash": file_hash(predictions)},
        "input": {"rows": len(read.rows), "bad_lines": len(read.bad), "repeated": read.repeated},
    }


def _summary(content: Mapping[str, Any]) -> list[str]:
    overall, interval = content["overall"], content["interval_95"]
    lines = [
        f"{content['metric']} ({content['protocol']}): {_number(overall['f1'])}"
        f" [{_number(interval['f1']['low'])}, {_number(interval['f1']['high'])}]"
        f" · recall {_number(overall['recall'])} · precision {_number(overall['precision'])}",
        f"coverage {content['coverage']:.1%}: {overall['success']} of"
        f" {overall['success'] + overall['failed']} samples judged",
    ]
    if content["failures"]:
        lines.append("failed: " + ", ".join(f"{name} {count}" for name, count in content["failures"].items()))
    if free := sum(content["free_points"].values()):
        lines.append(f"{free} scores of 1.0 stand for an empty list of events")
    calls = content["calls"]
    lines.append(f"{calls['asked']} questions asked, {calls['from_cache']} known before")
    return lines


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
