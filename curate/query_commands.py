"""What the commands that look at a catalogue or tidy it do."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby

import duckdb

from curate.shell import run_shell
from curate.show import printable, say, show_result
from engine.catalogue import Catalogue
from engine.compact import compact as compact_all
from engine.door import WrongUse
from engine.query import QueryError, fenced, interruptible, one_line
from engine.query import run as run_query
from engine.repair import repair as repair_problems
from engine.store import CatalogueError
from engine.verify import Problem
from engine.verify import verify as find_problems

READ_ROWS = 8192
SHOWN_ALIKE = 5


def open_catalogue(url: str, *, create: bool = False) -> Catalogue:
    try:
        return Catalogue.open(url, create=create)
    except CatalogueError as error:
        raise WrongUse(str(error)) from error


def sql(catalogue: Catalogue, query: str | None, form: str, output: str | None) -> None:
    """Print the result of a query, or ask for queries where there is none."""
    with fenced(catalogue) as connection:
        if query is None:
            run_shell(connection)
            return
        try:
            interruptible(
                connection, lambda: show_result(run_query(connection, query).to_arrow_reader(READ_ROWS), form, output)
            )
        except BrokenPipeError:  # the reader has seen enough: curate sql … | head
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except (QueryError, ValueError, OSError) as error:
            raise WrongUse(str(error)) from error
        except duckdb.Error as error:
            raise WrongUse(one_line(error)) from error


def verify(catalogue: Catalogue, *, fast: bool, repair: bool) -> bool:
    """Print every problem and notice, a line each; True if there is no problem (left)."""
    problems = find_problems(catalogue, media=not fast)
    if repair and any(problem.is_error for problem in problems):
        for done in repair_problems(catalogue, problems):
            say(f"repaired: {done}")
        problems = find_problems(catalogue, media=not fast)
    for line in _lines(problems):
        print(line)
    errors = sum(problem.is_error for problem in problems)
    notices = len(problems) - errors
    say(f"{errors or 'no'} problem{'s' * (errors != 1)}, {notices or 'no'} notice{'s' * (notices != 1)}")
    return not errors


def compact(catalogue: Catalogue, *, drop_superseded: bool, grace_s: float) -> None:
    """Tidy up and say what was done."""
    report = compact_all(catalogue, drop_superseded=drop_superseded, grace_s=grace_s)
    for merge in report.merges:
        say(f"{merge.table}: {merge.parts_before} parts with {merge.rows_before:,} rows are now "
            f"{merge.parts_after} with {merge.rows_after:,}")  # fmt: skip
    if report.clips_derived:
        say(f"clip: {report.clips_derived:,} wide rows stored")
    if report.deleted:
        say(f"{len(report.deleted)} replaced files deleted")
    if not (report.merges or report.clips_derived or report.deleted):
        say("nothing to do")


def _lines(problems: Sequence[Problem]) -> Iterator[str]:
    """A line a problem; of one kind in one table the first few, for one damaged part is missed in many rows."""
    for (kind, table), alike in groupby(problems, key=lambda problem: (problem.kind, problem.table)):
        found = list(alike)
        for problem in found[:SHOWN_ALIKE]:
            what = "problem" if problem.is_error else "notice"
            text = f"{what} {kind}: {table} {problem.where}: {problem.detail}. {problem.remedy}"
            yield printable(text, width=1000)
        if len(found) > SHOWN_ALIKE:
            yield f"  … and {len(found) - SHOWN_ALIKE} more of {kind} in {table}"
