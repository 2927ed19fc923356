"""What the commands that look at a catalogue or tidy it do."""

from __future__ import annotations

import os
import sys

import duckdb

from curate.shell import run_shell
from curate.show import say, show_result
from curate.wrong_use import WrongUse
from engine.catalogue import Catalogue
from engine.compact import compact as compact_all
from engine.query import QueryError, fenced, one_line
from engine.query import run as run_query
from engine.repair import repair as repair_problems
from engine.store import CatalogueError
from engine.verify import verify as find_problems

READ_ROWS = 8192


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
            show_result(run_query(connection, query).to_arrow_reader(READ_ROWS), form, output)
        except BrokenPipeError:  # the reader has seen enough: curate sql … | head
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except (QueryError, ValueError, OSError) as error:
            raise WrongUse(str(error)) from error
        except duckdb.Error as error:
            raise WrongUse(one_line(error)) from error


def verify(catalogue: Catalogue, *, fast: bool, repair: bool) -> bool:
    """Print every problem; True if there is none (left)."""
    problems = find_problems(catalogue, media=not fast)
    if problems and repair:
        repair_problems(catalogue, problems)
        problems = find_problems(catalogue, media=not fast)
    for problem in problems:
        print(problem)
    say(f"problems: {len(problems)}" if problems else "nothing is wrong")
    return not problems


def compact(catalogue: Catalogue, *, drop_superseded: bool, grace_s: float) -> None:
    say(str(compact_all(catalogue, drop_superseded=drop_superseded, grace_s=grace_s)))
