"""What `curate download` does, step by step: files in, videos fetched, probed, checked, and what happened in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from curate import stages
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
from curate.requested import REQUESTED_SQL
from curate.show import printable, say
from curate.sources import SourceError
from curate.wrong_use import WrongUse
from engine.catalogue import Catalogue, now
from engine.progress import progress

NAMED_REJECTS = 20


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
    choose = Chooser(wish.backend, job.settings)
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
    with progress("download", total) as show:
        report = fetch_all(opened, job, asking, choose, total=total, show=show)
    _say_report(opened, report)
    _become_videos(opened, wish, effort)
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


def _become_videos(catalogue: Catalogue, wish: Wish, effort: stages.Effort) -> None:
    """Probe what was fetched; look at the asked spans; keep only those where that is wished."""
    own = replace(effort, jobs=None, limit=None, retry=False)
    with catalogue.connect() as connection:
        plan = replace(intake_plan(catalogue), limits=effort.limits)
        tally = stages.run_due(catalogue, connection, intake_due(), plan, own)
    if tally.handled:
        turned = f", {tally.rejected.total():,} are no videos ({tally.reasons()})" if tally.rejected else ""
        say(f"videos: {tally.done:,} probed in {tally.seconds:.1f} s{turned}")
    if wish.check or wish.keep == "spans":
        checked = stages.scan_all(catalogue, ScanSettings(), replace(own, shard=None), only=_ASKED_SPANS_OF_FETCHED)
        if checked.handled:
            _say_edges(catalogue, checked.seconds)
    if wish.keep == "spans":
        kept = keep_spans(catalogue, own)
        say(f"keep spans: {kept.clips:,} clips kept of {kept.videos:,} videos, {kept.freed / 1e9:.2f} GB freed")


_ASKED_SPANS_OF_FETCHED = (
    f"video_id in (select video_id from ({REQUESTED_SQL})) and video_id in (select video_id from fetches)"
)


def _say_edges(catalogue: Catalogue, seconds: float) -> None:
    with catalogue.connect() as connection:
        asked, start, end, inside = connection.execute(
            "select count(*), count(*) filter (where transition_at_start), count(*) filter (where transition_at_end), "
            "count(*) filter (where transitions_inside > 0) from clips where origin = 'requested'"
        ).fetchall()[0]
    say(
        f"check: {asked:,} asked spans looked at in {seconds:.1f} s: a transition in {inside:,}, "
        f"at the start of {start:,}, at the end of {end:,}"
    )


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
