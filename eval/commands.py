"""What the commands do, once their arguments are read.

Each writes a result folder and prints what a person wants first.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.autodq.run import ProtocolName, as_json, judge_all, scored
from eval.autodq.samples import Sample, sample_of
from eval.autodq.scoring import tables
from eval.benchmarks.choose import ALL, benchmarks_of
from eval.choices import video_mme
from eval.choices.scoring import ChoiceScores, printed_lines, read_answers, score_choices
from eval.choices.submission import write_submission
from eval.errors import EvalError
from eval.judges.cache import Judgements, default_file
from eval.judges.choose import judge_of
from eval.judges.cost import Estimate, estimate
from eval.judges.opinions import Remembered
from eval.judges.protocol import Judge
from eval.metrics.captions import caption_lines, score_captions
from eval.metrics.external import check_external
from eval.metrics.tokens import PUNCTUATION, tokens_of
from eval.open_answers import grade_all, grade_lines
from eval.page import markdown_of, page_of
from eval.prompts.library import original, original_grading, ours
from eval.results import file_hash, write_scores, write_text
from eval.rows import Row, Rows, joined, read_rows
from eval.statistics.bootstrap import mean_interval

if TYPE_CHECKING:
    from eval.judges.batch import BatchJudge

TABLES = "tables.txt"


def autodq(
    predictions: Path,
    references: Path | None,
    judge: str,
    protocol: ProtocolName,
    kept: Kept,
    *,
    cache: Path | None = None,
    prompts: Path | None = None,
    repeat: int = 0,
    batch: Batch | None = None,
    dry_run: bool = False,
) -> dict[str, Any]:
    """Judge predictions against references; the result is written and returned. A dry run only says what it costs."""
    rows, about = _autodq_rows(predictions, references)
    samples = [sample_of(row) for row in rows]
    chosen = judge_of(judge)
    known = None if prompts is None else original(prompts)
    judgements = Judgements(cache or default_file())
    if isinstance(cost := _cost(samples, chosen, judgements, repeat), Estimate):
        print(f"before it starts: {cost.line()}", file=sys.stderr)
        if dry_run:
            return {}
    if batch is not None:
        chosen = batch.judge(chosen)
    run = judge_all(samples, chosen, protocol, cache=judgements, prompts=known, repeat=repeat)
    judgements.close()
    if batch is not None:
        batch.write(chosen)
    scores = scored(run)
    content = {**as_json(run, scores, about), "events_given": all(sample.events is not None for sample in samples)}
    is_dream = all(sample.subset.startswith("DREAM/") for sample in samples)
    content["benchmark"] = kept.benchmark or ("dream" if is_dream else None)
    return _finish(content, tables(scores), _summary(content), kept)


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


def captions(predictions: Path, kept: Kept, *, dataset: str | None = None, also: Sequence[str] = ()) -> dict[str, Any]:
    """Score short captions; the result is written and returned."""
    for metric in also:
        check_external(metric)
    read = read_rows(predictions)
    name, rows = _one_dataset(read, dataset, [one.dataset for one in ALL if one.metric == "captions"])
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
    return _finish(
        content,
        "\n".join(lines),
        [" · ".join(f"{metric} {_number(value)}" for metric, value in scores.corpus.items())],
        kept,
    )


def choices(benchmark: str, predictions: Path, protocol: ProtocolName, kept: Kept) -> dict[str, Any]:
    """Score multiple-choice answers; the result is written and returned."""
    (chosen,) = benchmarks_of([benchmark])
    name, dataset = chosen.name, chosen.dataset
    if chosen.metric != "choices":
        raise EvalError(f"{name} is no multiple-choice benchmark.")
    read = read_rows(predictions)
    _, rows = _one_dataset(read, dataset, [dataset])
    if not any(row.references for row in rows):
        return _submission(name, rows, protocol, kept)
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
    unread = [f"{scores.overall.failed} answers could not be read; they count as wrong"] if protocol == "open" else []
    return _finish(content, "\n".join(lines), unread, kept)


def _submission(name: str, rows: Sequence[Row], protocol: ProtocolName, kept: Kept) -> dict[str, Any]:
    """Rows whose answers nobody published are not scored here; EgoSchema's site scores a file."""
    if name != "egoschema":
        raise EvalError(f"The rows of {name} hold no answers to score against.")
    answers = read_answers(rows, protocol, "EgoSchema")
    print("\n".join(write_submission(kept.out, answers)))
    return {}


