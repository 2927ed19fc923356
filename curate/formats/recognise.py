"""Which dataset a file is of: its kind by its name and first bytes, its format by its columns."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from curate.formats import hdvila, lvd2m, named_columns, panda70m
from curate.formats.format import Format, quoted_name
from curate.sources import SourceError

if TYPE_CHECKING:
    import duckdb

HEAD_BYTES = 1 << 20
MOST_BYTES_A_RECORD = 64 << 20
MOST_BYTES_A_LINE = 16 << 20
"""Of csv. DuckDB by itself would take sixteen times that at once."""
_KINDS = {".csv": "csv", ".tsv": "csv", ".tab": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json"}
_KINDS |= {".parquet": "parquet", ".pq": "parquet", ".txt": "lines", ".list": "lines", ".urls": "lines"}


@dataclass(frozen=True)
class Recognised:
    """A file that can be read: SQL for its rows (all columns varchar), its columns, its format.

    `delimiter` is None where lines do not count (JSON, Parquet)."""

    path: Path
    format: Format
    columns: tuple[str, ...]
    rows_sql: str
    delimiter: str | None


def recognise(connection: duckdb.DuckDBPyConnection, path: Path, named: Mapping[str, str]) -> Recognised:
    """The format of a file; `named` (meaning -> column) is a person's own reading and comes first.

    Raises:
        SourceError: the file cannot be read, or nothing is known that has its columns.
    """
    kind = _kind(path)
    if kind == "csv":
        columns, rows, delimiter = _csv(path)
    elif kind == "lines":
        columns, delimiter = ("url",), "\0"
        rows = _text_sql(path, columns, "\x01", quote="", header=False)
    else:
        columns, rows = _typed(connection, path, kind)
        delimiter = None
    found = _format(path, columns, named)
    if kind == "lines":
        found = replace(found, name="url_list", title="a list of urls", explode=_without_remarks)
    return Recognised(path, found, columns, rows, delimiter)


def _without_remarks(rows: str) -> str:
    """The rows of a list of urls that hold something; a remark begins with #."""
    return f"select * from ({rows}) where trim(url) <> '' and url[1] <> '#'"


def _format(path: Path, columns: tuple[str, ...], named: Mapping[str, str]) -> Format:
    lower = frozenset(column.lower() for column in columns)
    if named:
        for meaning, column in named.items():
            if meaning not in named_columns.MEANINGS:
                allowed = ", ".join(named_columns.MEANINGS)
                raise SourceError(f"--columns: {meaning!r} is not known. Allowed: {allowed}, each as meaning=column")
            if column.lower() not in lower:
                raise SourceError(f"--columns: {path} has no column {column!r}. It has: {', '.join(columns)}")
        return named_columns.table_of(dict(named))
    for module in (lvd2m, panda70m, hdvila, named_columns):
        for known in module.formats(lower):
            if known.fits(columns):
                return known
    raise SourceError(
        f"{path}: no known dataset has these columns: {', '.join(columns)}. "
        "Say what they mean: --columns url=COLUMN,start=COLUMN,end=COLUMN,key=COLUMN"
    )


def _kind(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    if suffixes and suffixes[-1] in _KINDS:
        kind = _KINDS[suffixes[-1]]
        return _json_kind(path) if kind == "json" else kind
    head = head_of(path, 4096)
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.lstrip()[:1] in (b"{", b"["):
        return _json_kind(path)
    first = head.splitlines()[0] if head.strip() else b""
    return "lines" if first.startswith((b"http://", b"https://")) else "csv"


def _json_kind(path: Path) -> str:
    return "json" if is_array(path) else "jsonl"


def is_array(path: Path) -> bool:
    """Whether a file of JSON is one array."""
    return head_of(path, 4096).lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"[")


def head_of(path: Path, size: int) -> bytes:
    """The first bytes of a file; fewer where it is damaged behind them.

    Raises:
        SourceError: not even the first can be read.
    """
    head = b""
    try:
        with opened(path) as file:
            while len(head) < size and (more := file.read(min(size - len(head), 4096))):
                head += more
    except (EOFError, zlib.error, OSError) as error:
        if not head:
            raise SourceError(f"{path} cannot be read: {error}") from error
    return head


