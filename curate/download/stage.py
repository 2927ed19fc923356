"""The fetching of all that is due: one scheduler that knows every host; backends bring videos beside it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from curate.download.accounts import Accounts
from curate.download.backend import Backend, Settings, Target
from curate.download.beside import Beside
from curate.download.crew import Crew, Finished, Task
from curate.download.due import SETUP, STAGE, Asking, due_sql, fingerprint
from curate.download.outcomes import CLASSES, Scope
from curate.download.partials import Partials
from curate.download.politeness import Hosts, Manners
from curate.download.queue import Queue, Wanted
from engine.catalogue import Catalogue, now, tool_version
from engine.due import rows_of
from engine.progress import Progress, Tally
from engine.work import Row
from engine.write import write

FLUSH_SECONDS = 5.0
FLUSH_ROWS = 512
UNSETTLED_MINUTES = 5
"""Longest time after which a system has written to its disk what it was given (Linux: half a minute)."""

Choose = Callable[[str], Backend]


@dataclass(frozen=True)
class Job:
    """What a download does. `choose` names the backend for a url; `clock` is monotonic, in seconds."""

    settings: Settings = field(default_factory=Settings)
    manners: Manners = field(default_factory=Manners)
    accounts: Accounts = field(default_factory=Accounts)
    max_attempts: int = 5
    threads: int = 8


@dataclass
class Report:
    """How a run ended. `left`: videos of hosts that want to be left alone, by host. `stopped`: why it ended early."""

    tally: Tally
    outcomes: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    left: dict[str, int] = field(default_factory=dict)
    later: int = 0
    busy: int = 0
    stopped: str | None = None


def count_due(catalogue: Catalogue, asking: Asking) -> int:
    with catalogue.connect() as connection:
        connection.execute(SETUP)
        counted = connection.execute(f"select count(*) from ({due_sql(asking)})").fetchone()
    return counted[0] if counted else 0


def fetch_all(
    catalogue: Catalogue,
    job: Job,
    asking: Asking,
    choose: Choose,
    *,
    total: int,
    show: Progress,
    beside: Beside | None = None,
) -> Report:
    """Fetch what is due; every attempt becomes a row of `fetches`, what is given up one of `rejects`.

    `beside` is told when rows were written, and asked whether more may be fetched. What was finished is written,
    however the run ends.

    Raises:
        CatalogueError: the catalogue cannot be written.
    """
    partials = Partials(catalogue)
    run = _Run(catalogue, job, partials, asking, Report(Tally(STAGE, total)), show, beside)
    run.recover()
    with catalogue.connect() as connection:
        connection.execute(SETUP)
        hosts = Hosts(job.manners, max(1, len(job.accounts.files)))
        run.work(Queue(rows_of(connection, due_sql(asking)), hosts, time.time() - time.monotonic()), choose)
    return run.report


class _Run:
    """One run: the scheduler's state. Only the calling thread touches it; the crew gives `Finished`."""

    def __init__(
        self,
        catalogue: Catalogue,
        job: Job,
        partials: Partials,
        asking: Asking,
        report: Report,
        show: Progress,
        beside: Beside | None,
    ) -> None:
        self.catalogue, self.job, self.partials, self.asking = catalogue, job, partials, asking
        self.report, self._show, self._beside = report, show, beside
        self.forgotten = set[str]()
        self._fingerprint = fingerprint(job.settings)
        self._stop = threading.Event()
        self._rows, self._rejects, self._flushed_at = list[Row](), list[Row](), time.monotonic()
        self._began = time.monotonic()

    def recover(self) -> None:
        """What a run that was killed leaves: files without rows, and after a power cut rows without files."""
        with self.catalogue.connect() as connection:
            gone = connection.execute("select video_id from tombstones where video_id is not null").fetchall()
            self.forgotten = {row[0] for row in gone}
            found = list(self.partials.unrecorded())
            keys = [row["video_key"] for row in found]
            recorded = set(connection.execute(
                "select video_key, uri from fetches where outcome = 'ok' and list_contains(?, video_key)", [keys]
            ).fetchall())  # fmt: skip
        for row in found:
            if (row["video_key"], row["uri"]) in recorded:
                self.partials.recorded([row])
            else:
                self._rows.append(row)
                self.report.outcomes["ok"] += 1
                self.report.tally.done += 1
        self._look_at_last_files()
        self._flush()

    def _look_at_last_files(self) -> None:
        """After a power cut, files of the last minutes may be short: those have not come, whatever their rows say."""
        with self.catalogue.connect() as connection:
            last = connection.sql(
                "select f.* exclude (created_at, fingerprint, tool_version, not_before) "
                "from fetches f left join videos v on v.video_id = f.video_id "
                "where outcome = 'ok' and coalesce(kept, 'full') = 'full' and f.created_at > "
                f"(select max(created_at) from fetches) - interval {UNSETTLED_MINUTES} minute "
                "qualify row_number() over (partition by f.video_key order by attempt desc) = 1"
            ).to_arrow_table().to_pylist()  # fmt: skip
        for row in last:
            size = int(row["source_stamp"].split("-", 1)[0])
            store = self.catalogue.store
            if not store.exists(row["uri"]) or store.size(row["uri"]) != size:
                store.delete(row["uri"])
                said = {"outcome": "network", "message": "the file did not reach the disk", "permanent": False}
                self._rows.append(row | said | {"attempt": row["attempt"] + 1, "video_id": None, "uri": None})

    def work(self, waiting: Queue, choose: Choose) -> None:
        self._began = time.monotonic()
        crew = Crew(self.job.threads, self.partials, self.forgotten)
        running = 0
        try:
            while not self.report.stopped:
                running += self._hand_out(waiting, choose, crew, running)
                if not running and waiting.is_empty:
                    break
                pause = waiting.wait(time.monotonic()) if running < self.job.threads else 0.5
                running -= self._collect(waiting, crew, min(0.5, max(0.005, pause)))
                if len(self._rows) >= FLUSH_ROWS or time.monotonic() - self._flushed_at >= FLUSH_SECONDS:
                    self._flush()
        finally:
            self._stop.set()
            crew.let_go()
            deadline = time.monotonic() + 5.0
            while running and time.monotonic() < deadline:
                running -= self._collect(waiting, crew, 0.2)
            self._flush()
            self.report.left = waiting.left
            self.report.tally.seconds = time.monotonic() - self._began

    def _hand_out(self, waiting: Queue, choose: Choose, crew: Crew, running: int) -> int:
        """Start what may be started; returns how many."""
        started = list[Task]()
        if self._beside is not None and not self._beside.has_room(self.report.bytes):
            return 0
        while running + len(started) < self.job.threads:
            now_ = time.monotonic()
            if self.job.accounts.files and self.job.accounts.wait(now_) > 0:
                break
            wanted = waiting.take(now_)
            if wanted is None:
                break
            held = self.partials.hold(wanted.video_key)
            if held is None:
                self.report.busy += 1
                continue
            waiting.hosts.started(wanted.host, now_)
            target = Target(
                wanted.video_key, wanted.url, self.partials.path_of(wanted.video_key),
                self.job.accounts.lease(now_), wanted.spans, self._stop,
            )  # fmt: skip
            started.append(Task(wanted, target, held, choose(target.url), now_))
        crew.start(started)
        return len(started)

    def _collect(self, waiting: Queue, crew: Crew, timeout: float) -> int:
        """Take what the crew finished, and wait for something so long; returns how many."""
        count, finished = 0, crew.take(timeout)
        while finished is not None:
            count += 1
            self._settle(finished, waiting)
            finished = crew.take(0)
        return count

    def _settle(self, done: Finished, waiting: Queue) -> None:
        """What an attempt means: for its row, its host, its account, and for whether it comes again."""
        task, wanted, row, at = done.task, done.task.wanted, done.row, time.monotonic()
        task.held.give_back()
        if done.bug is not None and not self._stop.is_set():
            raise done.bug
        outcome = row["outcome"]
        if self._stop.is_set() and outcome == "network":
            return  # the run ended it: that is no failure of the video
        kind = CLASSES[outcome]
        had_failed = wanted.failures > 0
        waiting.hosts.finished(wanted.host, at, outcome, row["retry_after"], had_failed=had_failed)
        self.job.accounts.give_back(task.target.cookies, at, kind.rest_s if kind.scope is Scope.host else 0.0)
        self.report.outcomes[outcome] += 1
        self.report.bytes += row["bytes"]
        wanted.attempts += 1
        self._rows.append(row)
        if outcome == "ok":
            self.report.tally.done += 1
        elif kind.scope is Scope.machine:
            self.report.stopped = f"{outcome}: {row['message']}"
        elif kind.permanent:
            wanted.tried.add(task.target.url)
            if len(wanted.tried) < len(wanted.urls):
                waiting.again(wanted, at)
            else:
                self._reject(row, permanent=True)
        else:
            self._again_or_not(wanted, row, waiting, at)
        self.report.tally.seconds = at - self._began
        self._show(self.report.tally)

    def _again_or_not(self, wanted: Wanted, row: Row, waiting: Queue, at: float) -> None:
        """A temporary failure: later in this run, in a later one, or, after enough of them, not unless asked."""
        wanted.failures += 1
        wait_s = self.job.manners.wait_after(wanted.failures, row["retry_after"])
        row["not_before"] = datetime.now(UTC) + timedelta(seconds=wait_s)
        if wanted.failures >= self.job.max_attempts:
            self._reject(row, permanent=False)
        elif wait_s > self.job.manners.patience:
            self.report.later += 1
        else:
            waiting.again(wanted, at + wait_s)

    def _reject(self, row: Row, *, permanent: bool) -> None:
        self.report.tally.rejected[row["outcome"]] += 1
        self._rejects.append({
            "stage": STAGE, "key": row["video_key"], "reason": row["outcome"], "detail": row["message"],
            "permanent": permanent, "video_key": row["video_key"],
        })  # fmt: skip

    def _flush(self) -> None:
        """Write rows. Their files are in place; that they reach the disk is not waited for (`_look_at_last_files`)."""
        self._flushed_at = time.monotonic()
        if not self._rows:
            return
        provenance = {"fingerprint": self._fingerprint, "tool_version": tool_version(), "created_at": now()}
        good = [row for row in self._rows if row["outcome"] == "ok"]
        tables = {"fetches": [row | provenance for row in self._rows]}
        if self._rejects:
            tables["rejects"] = [row | provenance for row in self._rejects]
        write(self.catalogue, tables, stage=STAGE)
        self.partials.recorded(good)
        self._rows, self._rejects = [], []
        if self._beside is not None:
            self._beside.recorded(self.report.bytes)