def open_answers(
    benchmark: str,
    predictions: Path,
    judge: str,
    protocol: ProtocolName,
    kept: Kept,
    *,
    cache: Path | None = None,
    prompts: Path | None = None,
) -> dict[str, Any]:
    """Have short answers graded; the result is written and returned."""
    (chosen,) = benchmarks_of([benchmark])
    if chosen.metric != "open_answers":
        raise EvalError(f"{chosen.name} is no benchmark of open answers.")
    read = read_rows(predictions)
    _, rows = _one_dataset(read, chosen.dataset, [chosen.dataset])
    known = None if prompts is None else original_grading(prompts)
    judgements = Judgements(cache or default_file())
    graded = grade_all(rows, judge_of(judge), protocol, cache=judgements, prompts=known)
    judgements.close()
    right = mean_interval([float(grade.correct) for grade in graded.grades if grade.correct is not None])
    content = {
        "kind": "open_answers",
        "metric": f"accuracy@{graded.judge}",
        "benchmark": chosen.name,
        "dataset": chosen.dataset,
        "protocol": protocol,
        "judge": {"name": graded.judge, "revision": graded.revision},
        "prompts": {name: {"id": prompt.id, "sha256": prompt.sha256} for name, prompt in graded.prompts.items()},
        **_about(predictions, read),
        "overall": {
            "accuracy": graded.accuracy,
            "score": graded.mean_score,
            "success": graded.success,
            "failed": len(rows) - graded.success,
        },
        "coverage": graded.success / len(rows),
        "failures": dict(Counter(grade.failure for grade in graded.grades if grade.failure)),
        "calls": {"asked": graded.calls, "from_cache": graded.from_cache, "failed": graded.failed_calls},
        "interval_95": {"accuracy": {"low": right.low, "high": right.high}},
        "samples": [grade.as_json() for grade in graded.grades],
    }
    asked = f"{graded.calls} questions asked, {graded.from_cache} known before"
    return _finish(content, "\n".join(grade_lines(graded, chosen.dataset)), [asked], kept)


@dataclass(frozen=True)
class Batch:
    """Files of a batch interface: answers that came, and questions that are to be asked."""

    answers: Path | None
    questions: Path

    def judge(self, judge: Judge) -> BatchJudge:
        """The judge that uses these files in place of a server."""
        from eval.judges.batch import BatchJudge, read_answers  # noqa: PLC0415
        from eval.judges.server import ServerJudge  # noqa: PLC0415

        if not isinstance(judge, ServerJudge):
            raise EvalError("A batch is for a judge behind a server: --judge http://HOST/v1?model=NAME.")
        return BatchJudge(judge, {} if self.answers is None else read_answers(self.answers))

    def write(self, judge: Judge) -> None:
        """Writes the questions that are left, and says how many."""
        from eval.judges.batch import BatchJudge  # noqa: PLC0415

        assert isinstance(judge, BatchJudge)
        print(f"{judge.write(self.questions)} questions for a batch in {self.questions}", file=sys.stderr)


def _cost(samples: Sequence[Sample], judge: Judge, judgements: Judgements, repeat: int) -> Estimate | None:
    """What a server's judge will cost; others cost nothing."""
    settings = getattr(judge, "settings", None)
    if settings is None:
        return None
    remembered = Remembered(judge.identity, judgements, repeat)
    return estimate(samples, ours(), remembered, settings.usd_read, settings.usd_written)


@dataclass(frozen=True)
class Kept:
    """Where a result goes. model: whose it is, for tables; catalogue: adds rows to it; benchmark: what it is of."""

    out: Path
    model: str | None = None
    catalogue: str | None = None
    benchmark: str | None = None


def _finish(content: dict[str, Any], printed: str, said: Sequence[str], kept: Kept) -> dict[str, Any]:
    """Writes scores.json, the printed tables, Markdown, the page and the catalogue's rows; prints what matters."""
    content["model"] = kept.model or _model_of(content)
    write_scores(kept.out, content)
    write_text(kept.out / TABLES, printed + "\n")
    write_text(kept.out / "report.md", markdown_of(content, printed))
    write_text(kept.out / "page.html", page_of(content, kept.out))
    if kept.catalogue is not None:
        from eval.catalogue import write_result  # noqa: PLC0415

        write_result(kept.catalogue, content, content["model"])
    print("\n".join([printed, *said]))
    return content


def _model_of(content: Mapping[str, Any]) -> str:
    """The model that the run's folder names, else the name of the predictions."""
    file = Path(content["predictions"]["file"])
    about = file / "run.json"
    if file.is_dir() and about.is_file():
        return str(json.loads(about.read_text(encoding="utf-8"))["model"])
    return file.stem


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
