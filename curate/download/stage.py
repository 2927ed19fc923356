"""The fetching of all that is due: one scheduler that knows every host; backends bring videos beside it."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from curate.download.accounts import Accounts
from curate.download.backend import Backend, Fetched, ManyAtOnce, Settings, Target
from curate.download.beside import Beside
from curate.download.due import SETUP, STAGE, Asking, due_sql, fingerprint
from curate.download.outcomes import CLASSES, Scope
from curate.download.partials import Held, Partials
from curate.download.politeness import Hosts, Manners
from curate.download.queue import Queue, Wanted
from engine.catalogue import Catalogue, now, tool_version
from engine.due import rows_of
from engine.progress import Progress, Tally
from engine.work import Row
from engine.write import write

FLUSH_SECONDS = 5.0
FLUSH_ROWS = 512
MESSAGE_LENGTH = 1000
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


@dataclass
class _Task:
    wanted: Wanted
    target: Target
    held: Held
    backend: Backend
    began: float


@dataclass
class _Finished:
    """`row`: where the video is in its place."""

    task: _Task
    fetched: Fetched
    row: Row | None
    seconds: float
    bug: BaseException | None = None


class _Run:
    """One run: the scheduler's state. Only the calling thread touches it; whoever fetched gives `_Finished`."""

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
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[_Finished] = queue.SimpleQueue()
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
        threads = [
            threading.Thread(target=self._serve, daemon=True, name=f"fetch-{i}") for i in range(self.job.threads)
        ]
        for thread in threads:
            thread.start()
        running = 0
        try:
            while not self.report.stopped:
                running += self._hand_out(waiting, choose, running)
                if not running and waiting.is_empty:
                    break
                pause = waiting.wait(time.monotonic()) if running < self.job.threads else 0.5
                running -= self._collect(waiting, min(0.5, max(0.005, pause)), wait=running > 0)
                if len(self._rows) >= FLUSH_ROWS or time.monotonic() - self._flushed_at >= FLUSH_SECONDS:
                    self._flush()
        finally:
            self._stop.set()
            for _ in threads:
                self._tasks.put(None)
            deadline = time.monotonic() + 5.0
            while running and time.monotonic() < deadline:
                running -= self._collect(waiting, 0.2, wait=True)
            self._flush()
            self.report.left = waiting.left
            self.report.tally.seconds = time.monotonic() - self._began

    def _hand_out(self, waiting: Queue, choose: Choose, running: int) -> int:
        """Start what may be started; returns how many."""
        started = list[_Task]()
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
            started.append(_Task(wanted, target, held, choose(target.url), now_))
        self._start(started)
        return len(started)

    def _start(self, tasks: Sequence[_Task]) -> None:
        many: dict[ManyAtOnce, list[_Task]] = {}
        for task in tasks:
            if isinstance(task.backend, ManyAtOnce):
                many.setdefault(task.backend, []).append(task)
            else:
                self._tasks.put(partial(self._fetch, task))
        for backend, its in many.items():
            backend.start([(task.target, partial(self._fetched, task)) for task in its])

    def _collect(self, waiting: Queue, timeout: float, *, wait: bool) -> int:
        """Take what the workers finished; returns how many."""
        count = 0
        try:
            finished = self._results.get(timeout=timeout) if wait else None
            if finished is None:
                time.sleep(timeout)
            while finished is not None:
                count += 1
                self._settle(finished, waiting)
                finished = self._results.get_nowait()
        except queue.Empty:
            pass
        return count

    def _serve(self) -> None:
        """The life of a worker thread."""
        while (work := self._tasks.get()) is not None:
            work()

    def _fetch(self, task: _Task) -> None:
        try:
            said = task.backend.fetch(task.target)
        except BaseException as error:  # noqa: BLE001  (the outermost door of a worker: the run raises it again)
            said = error
        self._place(task, said)

    def _fetched(self, task: _Task, said: Fetched | BaseException) -> None:
        """Others wait for the thread that says so: sending to a bucket is not done in it."""
        if self.catalogue.store.local_root is None:
            self._tasks.put(partial(self._place, task, said))
        else:
            self._place(task, said)

    def _place(self, task: _Task, said: Fetched | BaseException) -> None:
        row, seconds = None, time.monotonic() - task.began
        fetched, bug = (said, None) if isinstance(said, Fetched) else (Fetched("network", "the run ended"), said)
        try:
            if fetched.outcome == "ok":
                row = self.partials.place(self._row(task, fetched, seconds), fetched, self.forgotten)
        except BaseException as error:  # noqa: BLE001  (the run raises it again)
            bug = error
        self._results.put(_Finished(task, fetched, row, seconds, bug))

    def _row(self, task: _Task, fetched: Fetched, seconds: float) -> Row:
        account = task.target.cookies
        return {
            "video_key": task.wanted.video_key, "attempt": task.wanted.attempts + 1, "backend": task.backend.name,
            "outcome": fetched.outcome, "permanent": CLASSES[fetched.outcome].permanent,
            "http_status": fetched.http_status, "message": (fetched.message or "")[:MESSAGE_LENGTH] or None,
            "bytes": fetched.bytes, "seconds": seconds, "retry_after": fetched.retry_after, "url": task.target.url,
            "account": account.name if account else None, "format": fetched.format,
            "section_start_us": fetched.section_start_us, "title": fetched.title,
            "licence": fetched.licence, "uploader": fetched.uploader,
        }  # fmt: skip

    def _settle(self, done: _Finished, waiting: Queue) -> None:
        """What an attempt means: for its row, its host, its account, and for whether it comes again."""
        task, wanted, at = done.task, done.task.wanted, time.monotonic()
        task.held.give_back()
        if done.bug is not None and not self._stop.is_set():
            raise done.bug
        if self._stop.is_set() and done.fetched.outcome == "network" and done.row is None:
            return  # the run ended it: that is no failure of the video
        row = done.row or self._row(task, done.fetched, done.seconds)
        outcome = row["outcome"]
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
