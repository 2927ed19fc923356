"""Running one stage: rows that are due go to workers, finished rows go to the catalogue in whole parts."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from engine.catalogue import Catalogue, now, tool_version
from engine.interrupt import held_interrupts, stop_if_interrupted
from engine.pool import Pool, WorkerLimits
from engine.progress import Progress, Tally
from engine.work import Outcome, Reject, Row, Slot, Work
from engine.write import write

FLUSH_SECONDS = 10.0
FLUSH_OUTCOMES = 256

Settle = Callable[[list[Outcome]], list[Outcome]]


@dataclass(frozen=True)
class Plan:
    """One stage, ready to run: the same for processes here and for a cluster, for CPUs and for GPUs.

    `make_work(slot)` is called once in each worker and returns the function from rows to outcomes. `settle` sees
    each batch of outcomes in the parent just before it is written, where a result depends on what the catalogue
    already holds.
    """

    stage: str
    fingerprint: str
    key: str
    make_work: Callable[[Slot], Work]
    batch_size: int = 1
    limits: WorkerLimits = field(default_factory=WorkerLimits)
    settle: Settle | None = None


def run_plan(
    catalogue: Catalogue,
    plan: Plan,
    rows: Iterable[Row],
    total: int,
    *,
    slots: Sequence[Slot],
    show: Progress,
) -> Tally:
    """Run the rows through the plan's workers; what is finished is written at least every ten seconds.

    Whatever ends the run early (Ctrl-C, a bug, a full disk), what the workers had finished is written first where
    it can be.

    Raises:
        WorkerBug: a worker met something that its stage does not know.
        CatalogueError: the catalogue cannot be written.
    """
    inputs: dict[str, Row] = {}
    pool = Pool(plan.make_work, slots, key=plan.key, limits=plan.limits)
    outcomes = pool.run(_remembered(_batches(rows, plan.batch_size), plan.key, inputs))
    keeper = Keeper(catalogue, plan.stage, plan.fingerprint, inputs, plan.settle)
    return keep(keeper, outcomes, Tally(plan.stage, total), show)


def keep(keeper: Keeper, outcomes: Generator[Outcome], tally: Tally, show: Progress) -> Tally:
    """Write the outcomes of a stage as they come, whoever makes them; as `run_plan`, which makes them in workers."""
    started_at = flushed_at = time.monotonic()
    try:
        for outcome in outcomes:
            stop_if_interrupted()
            keeper.pending.append(outcome)
            _count(tally, outcome, time.monotonic() - started_at)
            show(tally)
            if len(keeper.pending) >= FLUSH_OUTCOMES or time.monotonic() - flushed_at >= FLUSH_SECONDS:
                keeper.flush()
                flushed_at = time.monotonic()
    finally:
        outcomes.close()
        keeper.flush()
    tally.seconds = time.monotonic() - started_at
    return tally


def local_slots(jobs: int, num_rows: int, *, device: str = "cpu") -> list[Slot]:
    """Workers for this machine: `jobs` cores shared out over at most `num_rows` workers.

    With fewer rows than jobs a worker gets several threads, so that one long video uses all the cores it may.
    With `device="cuda"` each worker owns one accelerator.
    """
    workers = max(1, min(jobs, num_rows))
    return [Slot(i, max(1, jobs // workers), device if device == "cpu" else f"{device}:{i}") for i in range(workers)]


def default_jobs() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _batches(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    source = iter(rows)
    while batch := list(islice(source, size)):
        yield batch


def _remembered(batches: Iterable[list[Row]], key: str, inputs: dict[str, Row]) -> Iterator[list[Row]]:
    """Keep the rows that are under way at hand: a reject repeats its input's name and stamp."""
    for batch in batches:
        inputs.update((str(row[key]), row) for row in batch)
        yield batch


def _count(tally: Tally, outcome: Outcome, seconds: float) -> None:
    tally.seconds = seconds
    if outcome.reject:
        tally.rejected[outcome.reject.reason] += 1
    else:
        tally.done += 1


@dataclass
class Keeper:
    """Writes outcomes of one stage. `inputs`: rows under way by key; a reject repeats its input's name and stamp."""

    catalogue: Catalogue
    stage: str
    fingerprint: str
    inputs: dict[str, Row] = field(default_factory=dict)
    settle: Settle | None = None
    pending: list[Outcome] = field(default_factory=list)

    def flush(self) -> None:
        """Write what is pending: all rows of one outcome share a time, by which its commit row is known."""
        if not self.pending:
            return
        batch = self.settle(self.pending) if self.settle else self.pending
        tables: dict[str, list[Row]] = defaultdict(list)
        version = tool_version()
        for outcome in batch:
            provenance = {"fingerprint": self.fingerprint, "tool_version": version, "created_at": now()}
            for table, rows in outcome.rows.items():
                tables[table] += [row | provenance for row in rows]
            if outcome.reject:
                tables["rejects"].append(self._reject_row(outcome.key, outcome.reject) | provenance)
        with held_interrupts():  # between the two nobody may write the same rows again
            write(self.catalogue, tables, stage=self.stage)
            for outcome in self.pending:
                self.inputs.pop(outcome.key, None)
            self.pending.clear()

    def _reject_row(self, key: str, reject: Reject) -> Row:
        source = self.inputs.get(key, {})
        return {
            "stage": self.stage,
            "key": key,
            "reason": reject.reason,
            "detail": reject.detail,
            "permanent": reject.permanent,
            "source_stamp": source.get("source_stamp"),
            "video_key": source.get("video_key"),
        }
