"""What a table of the catalogue is: columns, key, rules, and how its newest rows are found."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b

import pyarrow as pa

PROVENANCE = (
    pa.field("fingerprint", pa.string(), nullable=False),
    pa.field("tool_version", pa.string(), nullable=False),
    pa.field("created_at", pa.timestamp("us", tz="UTC"), nullable=False),
)
PROVENANCE_DOCS = {
    "fingerprint": "hash of the stage's version, its settings and the weights it used",
    "tool_version": "version of longtake that wrote the row",
    "created_at": "when the result was finished (UTC); all rows of one result share it",
}


@dataclass(frozen=True)
class Column:
    """A column: its Arrow type, whether it may be null, and one sentence that says what it holds."""

    name: str
    type: pa.DataType
    doc: str
    nullable: bool = True


@dataclass(frozen=True)
class CommittedBy:
    """Rows of a table count only once a row of `table` with the same `parent`, fingerprint and created_at stands.

    The commit row is written last, so that a killed process leaves no half result, and the newest commit of a
    parent decides which of its rows are current, so that rows of an older run do not linger.
    """

    table: str
    parent: tuple[str, ...]


@dataclass(frozen=True)
class TableSpec:
    """One table. `rules` are SQL conditions by name; a row for which one is false becomes a reject with that name.

    A condition that is null (because a nullable column is null) holds, as in SQL's CHECK.

    Raises:
        ValueError: a key column is missing or nullable, or two columns share a name.
    """

    name: str
    doc: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    rules: dict[str, str] = field(default_factory=dict)
    committed_by: CommittedBy | None = None

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns] + [column.name for column in PROVENANCE]
        if len(set(names)) != len(names):
            raise ValueError(f"table {self.name}: two columns share a name: {names}")
        by_name = {column.name: column for column in self.columns}
        for name in self.key:
            if name not in by_name or by_name[name].nullable:
                raise ValueError(f"table {self.name}: key column {name!r} must be a column that is never null")

    @cached_property
    def schema(self) -> pa.Schema:
        """All columns as an Arrow schema, provenance last."""
        own = [pa.field(c.name, c.type, nullable=c.nullable) for c in self.columns]
        return pa.schema([*own, *PROVENANCE])

    @cached_property
    def schema_id(self) -> str:
        """Six hex digits that name this set of columns; part files carry it, so that older ones are recognised."""
        text = "\n".join(f"{f.name} {f.type} {f.nullable}" for f in self.schema)
        return blake2b(text.encode(), digest_size=3).hexdigest()
