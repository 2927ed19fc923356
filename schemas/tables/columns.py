"""The words that tables are written in: types of columns, and rules that many share."""

from __future__ import annotations

import pyarrow as pa

from schemas.spec import Column

TEXT, BOOL = pa.string(), pa.bool_()
INT32, INT64 = pa.int32(), pa.int64()
FLOAT = pa.float32()
TIMESTAMP = pa.timestamp("us", tz="UTC")


def required(name: str, type_: pa.DataType, doc: str) -> Column:
    return Column(name, type_, doc, nullable=False)


def one_of(column: str, allowed: tuple[str, ...]) -> str:
    """SQL: the column holds one of the allowed words."""
    return f"{column} in ({', '.join(repr(word) for word in allowed)})"
