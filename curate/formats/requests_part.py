"""Rows of a dataset's file on their way into one part of `requests`: batch by batch, bad ones aside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curate.formats.asked import GIVEN
from curate.formats.given import given_of
from engine.work import Row
from schemas.tables import REQUESTS

BATCH_ROWS = 20_000
_OPTIONS: dict[str, Any] = {  # long texts are worth neither a dictionary nor bounds
    "use_dictionary": ["dataset", "url", "video_key", "given.key_value.key", "fingerprint", "tool_version"],
    "write_statistics": ["request_id", "source_row", "dataset", "video_key", "created_at"],
}


class RequestsPart:
    """Writes one part file. `bad`: source_row, what is wrong and video_key of rows that were not written."""

    def __init__(self, path: Path, columns: Sequence[str], same: Mapping[str, Any], footer: Mapping[str, str]) -> None:
        self._columns, self._same = columns, same
        self._schema = REQUESTS.schema.with_metadata({key: value.encode() for key, value in footer.items()})
        self._writer = pq.ParquetWriter(path, self._schema, compression="snappy", **_OPTIONS)
        self._seen = self.num_rows = 0
        self.bad = list[tuple[int, str, str | None]]()

    def add(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Write all good rows of a query's batches; rows without a number of their own are counted."""
        for batch in batches:
            numbered = self._numbered(batch)
            is_good = batch["problem"].is_null()
            if is_good.false_count:
                self._set_aside(numbered.filter(batch["problem"].is_valid()))
                numbered = numbered.filter(is_good)
            if numbered.num_rows:
                self._writer.write_batch(self._as_requests(numbered))
                self.num_rows += numbered.num_rows

    def close(self) -> None:
        self._writer.close()

    def _numbered(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        at = batch.schema.get_field_index("source_row")
        if batch["source_row"].null_count:
            counted = pa.array(np.arange(self._seen + 1, self._seen + batch.num_rows + 1))
            batch = batch.set_column(at, "source_row", counted)
        self._seen += batch.num_rows
        return batch

    def _set_aside(self, bad: pa.RecordBatch) -> None:
        rows: list[Row] = bad.select(["source_row", "problem", "video_key"]).to_pylist()
        self.bad += [(row["source_row"], row["problem"], row["video_key"]) for row in rows]

    def _as_requests(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        arrays = []
        for field in self._schema:
            if field.name == "given":
                columns = [batch[f"{GIVEN}{i}"] for i in range(len(self._columns))]
                arrays.append(given_of(self._columns, columns, batch.num_rows))
            elif field.name in self._same:
                arrays.append(pa.repeat(pa.scalar(self._same[field.name], field.type), batch.num_rows))
            else:
                arrays.append(batch[field.name].cast(field.type))
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)