def opened(path: Path) -> BinaryIO:
    """A file's bytes, unpacked where it is gzipped."""
    if not path.is_file():
        raise SourceError(f"there is no file {path}. Give a csv, tsv, json, jsonl, parquet or txt file")
    return cast("BinaryIO", gzip.open(path, "rb")) if path.suffix.lower() == ".gz" else path.open("rb")


def _csv(path: Path) -> tuple[tuple[str, ...], str, str]:
    header, delimiter, _ = csv_header(path)
    columns = distinct(header)
    return columns, _text_sql(path, columns, delimiter, quote='"', header=True), delimiter


def csv_header(path: Path) -> tuple[list[str], str, bytes]:
    """The cells of a csv or tsv file's first line that is not empty, their delimiter, and the byte that ends a line.

    Raises:
        SourceError: there is none.
    """
    text = head_of(path, HEAD_BYTES).decode("utf-8-sig", "replace").lstrip("\r\n")
    if not text.strip():
        raise SourceError(f"{path} is empty. A dataset file begins with a line that names its columns")
    line = text.splitlines()[0]
    delimiter = "\t" if line.count("\t") > line.count(",") else ","
    header = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    return header, delimiter, b"\n" if "\n" in text else b"\r"


def distinct(header: Sequence[str], taken: Iterable[str] = ()) -> tuple[str, ...]:
    """Column names that differ from one another and from `taken`, whatever their case: a second `text` is `text_2`, one
    without a name `column_3`."""
    seen: Counter[str] = Counter(taken)
    names = []
    for place, given in enumerate(header, start=1):
        name = given.strip() or f"column_{place}"
        seen[name.lower()] += 1
        names.append(name if seen[name.lower()] == 1 else f"{name}_{seen[name.lower()]}")
    return tuple(names)


def _text_sql(path: Path, columns: tuple[str, ...], delimiter: str, *, quote: str, header: bool) -> str:
    """Everything is a text, and a row that has not the header's columns is kept aside (`reject_errors`)."""
    types = ", ".join(f"{_text(column)}: 'VARCHAR'" for column in columns)
    return (
        f"read_csv({_text(str(path))}, auto_detect = false, columns = {{{types}}}, header = {str(header).lower()}, "
        f"delim = {_text(delimiter)}, quote = {_text(quote)}, escape = {_text(quote)}, store_rejects = true, "
        f"rejects_limit = 0, maximum_line_size = {MOST_BYTES_A_LINE}, buffer_size = {2 * MOST_BYTES_A_LINE})"
    )


def _typed(connection: duckdb.DuckDBPyConnection, path: Path, kind: str) -> tuple[tuple[str, ...], str]:
    import duckdb  # noqa: PLC0415

    opened(path).close()
    if kind == "parquet":
        source = f"read_parquet({_text(str(path))})"
    else:
        source = _json_sql(path, kind, "maximum_depth = 2, sample_size = 20480, convert_strings_to_integers = false")
    try:
        described = connection.execute(f"describe from {source}").fetchall()
    except duckdb.Error as error:
        raise SourceError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
    if kind != "parquet":  # a text that looks like a time stays the text that it is
        types = ", ".join(f"{_text(row[0])}: {_text(_KEPT_AS.get(row[1], 'VARCHAR'))}" for row in described)
        source = _json_sql(path, kind, f"columns = {{{types}}}")
    columns = tuple(row[0] for row in described)
    texts = ", ".join(f"{quoted_name(c)}::varchar as {quoted_name(c)}" for c in columns)
    return columns, f"(select {texts} from {source})"


_KEPT_AS = {"JSON": "JSON", "BIGINT": "BIGINT", "DOUBLE": "DOUBLE", "BOOLEAN": "BOOLEAN"}


def _json_sql(path: Path, kind: str, options: str) -> str:
    form = "'newline_delimited', ignore_errors = true" if kind == "jsonl" else "'array'"
    return f"read_json({_text(str(path))}, format = {form}, {options}, maximum_object_size = {MOST_BYTES_A_RECORD})"


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
