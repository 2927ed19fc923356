"""What `curate amend` does: one building step over one dataset's samples, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from curate.doors.found import BadRow
from curate.doors.llm import asking
from curate.doors.videochat2 import amend as steps
from curate.doors.videochat2.overlap import overlaps
from curate.doors.writing.rows import SampleEntry, opened, sample_entries
from curate.query_commands import open_catalogue
from curate.show import printable, say, show_rows
from engine.catalogue import Catalogue
from engine.door import WrongUse

STEPS = ("repair", "refusals", "choices", "truncate", "instructions", "overlap")


@dataclass(frozen=True)
class Job:
    """One step. `server`, `model`: an OpenAI-style server for the steps that ask an LLM."""

    step: str
    dataset: str | None = None
    into: str | None = None
    server: str | None = None
    model: str | None = None
    labels: Path | None = None
    dense: str | None = None
    question: str = "Which action is shown?"
    out: str | None = None


def amend(catalogue: str, job: Job) -> None:
    """Do one step and say what it did."""
    if job.step not in STEPS:
        raise WrongUse(f"{job.step} is no step. There are: {', '.join(STEPS)}")
    opened_ = open_catalogue(catalogue)
    if job.step == "overlap":
        _overlap(opened_, job.out)
        return
    if job.dataset is None:
        raise WrongUse(f"{job.step} needs --dataset; curate stats names them")
    if next(_entries(opened_, job.dataset), None) is None:
        raise WrongUse(f"the dataset {job.dataset!r} has no samples; curate stats names those that there are")
    into = job.into or f"{job.dataset}/{job.step}"
    try:
        change = _change(opened_, job, job.dataset)
    except BadRow as error:
        raise WrongUse(f"{job.step}: {error}") from error
    done = steps.amend(opened_, job.dataset, into, change)
    failed = ", ".join(f"{name} {count:,}" for name, count in done.failed.most_common())
    say(f"{job.step}: {done.made:,} of {done.looked_at:,} samples are dataset {printable(into)}, {done.changed:,} of "
        f"them changed" + (f"; left out: {failed}" if failed else ""))  # fmt: skip
    for before, after in done.examples:
        say(f"  {printable(before, 70)} → {printable(after, 70)}")


def _entries(catalogue: Catalogue, dataset: str) -> Iterator[SampleEntry]:
    with opened(catalogue, None) as connection:
        yield from (entry for entry in sample_entries(connection, None) if entry.row["dataset"] == dataset)


def _change(catalogue: Catalogue, job: Job, dataset: str) -> steps.Change:
    if job.step == "repair":
        return steps.repaired
    if job.step == "truncate":
        return steps.truncating(catalogue, job.dense or dataset)
    if job.step == "choices":
        if job.labels is None:
            raise WrongUse("choices needs --labels: jsonl with video and labels, a classifier's likeliest first")
        return steps.choosing(_labels(job.labels), job.question)
    with asking(job.step, job.server, job.model) as captioner:
        if job.step == "refusals":
            return steps.rewriting(_entries(catalogue, dataset), captioner)
        change, written = steps.instructing(next(_entries(catalogue, dataset)), captioner)
        say(f"instructions: {len(written)} written, the first: {printable(written[0])}")
        return change


def _labels(path: Path) -> dict[str, list[str]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise WrongUse(f"--labels {path}: {error.strerror}") from error
    found = dict[str, list[str]]()
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            found[row["video"]] = [str(label) for label in row["labels"]]
        except (ValueError, KeyError, TypeError) as error:
            needed = '{"video": …, "labels": […]}'
            raise WrongUse(f"--labels {path}, line {number}: {needed} is needed, got {error}") from error
    return found


def _overlap(catalogue: Catalogue, out: str | None) -> None:
    found = overlaps(catalogue, out)
    rows = [(o.dataset, o.other, o.media, o.samples, "leak" if o.is_leak else "") for o in found]
    show_rows(("dataset", "shares media with", "media", "samples", ""), rows)
    leaks = sum(o.is_leak for o in found)
    say(
        f"{len(found)} pairs of datasets share media, {leaks or 'none'} of them with a test"
        + (f": {out}" if out else "")
    )
