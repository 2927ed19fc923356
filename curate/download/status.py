"""`curate download --status`: what happened to all that was asked for, and what would help."""

from __future__ import annotations

from collections.abc import Iterable

from curate.download.outcomes import CLASSES
from curate.query_commands import open_catalogue
from curate.show import say, show_rows
from engine.catalogue import Catalogue

_LAST = "select *, row_number() over (partition by video_key order by attempt desc) = 1 as is_last from fetches"


def hints(outcomes: Iterable[str]) -> list[str]:
    """What would help, a line a class of failure."""
    return [f"{name}: {CLASSES[name].helps}" for name in sorted(outcomes) if name in CLASSES and CLASSES[name].helps]


def show_status(catalogue: str) -> None:
    """Print what was asked for and how it stands."""
    opened = open_catalogue(catalogue)
    with opened.connect() as connection:
        asked = connection.execute(
            "select dataset, count(*), count(distinct video_key), "
            "count(distinct video_key) filter (where url is null), "
            "count(distinct video_key) filter (where video_key in (select video_key from videos union "
            "select video_key from aliases)) from requests group by dataset order by dataset"
        ).fetchall()
        last = connection.execute(
            "select outcome, case when outcome = 'ok' then '' when permanent then 'no' when given_up then 'given up' "
            "else coalesce(left(min(not_before)::varchar, 19), 'yes') end, count(*) "
            f"from (select *, video_key in (select key from rejects where stage = 'download') as given_up "
            f"from ({_LAST})) "
            "where is_last group by outcome, permanent, given_up order by 3 desc, 1"
        ).fetchall()
        hosts = connection.execute(
            "select coalesce(nullif(regexp_extract(url, '(?i)^https?://(?:[^/@]*@)?([^/:?#]+)', 1), ''), '?') as host, "
            "count(*), count(*) filter (where outcome = 'ok'), round(sum(bytes) / 1e6, 1), "
            "count(*) filter (where outcome in ('rate_limited', 'bot_check')) from fetches "
            "group by 1 order by 2 desc limit 20"
        ).fetchall()
    show_rows(["dataset", "requests", "videos", "without_url", "there"], asked)
    show_rows(
        ["last_attempt", "videos", "again", "what_would_help"],
        [(outcome, count, again, CLASSES[outcome].helps) for outcome, again, count in last],
    )
    show_rows(["host", "attempts", "ok", "MB", "limited"], hosts)
    _say_ends(opened)


def _say_ends(catalogue: Catalogue) -> None:
    with catalogue.connect() as connection:
        forgotten, given_up = connection.execute(
            "select (select count(*) from tombstones), "
            "(select count(*) from rejects where stage = 'download' and not permanent)"
        ).fetchall()[0]
    if given_up:
        say(f"{given_up:,} were given up after too many failures: --retry begins anew with them")
    if forgotten:
        say(f"{forgotten:,} were forgotten and are never fetched again")
