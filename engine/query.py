"""SQL from a person: one statement that only reads, and reads only the catalogue.

Two fences. The statement must be one that reads (`checked`). The connection can open the live parts and nothing else:
no other file, no network, no extension, no setting to change that, no Python variable.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

import duckdb

from engine.catalogue import Catalogue
from engine.store import CatalogueError
from engine.views import quoted
from engine.wide import derived_clip_of

Result = TypeVar("Result")
Params = Sequence[Any] | Mapping[str, Any]
_EXPLAIN = re.compile(rb"explain\b\s*(\([^)]*\))?", re.IGNORECASE)
_READS = "SELECT, WITH, FROM, VALUES, DESCRIBE, SHOW, SUMMARIZE and EXPLAIN"
_CHANGES = frozenset({"copy", "insert", "update", "delete", "merge", "truncate"})
"""DuckDB 2 takes these inside WITH, and an allowed path is one that COPY may write."""
_HARMLESS = re.compile(
    r"range|generate_series|unnest|repeat|repeat_row|summary|histogram|histogram_values|json_each|json_tree|query_table"
    r"|(duckdb|pragma|test|show|icu|pg)_\w+|show|read_parquet|parquet_scan"
    r"|parquet_(schema|metadata|file_metadata|kv_metadata|full_metadata)"
)


class QueryError(CatalogueError):
    """A query that is not allowed, or that DuckDB refuses; one line that says why."""


def query(
    catalogue: Catalogue,
    sql: str,
    *,
    params: Params | None = None,
    memory_limit: str | None = None,
    threads: int | None = None,
) -> duckdb.DuckDBPyRelation:
    """The result of one reading statement over the views of a catalogue, not yet computed.

    It keeps its connection alive. Rows come with `fetchmany`, `to_arrow_reader` or `to_arrow_table`; errors that only
    computing shows are raised there, as duckdb.Error (`one_line` makes them a line).

    Raises:
        QueryError: the statement is not one, not a reading one, or DuckDB refuses it.
    """
    return run(fenced(catalogue, memory_limit=memory_limit, threads=threads), sql, params)


def run(connection: duckdb.DuckDBPyConnection, sql: str, params: Params | None = None) -> duckdb.DuckDBPyRelation:
    """The same over a connection from `fenced`, for a prompt that answers one query after another."""
    text = checked(sql)
    try:
        relation = connection.sql(text, params=params) if params else connection.sql(text)
    except duckdb.Error as error:
        raise QueryError(one_line(error)) from None
    except (ValueError, NotImplementedError, RuntimeError) as error:
        raise QueryError(str(error)) from None
    if relation is None:
        raise QueryError(f"the statement has no result; only {_READS} are allowed")
    return relation


def fenced(
    catalogue: Catalogue, *, memory_limit: str | None = None, threads: int | None = None
) -> duckdb.DuckDBPyConnection:
    """A connection that can open the live parts and nothing else, and whose settings cannot be changed."""
    snapshot = catalogue.snapshot()
    connection = catalogue.connect(memory_limit, threads, snapshot=snapshot)
    path_of = catalogue.store.duckdb_path
    names = [name for table in snapshot.tables for name in snapshot.parts(table)] + derived_clip_of(snapshot)
    for setting in (
        f"allowed_paths = [{', '.join(quoted(path_of(name)) for name in names)}]",
        "allow_community_extensions = false",
        "autoinstall_known_extensions = false",
        "autoload_known_extensions = false",
        "python_enable_replacements = false",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"set {setting}")
    return connection


def checked(sql: str) -> str:
    """The statement itself, if it is exactly one and only reads.

    Raises:
        QueryError: it is none, several, or one that could change something.
    """
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise QueryError(one_line(error)) from None
    if len(statements) != 1:
        raise QueryError(f"one statement is allowed, got {len(statements)}")
    statement = statements[0]
    if statement.type == duckdb.StatementType.EXPLAIN:
        checked(_explained(sql))
    elif statement.type != duckdb.StatementType.SELECT:
        raise QueryError(_refusal(statement.type.name))
    _check_words(sql)
    return statement.query


def _check_words(sql: str) -> None:
    """Refuse what changes something inside a SELECT, and functions that are neither values nor known to be harmless.

    Files are fenced off by DuckDB itself; this is about functions that take SQL as a text, raw pointers, or switch on
    profiles and logs (which in DuckDB 1.5 escapes the fence).
    """
    words = _words(sql)
    for (word, type_), (after, _) in zip(words, [*words[1:], ("", None)], strict=True):
        name = word.strip('"').lower()
        if type_ == duckdb.token_type.keyword and name in _CHANGES:
            raise QueryError(f'{word} is not allowed: a query only reads. As a name, write it as "{name}"')
        if after.startswith("(") and name in _table_functions() and not _HARMLESS.fullmatch(name):
            raise QueryError(f"{name} is not allowed: a query reads the tables of the catalogue and nothing else")


def _words(sql: str) -> list[tuple[str, Any]]:
    """The words of a statement with their types, comments left out. DuckDB counts them in bytes."""
    text, tokens = sql.encode(), duckdb.tokenize(sql)
    ends = [start for start, _ in tokens[1:]] + [len(text)]
    words = ((text[start:end].decode().strip(), type_) for (start, type_), end in zip(tokens, ends, strict=True))
    return [(word, type_) for word, type_ in words if type_ != duckdb.token_type.comment]


@cache
def _table_functions() -> frozenset[str]:
    with duckdb.connect() as connection:
        rows = connection.execute(
            "select function_name from duckdb_functions() group by all "
            "having bool_and(function_type in ('table', 'pragma', 'table_macro')) or function_name = 'write_log'"
        ).fetchall()
    return frozenset(row[0] for row in rows)


def _refusal(kind: str) -> str:
    if kind == "MULTI":
        return "PIVOT needs its values here: PIVOT … ON column IN ('a', 'b') USING …, so that it is one statement"
    return f"{kind} is not allowed: a query only reads. Allowed are {_READS}"


def _explained(sql: str) -> str:
    """What an EXPLAIN explains.

    Raises:
        QueryError: it would also run it.
    """
    text = sql.encode()
    tokens = [start for start, type_ in duckdb.tokenize(sql) if type_ != duckdb.token_type.comment]
    match = _EXPLAIN.match(text, tokens[0]) if tokens else None
    options = (match[1] or b"").lower() if match else b""
    rest = text[match.end() :].decode() if match else ""
    first = _words(rest)[:1]
    if match is None or b"analy" in options or first[0][0].lower() in ("analyze", "analyse"):
        raise QueryError("EXPLAIN is allowed as the first word, without ANALYZE: that would also run the query")
    return rest


def one_line(error: BaseException) -> str:
    """DuckDB's message without the excerpt of the query; its hints (Did you mean …, Candidate bindings …) stay."""
    lines = []
    for line in str(error).splitlines():
        if re.match(r"^LINE \d+:", line):
            break
        if line.strip():
            lines.append(line.strip())
    return " ".join(lines) or type(error).__name__


def interruptible(connection: duckdb.DuckDBPyConnection, ask: Callable[[], Result]) -> Result:
    """What ask() gives, computed on a thread of its own, so that Ctrl-C ends the query at once.

    DuckDB computes a query to its end before Python hears of a signal at all.

    Raises what ask raises; KeyboardInterrupt once the query has ended.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="query") as pool:
        answer = pool.submit(ask)
        try:
            return answer.result()
        except KeyboardInterrupt:
            connection.interrupt()
            raise  # once the thread has ended
