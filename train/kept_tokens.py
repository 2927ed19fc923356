"""The tokens that captions keep, by caption, without a query a step: copied once into a file that is mapped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from tempfile import NamedTemporaryFile
from typing import Any

import pyarrow as pa
import pyarrow.ipc

from engine.catalogue import Catalogue

ROWS_AT_ONCE = 256  # of a batch of the file: what one look-up reads around it


class KeptTokens:
    """output_ids, top_ids, top_logprobs and text of captions. The file has no name once it is mapped, so that none is
    left behind by a kill."""

    def __init__(self, catalogue: Catalogue, caption_ids: Iterable[str]) -> None:
        self._places: dict[str, tuple[int, int]] = {}
        wanted = pa.table({"caption_id": pa.array(sorted(set(caption_ids)), pa.string())})
        with catalogue.connect() as connection, NamedTemporaryFile(prefix="longtake-tokens-") as file:
            connection.register("wanted", wanted)
            rows = connection.sql(
                """select caption_id, text, output_ids, top_ids, top_logprobs from captions semi join wanted
                using (caption_id) where output_ids is not null and top_ids is not null"""
            ).to_arrow_reader(ROWS_AT_ONCE)
            self._write(rows, file.name)
            self._file = pyarrow.ipc.open_file(pa.memory_map(file.name))

    def _write(self, rows: pa.RecordBatchReader, path: str) -> None:
        with pa.OSFile(path, "wb") as file, pyarrow.ipc.new_file(file, rows.schema) as writer:
            for number, batch in enumerate(rows):
                writer.write_batch(batch)
                ids = batch.column("caption_id").to_pylist()
                self._places |= {one: (number, row) for row, one in enumerate(ids)}

    def __call__(self, caption_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Rows of those captions that keep tokens."""
        found = {}
        for one in caption_ids:
            if one in self._places:
                number, row = self._places[one]
                found[one] = self._file.get_batch(number).slice(row, 1).to_pylist()[0]
        return found
