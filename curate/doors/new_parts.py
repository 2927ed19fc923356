"""Rows of an import on their way into the catalogue: a part a table, which appear when all are whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from engine.catalogue import Catalogue, now, tool_version
from engine.merge import content_of_file
from engine.parts import part_name
from engine.views import create_table_views, quoted
from engine.write import as_table, split_by_rules
from schemas.ids import fingerprint_of
from schemas.tables import BY_NAME

STAGE = "import"
VERSION = 1
FINGERPRINT = fingerprint_of(STAGE, VERSION)
_ALIKE = ("kind", "model", "fingerprint", "tool_version", "created_at", "dataset", "format", "task", "media", "split",
          "stage", "reason", "segment")  # fmt: skip
_UNBOUNDED = frozenset({"text", "messages", "given", "detail", "url", "clip_ids", "caption_ids"})
"""Bounds of long texts cost a third of the writing, and no query looks for them."""
_LAST = ("rejects", "ingests")
ROW_GROUP_ROWS = 20_000


class NewParts:
    """A part a table, written row group by row group. `publish` makes them part of the catalogue, the rejects and
    the note that the file was read last; leaving without it drops them."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._stack = ExitStack()
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._files: dict[str, Path] = {}
        self.written: dict[str, int] = {}
        self.created_at: datetime = now()

    def __enter__(self) -> NewParts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in self._writers.values():
            writer.close()
        self._stack.close()

    def add(
        self, name: str, rows: Sequence[Mapping[str, Any]] | pa.Table, *, is_sound: bool = False
    ) -> list[dict[str, Any]]:
        """Append rows without provenance; returns those that break a rule of their table, as rows of `rejects`.

        `is_sound`: the rows are known to keep every rule.
        """
        spec = BY_NAME[name]
        given: pa.Table = rows if isinstance(rows, pa.Table) else as_table(spec, rows)
        if not len(given):
            return []
        stamped = self._stamped(given)
        whole = as_table(spec, stamped)
        sound, refused = (whole, []) if is_sound else split_by_rules(spec, whole, STAGE)
        if sound.num_rows:
            writer = self._writers.get(name) or self._open(name)
            writer.write_table(sound.cast(writer.schema), row_group_size=ROW_GROUP_ROWS)
            self.written[name] = self.written.get(name, 0) + sound.num_rows
        return refused

    def publish(self) -> None:
        """Make all parts appear."""
        for name in sorted(self._writers, key=lambda n: (_LAST.index(n) if n in _LAST else -1, n)):
            self._writers.pop(name).close()
            self._adopt(name, self._files[name])

    def publish_new(self) -> dict[str, int]:
        """The same without the rows that the catalogue has; returns how many are new, by table."""
        snapshot = self._catalogue.snapshot()
        known = [name for name in _SAME if name in self._writers and snapshot.parts(name)]
        if known:
            with self._catalogue.connect_bare(memory_limit="700MB") as connection:
                specs = [BY_NAME[name] for name in known]
                create_table_views(connection, self._catalogue.store.duckdb_path, snapshot, specs)
                for name in known:
                    self._leave_out_known(connection, name)
        self.publish()
        return {name: count for name, count in self.written.items() if count}

    def _leave_out_known(self, connection: duckdb.DuckDBPyConnection, name: str) -> None:
        self._writers.pop(name).close()
        old = self._files[name]
        new = old.with_name("new.parquet")
        on = " and ".join(f"{one.format('n')} is not distinct from {one.format('k')}" for one in _SAME[name])
        counted = connection.execute(
            f"copy (select n.* from read_parquet({quoted(str(old))}) n where not exists "
            f"(select 1 from {name} k where {on})) to {quoted(str(new))} (format parquet, "
            f"compression snappy, row_group_size {ROW_GROUP_ROWS}, kv_metadata {_footer_sql()})"
        ).fetchall()
        self.written[name] = counted[0][0]
        if counted[0][0]:
            self._adopt(name, new)

    def _adopt(self, name: str, file: Path) -> None:
        part = part_name(BY_NAME[name].schema_id, content_of_file(file))
        self._catalogue.store.adopt(f"{name}/{part}", file)

    def _stamped(self, rows: pa.Table) -> pa.Table:
        count = rows.num_rows
        columns = {name: rows[name] for name in rows.column_names if name not in _PROVENANCE}
        columns |= {
            "fingerprint": pa.repeat(pa.scalar(FINGERPRINT), count),
            "tool_version": pa.repeat(pa.scalar(tool_version()), count),
            "created_at": pa.repeat(pa.scalar(self.created_at, pa.timestamp("us", tz="UTC")), count),
        }
        return pa.table(columns)

    def _open(self, name: str) -> pq.ParquetWriter:
        spec = BY_NAME[name]
        footer = _footer()
        folder = self._stack.enter_context(self._catalogue.store.scratch(name))
        self._files[name] = folder / f"{name}.parquet"
        alike = [column for column in _ALIKE if column in spec.schema.names]
        bounded = [column for column in spec.schema.names if column not in _UNBOUNDED]
        self._writers[name] = pq.ParquetWriter(
            self._files[name],
            spec.schema.with_metadata({key: value.encode() for key, value in footer.items()}),
            compression="snappy",
            use_dictionary=alike,  # type: ignore[arg-type]  (a list of columns is allowed)
            write_statistics=bounded,  # type: ignore[arg-type]
        )
        return self._writers[name]


def _footer() -> dict[str, str]:
    return {"stage": STAGE, "fingerprints": FINGERPRINT, "tool_version": tool_version()}


def _footer_sql() -> str:
    return "{" + ", ".join(f"{key}: {quoted(value)}" for key, value in _footer().items()) + "}"


_SAME = {
    "requests": ("{}.request_id", "{}.given::varchar"),
    "captions": ("{}.caption_id",),
    "samples": ("{}.sample_id", "{}.split"),
    "origins": ("{}.sample_id", "{}.dataset", "{}.source_row", "{}.source", "{}.given"),
}
"""What two rows of a table share that say the same."""
_PROVENANCE = ("fingerprint", "tool_version", "created_at")
