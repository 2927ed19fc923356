"""What the command `curate dedup` does around its search: progress, and what a person is told."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from curate.dedup.stage import dedup as find_duplicates
from curate.query_commands import open_catalogue
from curate.show import say, show_result
from engine.catalogue import Catalogue
from engine.door import WrongUse
from engine.query import fenced, run
from engine.run import default_jobs

__all__ = ["dedup", "open_catalogue"]

EVERY_S = 10.0
LARGEST = """
    select d.clip_id as keeper, c.video_key, d.group_size as clips, d.reason
    from duplicates d join clip c on c.clip_id = d.clip_id
    where d.is_keeper and d.group_size > 1 order by d.group_size desc, d.clip_id limit 10
"""


def dedup(catalogue: Catalogue, where: Sequence[str], jobs: int | None) -> None:
    """Search, and say what was found; the largest groups go to standard output."""
    if jobs is not None and jobs < 1:
        raise WrongUse(f"jobs must be at least 1, got {jobs}")
    try:
        report = find_duplicates(catalogue, where, jobs=jobs or default_jobs(), say=_Progress())
    except ValueError as error:
        raise WrongUse(str(error)) from error
    how = f"in {report.seconds:.1f} s" if report.is_new else "before, and nothing changed since"
    say(
        f"dedup: {report.num_clips:,} clips compared {how}: {report.num_groups:,} groups of near-duplicates, "
        f"{report.num_extra:,} clips beside those to keep"
    )
    if not report.num_clips:
        say("no clip has a signature: `curate scan` makes them")
    elif report.num_groups:
        with fenced(catalogue) as connection:
            show_result(run(connection, LARGEST).to_arrow_reader(), "table")
        say(f"select without them: curate select -c {catalogue.url} --where is_keeper")


class _Progress:
    """A line now and then on a terminal."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, what: str, done: int, total: int) -> None:
        if sys.stderr.isatty() and time.monotonic() - self._last >= EVERY_S:
            self._last = time.monotonic()
            say(f"dedup: {what} {done:,}/{total:,}")
