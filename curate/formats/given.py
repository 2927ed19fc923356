"""The columns of a dataset's file as `given`: a map a row, put together of Arrow columns, for SQL takes longer for it
than for all the rest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa


def given_of(names: Sequence[str], columns: Sequence[pa.Array | pa.ChunkedArray], rows: int) -> pa.MapArray:
    """A map of all names a row: the columns one behind the other, then taken row by row."""
    count = len(names)
    pieces = [piece for column in columns for piece in _pieces(column.cast(pa.string()))]
    values = pa.concat_arrays(pieces) if pieces else pa.array([], pa.string())
    by_row = np.arange(rows)[:, None] + np.arange(count)[None, :] * rows
    keys = pa.array(names, pa.string()).take(pa.array(np.tile(np.arange(count), rows)))
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * count)
    return pa.MapArray.from_arrays(offsets, keys, values.take(pa.array(by_row.ravel())))


def _pieces(column: pa.Array | pa.ChunkedArray) -> Sequence[pa.Array]:
    return column.chunks if isinstance(column, pa.ChunkedArray) else [column]
