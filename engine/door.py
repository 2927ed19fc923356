"""The door of a command: what a person can mend is one line and an exit code, a bug is a traceback, Ctrl-C is 130."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, cast

import typer

from engine.interrupt import noted_interrupts, was_interrupted

FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130  # the last is what Typer makes of Ctrl-C
RESUMES = "what was finished is kept; the same command goes on from there"

Errors = tuple[type[Exception], ...]


class WrongUse(Exception):
    """What a person typed cannot be done as it stands: what it got, what is allowed, what to do; exit code 2."""


def command(name: str, about: str) -> typer.Typer:
    """A room's command, as all of them look."""
    return typer.Typer(
        name=name,
        help=about,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )


@contextmanager
def reading_words() -> Iterator[None]:
    """Inside, what a person typed is read: a ValueError says what is wrong with it, and becomes WrongUse."""
    try:
        yield
    except ValueError as error:
        raise WrongUse(str(error)) from error


def open_door(
    app: typer.Typer, named: Callable[[], Errors], *, extras: str | None = None, goes_on: str = RESUMES
) -> NoReturn:
    """Runs what was typed and ends the process.

    named: errors that say in a line what went wrong, asked for only once there is one, because their modules may be
    slow to load. extras: of longtake, that bring the modules which may be missing. goes_on: what a person who pressed
    Ctrl-C wants to know.
    """
    try:
        with noted_interrupts():
            code = _run(app)
    except typer.TyperException as error:
        cast("Any", error).show()  # usage errors know how; their class is private to Typer
        code = error.exit_code
    except KeyboardInterrupt:
        code = INTERRUPTED
    except WrongUse as error:
        code = _said(error, WRONG_USE)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and extras:
            code = _said(f"{error}. Install it: pip install 'longtake[{extras}]'", FAILED)
        elif isinstance(error, named()):
            code = _said(error, FAILED)
        else:
            raise
    if code == INTERRUPTED:
        print(f"interrupted: {goes_on}", file=sys.stderr)
    sys.exit(code or 0)


def _run(app: typer.Typer) -> int | None:
    """The exit code. A Ctrl-C that a library dropped, or made an error of its own of, as DuckDB does, counts."""
    try:
        code = app(standalone_mode=False)
    except Exception as error:
        if was_interrupted():
            raise KeyboardInterrupt from error
        raise
    return INTERRUPTED if was_interrupted() and not code else code


def _said(error: Exception | str, code: int) -> int:
    print(f"error: {error}", file=sys.stderr)
    return code
