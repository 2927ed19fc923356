"""Which format a file has: by its columns, or by what its first records hold. Where two would do, a person is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from curate.doors.found import BadRow
from curate.doors.made import Made
from curate.doors.reading import chats, questions, scripts, tarsier, videochat2
from curate.doors.record_files import Record, records_of
from curate.doors.table_files import TableFile, csv_file, is_sql_text, json_array_file, jsonl_file, parquet_file
from curate.formats import hdvila, lvd2m, named_columns, panda70m
from curate.formats.format import Format
from curate.formats.recognise import is_array
from curate.sources import SourceError

LOOKED_AT = 200


@dataclass(frozen=True)
class RecordFormat:
    """A format of nested records. `fits`: 2 surely, 1 perhaps, 0 not."""

    name: str
    title: str
    fits: Callable[[Record], int]
    read: Callable[[Record], Sequence[Made]]


RECORD_FORMATS = (
    RecordFormat("videochat2-it", "VideoChat2-IT", videochat2.fits, videochat2.read),
    RecordFormat("tarsier-jsonl", "Tarsier's messages", tarsier.fits, tarsier.read),
    RecordFormat("llava", "LLaVA conversations", chats.fits_llava, chats.read_conversations),
    RecordFormat("sharegpt", "ShareGPT conversations", chats.fits_sharegpt, chats.read_conversations),
    RecordFormat("ms-swift", "ms-swift messages", chats.fits_swift, chats.read_swift),
    RecordFormat("openai", "OpenAI messages", chats.fits_openai, chats.read_openai),
    RecordFormat("vript", "Vript", scripts.fits_vript, scripts.read_vript),
    RecordFormat("finevideo", "FineVideo", scripts.fits_finevideo, scripts.read_finevideo),
    RecordFormat("questions", "questions of a benchmark", questions.fits, questions.read),
    RecordFormat("video-captions", "videos with captions", scripts.fits_pair, scripts.read_pair),
    RecordFormat("clips", "clips of curate export", scripts.fits_own, scripts.read_own),
    RecordFormat("samples", "samples of curate export", questions.fits_own, questions.read_own),
)
TABLE_FORMATS = {
    "lvd2m-csv": ("lvd2m_ytb", "lvd2m_hdvg", "lvd2m_webvid"), "panda70m": ("panda70m",), "hdvg": ("hdvila",),
    "internvid": ("internvid",), "webvid": ("webvid",), "openvid": ("openvid",), "table": ("url_table",),
}  # fmt: skip
CHOICES = (*TABLE_FORMATS, *(f.name for f in RECORD_FORMATS), "webdataset", "files", "hf")
_CSV = frozenset({".csv", ".tsv", ".tab"})
_PARQUET = frozenset({".parquet", ".pq"})
_JSON = frozenset({".jsonl", ".ndjson", ".json"})
ANNOTATIONS = _CSV | _PARQUET | _JSON


@dataclass(frozen=True)
class Known:
    """A file and what it is: a table with its `Format`, or records with theirs."""

    path: Path
    name: str
    title: str
    table: tuple[TableFile, Format] | None = None
    records: RecordFormat | None = None


def suffix_of(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def recognise(path: Path, asked: str | None) -> Known:
    """The format of one file; `asked` is what a person said.

    Raises:
        SourceError: nothing that is known fits, or several formats do.
    """
    if asked is not None and asked not in CHOICES:
        raise SourceError(f"--format {asked} is not known. Allowed: {', '.join(CHOICES)}")
    suffix = suffix_of(path)
    if suffix in _CSV:
        table = csv_file(path)
        return _of_table(path, table, asked) or _of_csv_records(path, table, asked)
    if suffix not in _PARQUET | _JSON:
        raise SourceError(
            f"{path}: {suffix or 'no ending'} is no annotation file. Known: {', '.join(sorted(ANNOTATIONS))}"
        )
    table = parquet_file(path) if suffix in _PARQUET else None
    if asked in {f.name for f in RECORD_FORMATS}:
        return _known(path, next(f for f in RECORD_FORMATS if f.name == asked))
    heads = [record for _, record in islice(records_of(path), LOOKED_AT) if not isinstance(record, BadRow)]
    if not heads and table is None:
        raise SourceError(f"{path}: none of its first rows is a JSON object")
    if table is None:
        names = list(dict.fromkeys(name for record in heads for name in record if is_sql_text(name)))
        table = json_array_file(path, names) if is_array(path) else jsonl_file(path, names)
    sure, possible = _fitting(heads) if asked not in TABLE_FORMATS else ([], [])
    found = None if sure else _of_table(path, table, asked)
    if found and (found.name != "table" or asked == "table" or not possible):
        return found
    if len(sure or possible) == 1:
        return _known(path, (sure or possible)[0])
    if sure or possible:
        names = " or ".join(f"--format {one.name}" for one in sure or possible)
        raise SourceError(f"{path} could be {' or '.join(f.title for f in sure or possible)}. Say which: {names}")
    raise SourceError(_unknown(path, table.columns))


def _known(path: Path, found: RecordFormat) -> Known:
    return Known(path, found.name, found.title, records=found)


def _fitting(heads: Sequence[Record]) -> tuple[list[RecordFormat], list[RecordFormat]]:
    """The formats that most of the records may be of: those that some record is surely of, and the others."""
    marks = {f: [f.fits(record) for record in heads] for f in RECORD_FORMATS}
    possible = [f for f, found in marks.items() if sum(mark > 0 for mark in found) * 2 >= len(found)]
    return [f for f in possible if 2 in marks[f]], [f for f in possible if 2 not in marks[f]]


def _of_table(path: Path, table: TableFile, asked: str | None) -> Known | None:
    if asked is not None and asked not in TABLE_FORMATS:
        return None
    lower = frozenset(column.lower() for column in table.columns)
    for module in (lvd2m, panda70m, hdvila, named_columns):
        for known in module.formats(lower):
            if known.fits(table.columns) and known.name != "videochat2_it":
                if asked is not None and known.name not in TABLE_FORMATS[asked]:
                    continue
                name = next(n for n, names in TABLE_FORMATS.items() if known.name in names)
                return Known(path, name, known.title, table=(table, known))
    if asked is not None:
        raise SourceError(f"{path} is not of the format {asked}: its columns are {', '.join(table.columns)}")
    return None


def _of_csv_records(path: Path, table: TableFile, asked: str | None) -> Known:
    """A csv of questions: rows as records."""
    found = (row for batch in table.batches() for row in batch.rows.to_pylist() if row["line_problem"] is None)
    first = next(found, None)
    candidates = [f for f in RECORD_FORMATS if f.name in ("questions", "video-captions")]
    for found in candidates:
        if asked == found.name or (asked is None and first is not None and found.fits(first)):
            return Known(path, found.name, found.title, table=None, records=found)
    raise SourceError(_unknown(path, table.columns))


def _unknown(path: Path, columns: Sequence[str]) -> str:
    return f"{path}: no known dataset has {', '.join(columns)[:300]}. Say what it is: --format {'|'.join(CHOICES)}"
