"""Which videos are to be fetched now: asked for, not had, not given up, not forgotten, and not before their time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from curate.download.backend import Settings
from curate.download.outcomes import CLASSES
from curate.formats.format import MACROS
from curate.requested import NAMES_SQL, REQUESTED_SQL
from engine.due import Shard
from engine.views import quoted
from schemas.ids import fingerprint_of

STAGE = "download"
VERSION = 1


def fingerprint(settings: Settings) -> str:
    """Of the settings on which a permanent failure may hang."""
    return fingerprint_of(STAGE, VERSION, settings.decisive)


@dataclass(frozen=True)
class Asking:
    """What of all that is asked for a run takes. `retry`: also what failed for good, and with its attempts counted
    anew."""

    fingerprint: str
    max_attempts: int
    now: datetime
    patience_s: float
    shard: Shard | None = None
    limit: int | None = None
    retry: bool = False


SETUP = MACROS


def due_sql(asking: Asking) -> str:
    """SQL for the videos that are due.

    Columns: video_key, urls (places to get it from), attempts (made so far), failures (since it last counted), tried
    (urls that failed for good), not_before (null: now), spans (asked ones, microseconds).
    """
    of_settings = ", ".join(quoted(name) for name, kind in CLASSES.items() if kind.of_settings)
    shard = f"and {asking.shard.condition('a.video_key')}" if asking.shard else ""
    limit = f"limit {asking.limit}" if asking.limit is not None else ""
    at = f"timestamptz {quoted(asking.now.isoformat())}"
    wanted = f"""
        last_outcome is null
        or (last_outcome = 'ok' and lacks_spans)
        or (last_outcome <> 'ok' and not list_has_all(tried, urls) and failures < {asking.max_attempts}
            and (not_before is null or not_before <= {at} + interval {asking.patience_s:.0f} second))
    """
    if asking.retry:
        wanted = "last_outcome is distinct from 'ok' or lacks_spans"
    return f"""
        with a as (
            select video_key,
                list(distinct coalesce(watch_url(case when youtube_id(url) = video_key then video_key end), url)) as
                urls, coalesce(list(distinct [span_start_us, span_end_us]) filter (where span_start_us is not null),
                []) as spans
            from requests where url is not null group by video_key
        ), f as (
            select video_key, max(attempt) as attempts,
                arg_max(outcome, attempt) as last_outcome,
                count(*) filter (where not permanent) as failures,
                coalesce(list(distinct url) filter (where permanent and outcome <> 'ok'
                    and not ({_may_help(of_settings, asking.fingerprint)})), []) as tried,
                arg_max(not_before, attempt) as not_before
            from fetches group by video_key
        ), gone_files as (
            select n.video_key from ({NAMES_SQL}) n join videos v using (video_id) join scans s using (video_id)
            join ({REQUESTED_SQL}) w using (video_id)
            where v.kept = 'spans' and w.requests_stamp is distinct from s.requests_stamp
        ), judged as (
            select a.*, coalesce(f.attempts, 0) as attempts, coalesce(f.failures, 0) as failures, f.last_outcome,
                coalesce(f.tried, []) as tried, f.not_before,
                a.video_key in (select video_key from gone_files) as lacks_spans
            from a left join f using (video_key)
        )
        select video_key, urls, attempts, {0 if asking.retry else "failures"} as failures,
            {"[]" if asking.retry else "tried"} as tried,
            {"null" if asking.retry else "epoch(not_before)"} as not_before,
            spans
        from judged a
        where ({wanted}) and a.video_key not in (select video_key from tombstones) {shard}
        order by md5(a.video_key) {limit}
    """


def _may_help(of_settings: str, fingerprint_: str) -> str:
    """A permanent failure that hangs on settings, met under other ones."""
    return f"outcome in ({of_settings}) and fingerprint <> {quoted(fingerprint_)}"
