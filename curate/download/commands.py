"""What `curate download` does, step by step: files in, videos fetched, probed, checked, and what happened in words."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from curate import stages
from curate.download.beside import Beside
from curate.download.choose import Chooser
from curate.download.due import Asking, fingerprint
from curate.download.intake import intake_due, intake_plan
from curate.download.keep_spans import keep_spans
from curate.download.outcomes import CLASSES
from curate.download.stage import Job, Report, count_due, fetch_all
from curate.download.status import hints
from curate.formats.ingest import Ingested, Reading, ingest, ingest_urls
from curate.passes import ScanSettings
from curate.query_commands import open_catalogue
from curate.requested import NAMES_SQL
from curate.show import printable, say
from curate.sources import SourceError
from engine.catalogue import Catalogue, now
from engine.door import WrongUse
from engine.progress import progress
from engine.run import default_jobs

NAMED_REJECTS = 20
MOST_AHEAD_BYTES = 50_000_000_000


@dataclass(frozen=True)
class Wish:
    """What a person typed. `files` and `urls` are read first; with neither, what the catalogue asks for is fetched."""

    files: Sequence[Path] = ()
    urls: Sequence[str] = ()
    reading: Reading = field(default_factory=Reading)
    backend: str = "auto"
    keep: str = "full"
    check: bool = True


def download(catalogue: str, wish: Wish, job: Job, effort: stages.Effort) -> bool:
    """Bring what is asked for; whether the run came to its end (rows turned away included)."""
    if wish.keep not in ("full", "spans"):
        raise WrongUse(f"--keep {wish.keep} does not exist. Allowed: full, spans")
    choose = Chooser(wish.backend, job.settings, job.threads)
    opened = open_catalogue(catalogue, create=bool(wish.files or wish.urls))
    _read_files(opened, wish)
    asking = Asking(
        fingerprint(job.settings),
        job.max_attempts,
        now(),
        job.manners.patience,
        effort.shard,
        effort.limit,
        effort.retry,
    )
    total = count_due(opened, asking)
    settled = Settled()
    with (
        progress("download", total) as show,
        Beside(lambda: _settle(opened, wish, _half(effort), settled), _most_ahead(opened, wish, job)) as beside,
    ):
        report = fetch_all(opened, job, asking, choose, total=total, show=show, beside=beside)
    _say_report(opened, report)
    _settle(opened, wish, replace(effort, jobs=None, limit=None, retry=False), settled)
    _say_settled(opened, wish, settled)
    if report.stopped:
        say(f"download: stopped early: {report.stopped}")
        say(f"  what helps: {CLASSES[report.stopped.split(':', 1)[0]].helps}")
    return report.stopped is None


def _read_files(catalogue: Catalogue, wish: Wish) -> None:
    try:
        for file in wish.files:
            _say_ingested(str(file), ingest(catalogue, file, wish.reading))
        if wish.urls:
            _say_ingested("urls as typed", ingest_urls(catalogue, list(wish.urls), wish.reading.dataset))
    except SourceError as error:
        raise WrongUse(str(error)) from error


def _say_ingested(name: str, done: Ingested) -> None:
    if done.was_known:
        say(f"{name}: {done.format.title}, read before: {done.num_requests:,} requests")
        return
    say(f"{name}: {done.format.title}; {done.num_requests:,} requests in {done.seconds:.1f} s, dataset {done.dataset}")
    if done.num_rejects:
        say(f"  {done.num_rejects:,} rows turned away: curate sql \"from rejects where stage = 'ingest'\" says why")


@dataclass
class Settled:
    """What became of fetched files, over all turns."""

    probed: int = 0
    turned_away: Counter[str] = field(default_factory=Counter)
    looked_at: int = 0
    clips_kept: int = 0
    videos_let_go: int = 0
    bytes_freed: int = 0


def _half(effort: stages.Effort) -> stages.Effort:
    """For turns beside the fetching: half of the cores, and nothing on the screen."""
    return replace(effort, jobs=max(1, default_jobs() // 2), limit=None, retry=False, quiet=True)


def _most_ahead(catalogue: Catalogue, wish: Wish, job: Job) -> int | None:
    """Bytes that may lie there uncut, where videos go once they are cut: half of what is free, at most 50 GB."""
    root = catalogue.store.local_root
    if wish.keep != "spans" or root is None:
        return None
    return min(MOST_AHEAD_BYTES, max(1, (shutil.disk_usage(root).free - job.settings.min_free_bytes) // 2))


def _settle(catalogue: Catalogue, wish: Wish, effort: stages.Effort, settled: Settled) -> None:
    """Probe what was fetched; look at the asked spans; keep only those where that is wished."""
    with catalogue.connect() as connection:
        plan = replace(intake_plan(catalogue), limits=effort.limits)
        tally = stages.run_due(catalogue, connection, intake_due(), plan, effort)
    settled.probed += tally.done
    settled.turned_away += tally.rejected
    if wish.check or wish.keep == "spans":
        checked = stages.scan_all(catalogue, ScanSettings(), replace(effort, shard=None), only=_ASKED_SPANS_OF_FETCHED)
        settled.looked_at += checked.handled
    if wish.keep == "spans":
        kept = keep_spans(catalogue, effort)
        settled.clips_kept += kept.clips
        settled.videos_let_go += kept.videos
        settled.bytes_freed += kept.freed


def _say_settled(catalogue: Catalogue, wish: Wish, settled: Settled) -> None:
    if settled.probed or settled.turned_away:
        reasons = ", ".join(f"{reason} {count}" for reason, count in settled.turned_away.most_common())
        turned = f", {settled.turned_away.total():,} are no videos ({reasons})" if reasons else ""
        say(f"videos: {settled.probed:,} probed{turned}")
    if settled.looked_at:
        _say_edges(catalogue)
    if wish.keep == "spans":
        say(
            f"keep spans: {settled.clips_kept:,} clips kept of {settled.videos_let_go:,} videos, "
            f"{settled.bytes_freed / 1e9:.2f} GB freed"
        )


_ASKED_SPANS_OF_FETCHED = (
    f"video_id in (select video_id from requests join ({NAMES_SQL}) using (video_key) where span_start_us is not null) "
    "and video_id in (select video_id from fetches)"
)
"""Whole videos have no edges to look at: `curate scan` makes their clips."""


def _say_edges(catalogue: Catalogue) -> None:
    with catalogue.connect() as connection:
        asked, start, end, inside = connection.execute(
            "select count(*), count(*) filter (where transition_at_start), count(*) filter (where transition_at_end), "
            "count(*) filter (where transitions_inside > 0) from clips where origin = 'requested'"
        ).fetchall()[0]
    say(f"check: of {asked:,} asked spans {inside:,} hold a transition, {start:,} at their start, {end:,} at their end")


def _say_report(catalogue: Catalogue, report: Report) -> None:
    tally = report.tally
    rate = report.bytes / 1e6 / tally.seconds if tally.seconds else 0.0
    parts = [
        f"download: {tally.done:,} fetched in {tally.seconds:.1f} s, {report.bytes / 1e6:,.1f} MB, {rate:,.1f} MB/s"
    ]
    if tally.rejected:
        parts.append(f"{tally.rejected.total():,} turned away ({tally.reasons()})")
    if report.later:
        parts.append(f"{report.later:,} to be tried again later")
    if report.busy:
        parts.append(f"{report.busy:,} under way in another process")
    say(", ".join(parts))
    for host, count in sorted(report.left.items()):
        say(f"  {printable(host)} wants to be left alone: {count:,} of its videos wait for a later run")
    if tally.rejected:
        _name_rejects(catalogue, report)
        for line in hints(set(tally.rejected)):
            say(f"  {line}")


def _name_rejects(catalogue: Catalogue, report: Report) -> None:
    sql = "select key, reason, detail from rejects where stage = 'download' and created_at >= ? order by 1"
    with catalogue.connect() as connection:
        rows = connection.execute(f"{sql} limit {NAMED_REJECTS}", [report.tally.began_at]).fetchall()
    for key, reason, detail in rows:
        say(f"  {printable(key)} · {printable(reason)} · {printable(detail)}")
    if report.tally.rejected.total() > len(rows):
        say("  … and more: curate sql \"from rejects where stage = 'download'\" names all of them")
