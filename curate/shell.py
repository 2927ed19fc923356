"""A prompt that answers one query after another."""

from __future__ import annotations

import contextlib
import sys
import time

import duckdb

from curate.show import show_result
from engine.query import QueryError, interruptible, one_line, run

READ_ROWS = 8192

HELP = """A query ends with a semicolon. Views: a table each (show tables), clip, caption.
  .tables      names of the views        .columns VIEW   its columns
  .help        this                      .quit           or Ctrl-D"""


def run_shell(connection: duckdb.DuckDBPyConnection) -> None:
    """Read queries from standard input until its end; Ctrl-C drops the one that is being typed or computed."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401, PLC0415  (arrow keys and history)
    if sys.stdin.isatty():
        print(HELP, file=sys.stderr)
    typed: list[str] = []
    while True:
        try:
            line = input(_prompt(typed))
        except EOFError:
            break
        except KeyboardInterrupt:
            print(file=sys.stderr)
            typed = []
            continue
        if not typed and line.strip().startswith("."):
            if line.strip() in (".quit", ".exit"):
                return
            _command(connection, line.split())
            continue
        typed.append(line)
        if line.rstrip().endswith(";"):
            _answer(connection, "\n".join(typed))
            typed = []
    if "".join(typed).strip():
        _answer(connection, "\n".join(typed))


def _prompt(typed: list[str]) -> str:
    if not sys.stdin.isatty():
        return ""
    return "     ...> " if typed else "longtake> "


def _command(connection: duckdb.DuckDBPyConnection, words: list[str]) -> None:
    if words[0] == ".tables":
        _answer(connection, "show tables")
    elif words[0] == ".columns" and len(words) == 2:
        _answer(connection, f"select column_name, column_type from (describe {_quoted(words[1])})")
    else:
        print(HELP, file=sys.stderr)


def _answer(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    started_at = time.monotonic()
    try:
        interruptible(connection, lambda: show_result(run(connection, sql).to_arrow_reader(READ_ROWS), "table"))
        print(f"{time.monotonic() - started_at:.2f} s", file=sys.stderr)
    except QueryError as error:
        print(f"error: {error}", file=sys.stderr)
    except duckdb.Error as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
