"""`curate dedup`: the signatures of a catalogue are searched, and every compared clip gets a row of `duplicates`."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from curate.dedup.groups import Worth, keeper_of
from curate.dedup.search import Found, Signatures, search
from curate.observers.signature import BYTES
from engine.catalogue import Catalogue, now, tool_version
from engine.query import QueryError, fenced, one_line, run
from engine.write import write
from schemas.ids import fingerprint_of
from schemas.spans import US

STAGE = "dedup"
VERSION = 2
METHOD = "signature"
DEPENDS_ON = ("videos", "scans", "clips", "measures")
MEMORY = "2GB"
_ROWS = 4096
_ALONE = "only one"


@dataclass(frozen=True)
class DedupReport:
    """What a search found; `is_new` is False where the same search of the same catalogue stood already."""

    num_clips: int
    num_groups: int
    num_extra: int
    seconds: float
    is_new: bool


def dedup(
    catalogue: Catalogue,
    where: Sequence[str] = (),
    *,
    jobs: int = 1,
    say: Callable[[str, int, int], None] = lambda *_: None,
) -> DedupReport:
    """Group the near-duplicates among the clips that meet all conditions and have a signature.

    Rows of `duplicates` replace those of the search before. Nothing is deleted.

    Raises:
        ValueError: a condition is no SQL over `clip`.
    """
    restriction = " and ".join(f"({condition}\n)" for condition in where) or "true"
    state = catalogue.snapshot().state_of(*DEPENDS_ON)
    fingerprint = fingerprint_of(STAGE, VERSION, {"where": list(where), "state": state})
    began = time.monotonic()
    with fenced(catalogue, memory_limit=MEMORY) as connection:
        for condition in where:
            _check(connection, condition)
        if (known := _known(connection, fingerprint)) is not None:
            return known
        with tempfile.TemporaryDirectory(prefix="longtake-dedup-") as folder:
            clips = _clips(connection, restriction)
            signatures = _gathered(connection, restriction, clips, Path(folder))
            found = search(signatures, jobs, say)
    rows = _rows(clips, found)
    is_keeper = rows["is_keeper"].to_numpy()
    extra = int(np.count_nonzero(~is_keeper))
    groups = int(np.count_nonzero(is_keeper & (rows["group_size"].to_numpy() > 1)))
    report = DedupReport(len(clips["clip_id"]), groups, extra, time.monotonic() - began, True)
    _write(catalogue, rows, report, fingerprint, " and ".join(where) or "true")
    return report


def _check(connection: duckdb.DuckDBPyConnection, condition: str) -> None:
    try:
        run(connection, f"explain select clip_id from clip where ({condition}\n)")
    except QueryError as error:
        raise ValueError(f"condition {condition!r}: {error}") from error


def _known(connection: duckdb.DuckDBPyConnection, fingerprint: str) -> DedupReport | None:
    rows = run(
        connection,
        "select num_clips, num_groups, num_extra, seconds from dedups where method = ? and fingerprint = ?",
        [METHOD, fingerprint],
    ).fetchall()
    return DedupReport(*rows[0], is_new=False) if rows else None


def _clips(connection: duckdb.DuckDBPyConnection, restriction: str) -> dict[str, np.ndarray]:
    """What decides which clip of a group is kept, and how many samples each has; by clip_id."""
    sql = f"""
        select c.clip_id, octet_length(m.signature) // {BYTES} as samples, c.seconds,
            cast(c.display_width * c.display_height * (1 - coalesce(c.letterbox_share, 0)) as bigint) as pixels,
            c.video_bytes * 8e6 / c.video_duration_us as bits_per_second,
            -epoch(coalesce(c.video_retrieved_at, v.created_at)) as age
        from clip c join measures m on m.clip_id = c.clip_id join videos v on v.video_id = c.video_id
        where c.clip_id in (select clip_id from clip where {restriction}) and m.signature is not null
        order by c.clip_id
    """
    try:
        table = run(connection, sql).to_arrow_table()
    except duckdb.Error as error:  # a condition that only fails on some row, such as a cast
        raise ValueError(f"a condition failed while it was computed: {one_line(error)}") from error
    return {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names}


def _gathered(
    connection: duckdb.DuckDBPyConnection, restriction: str, clips: dict[str, np.ndarray], folder: Path
) -> Signatures:
    """The signatures of the clips, in two files in the order of the clips."""
    starts = np.concatenate([[0], np.cumsum(clips["samples"])]).astype(np.int64)
    total = int(starts[-1])
    (folder / "values.i8").touch()
    (folder / "seconds.f4").touch()
    if total:
        values = np.memmap(folder / "values.i8", np.int8, "w+", shape=(total, BYTES))
        seconds = np.memmap(folder / "seconds.f4", np.float32, "w+", shape=(total,))
        for number, signature, times in _stream(connection, restriction, clips["clip_id"]):
            rows = slice(starts[number], starts[number + 1])
            values[rows] = np.frombuffer(signature, np.int8).reshape(-1, BYTES)
            seconds[rows] = (times - times[0]) / US
        values.flush()
        seconds.flush()
    return Signatures(folder, starts)


def _stream(
    connection: duckdb.DuckDBPyConnection, restriction: str, clip_ids: np.ndarray
) -> Iterator[tuple[int, bytes, np.ndarray]]:
    """Number, signature and times of each clip, in any order: sorting gigabytes would take longer than placing them."""
    sql = f"""
        select clip_id, signature, signature_us from measures
        where clip_id in (select clip_id from clip where {restriction}) and signature is not null
    """
    for batch in run(connection, sql).to_arrow_reader(_ROWS):
        numbers = np.searchsorted(clip_ids, batch["clip_id"].to_numpy(zero_copy_only=False))
        times = batch["signature_us"]
        for row, number in enumerate(numbers):
            yield int(number), batch["signature"][row].as_py(), np.asarray(times[row].values)


def _rows(clips: dict[str, np.ndarray], found: Found) -> pa.Table:
    """A row of `duplicates` for each clip, without provenance."""
    count = len(clips["clip_id"])
    ids, group = clips["clip_id"], found.group
    keeper, reasons = np.arange(count), np.full(count, _ALONE, object)
    sizes = np.bincount(group, minlength=count)[group] if count else np.empty(0, int)
    order = np.argsort(group, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(group[order])) + 1) if count else []:
        if len(members) > 1:
            place, reason = keeper_of([_worth(clips, clip) for clip in members])
            keeper[members], reasons[members] = members[place], reason
    lies = [_lie(found, int(kept), clip) if kept != clip else {} for clip, kept in enumerate(keeper)]
    return pa.table(
        {
            "method": pa.repeat(METHOD, count),
            "clip_id": pa.array(ids, pa.string()),
            "group_id": pa.array(ids[keeper], pa.string()),
            "group_size": pa.array(sizes, pa.int32()),
            "is_keeper": pa.array(keeper == np.arange(count)),
            "reason": pa.array(reasons, pa.string()),
            "agreement": pa.array([lie.get("agreement") for lie in lies], pa.float32()),
            "speed": pa.array([lie.get("speed") for lie in lies], pa.float32()),
            "offset_us": pa.array([lie.get("offset_us") for lie in lies], pa.int64()),
            "mirrored": pa.array([lie.get("mirrored") for lie in lies], pa.bool_()),
        }
    )


def _worth(clips: dict[str, np.ndarray], clip: int) -> Worth:
    return Worth(
        int(clips["pixels"][clip]),
        float(clips["seconds"][clip]),
        float(clips["bits_per_second"][clip]),
        float(clips["age"][clip]),
    )


def _lie(found: Found, keeper: int, clip: int) -> dict[str, Any]:
    """How a clip lies on the one to keep; empty where only others of the group connect the two."""
    pair = found.pairs.get((min(keeper, clip), max(keeper, clip)))
    if pair is None or pair.margin < 0:
        return {}
    speed, offset = (1 / pair.speed, pair.offset_s) if keeper < clip else (pair.speed, -pair.offset_s / pair.speed)
    return {
        "agreement": pair.agreement,
        "speed": speed,
        "offset_us": round(offset * US),
        "mirrored": pair.mirrored,
    }


def _write(catalogue: Catalogue, rows: pa.Table, report: DedupReport, fingerprint: str, restriction: str) -> None:
    """Write the rows of all clips, then the row from which on they count."""
    provenance = {"fingerprint": fingerprint, "tool_version": tool_version(), "created_at": now()}
    for column, value in provenance.items():
        rows = rows.append_column(column, pa.repeat(pa.scalar(value), rows.num_rows))
    commit = {
        "method": METHOD,
        "num_clips": report.num_clips,
        "num_groups": report.num_groups,
        "num_extra": report.num_extra,
        "seconds": report.seconds,
        "restriction": restriction,
    }
    write(catalogue, {"duplicates": rows, "dedups": [commit | provenance]}, stage=STAGE)
