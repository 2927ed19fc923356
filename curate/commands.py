"""What the commands do: arguments become settings, stages run, and a person is told what happened."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

import duckdb

from curate import stages
from curate.recipes import Condition, SelectRecipe, recipe_named
from curate.scan import ScanSettings
from curate.select import DEFAULT_ORDER
from curate.select import select as freeze
from curate.shell import run_shell
from curate.show import printable, show_funnel, show_result
from curate.sources import SourceError, find_files
from curate.wrong_use import WrongUse
from engine.catalogue import Catalogue
from engine.due import Shard
from engine.progress import Tally
from engine.query import QueryError, fenced, one_line
from engine.query import run as run_query
from engine.store import CatalogueError

NAMED_REJECTS = 20
READ_ROWS = 8192


def recipe_of(name: str, where: Sequence[str]) -> SelectRecipe:
    """A recipe by name, with a person's own conditions behind its bounds."""
    try:
        recipe = recipe_named(name)
    except ValueError as error:
        raise WrongUse(str(error)) from error
    return replace(recipe, where=tuple(Condition(f"where_{i + 1}", sql) for i, sql in enumerate(where)))


def settings_of(detector: str) -> ScanSettings:
    try:
        return ScanSettings(detector)
    except ValueError as error:
        raise WrongUse(str(error)) from error


def effort_of(jobs: int | None, limit: int | None, shard: str | None, *, retry: bool) -> stages.Effort:
    try:
        return stages.Effort(jobs, limit, Shard.parse(shard) if shard else None, retry)
    except ValueError as error:
        raise WrongUse(str(error)) from error


def open_catalogue(url: str, *, create: bool = False) -> Catalogue:
    try:
        return Catalogue.open(url, create=create)
    except CatalogueError as error:
        raise WrongUse(str(error)) from error


def add(paths: Sequence[str], catalogue: str, effort: stages.Effort) -> Catalogue:
    """Add what the paths name; the catalogue is made where there is none."""
    try:
        found = find_files(paths, without=catalogue)
    except SourceError as error:
        raise WrongUse(str(error)) from error
    if found.ignored:
        kinds = ", ".join(f"{suffix} {count}" for suffix, count in found.ignored.most_common(8))
        _say(f"add: left out, no videos by their names: {kinds}")
    opened = open_catalogue(catalogue, create=True)
    tally = stages.add(opened, found.files, effort)
    known = len(found.files) - tally.total
    _report(tally, opened, f"{known:,} were known" if known else "")
    return opened


def scan(catalogue: Catalogue, settings: ScanSettings, effort: stages.Effort) -> None:
    _report(stages.scan_all(catalogue, settings, effort), catalogue)


def select(catalogue: Catalogue, recipe: SelectRecipe, name: str | None, order: str = DEFAULT_ORDER) -> None:
    """Freeze a selection and print its funnel."""
    name = name or recipe.name
    try:
        steps = freeze(catalogue, recipe, name, order=order)
    except ValueError as error:
        raise WrongUse(str(error)) from error
    show_funnel(steps, name)
    _say(f"kept as selection {name}: curate sql -c {catalogue.url} \"from selections where selection = '{name}'\"")


def sql(catalogue: Catalogue, query: str | None, form: str, output: str | None) -> None:
    """Print the result of a query, or ask for queries where there is none."""
    with fenced(catalogue) as connection:
        if query is None:
            run_shell(connection)
            return
        try:
            show_result(run_query(connection, query).to_arrow_reader(READ_ROWS), form, output)
        except (QueryError, ValueError, OSError) as error:
            raise WrongUse(str(error)) from error
        except duckdb.Error as error:
            raise WrongUse(one_line(error)) from error


def verify(catalogue: Catalogue, *, fast: bool, repair: bool) -> bool:
    """Print every problem; True if there is none (left)."""
    from engine import verify as checks  # noqa: PLC0415

    problems = checks.verify(catalogue, media=not fast)
    if problems and repair:
        checks.repair(catalogue, problems)
        problems = checks.verify(catalogue, media=not fast)
    for problem in problems:
        print(problem)
    _say(f"problems: {len(problems)}" if problems else "nothing is wrong")
    return not problems


def compact(catalogue: Catalogue, *, drop_superseded: bool, grace_s: float) -> None:
    from engine.compact import compact as compact_all  # noqa: PLC0415

    _say(str(compact_all(catalogue, drop_superseded=drop_superseded, grace_s=grace_s)))


def _report(tally: Tally, catalogue: Catalogue, remark: str = "") -> None:
    """Say what a stage did, and name what it turned away."""
    parts = [f"{tally.stage}: {tally.done:,} done in {tally.seconds:.1f} s", remark]
    if tally.rejected:
        parts.append(f"{tally.rejected.total():,} turned away ({tally.reasons()})")
    _say(", ".join(part for part in parts if part))
    if not tally.rejected:
        return
    sql = "select coalesce(video_key, key), reason, detail from rejects where stage = ? order by created_at desc, 1"
    with catalogue.connect() as connection:
        rows = connection.execute(f"{sql} limit {NAMED_REJECTS}", [tally.stage]).fetchall()
    for key, reason, detail in rows:
        _say(f"  {printable(key)} · {printable(reason)} · {printable(detail)}")
    if tally.rejected.total() > len(rows):
        _say("  … and more: curate sql 'from rejects' names all of them")


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
