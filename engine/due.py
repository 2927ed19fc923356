"""What is left to do: input rows that have no finished row of this fingerprint and were not turned away for good."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.work import Row

if TYPE_CHECKING:
    import duckdb

READ_ROWS = 1024
_SHARD = re.compile(r"^(\d+)/(\d+)$")


@dataclass(frozen=True)
class Shard:
    """The rows whose key hashes to `index` of `count`; the shards of one count share nothing and miss nothing.

    Raises:
        ValueError: not 0 <= index < count.
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise ValueError(
                f"shard {self.index}/{self.count} does not exist. "
                f"Shards count from 0: 0/{self.count} to {max(self.count, 1) - 1}/{self.count}."
            )

    @classmethod
    def parse(cls, text: str) -> Shard:
        """`i/n` as typed by a person.

        Raises:
            ValueError: not of that form, or no such shard.
        """
        match = _SHARD.match(text.strip())
        if not match:
            raise ValueError(f"a shard is written i/n, for example 0/64, got {text!r}")
        return cls(int(match[1]), int(match[2]))

    def condition(self, key: str) -> str:
        """SQL that holds for the rows of this shard; the same on every machine and version."""
        return f"{shard_sql(key, self.count)} = {self.index}"


def shard_sql(key: str, count: int) -> str:
    """SQL for the number of the shard, of `count`, in which a key lies."""
    return f"('0x' || md5({key})[1:15])::ubigint % {count}"


@dataclass(frozen=True)
class Due:
    """The question "what is left to do?" of one stage.

    `input_sql` is a query whose column `key` names the row and whose column `source_stamp` says what the input
    looks like now. `done_sql` is a query with the key and the fingerprint of what is finished; with
    `done_has_stamp` it has the stamp as well, and a row is finished only under the same one. `order` is SQL over
    the input's columns.
    """

    stage: str
    fingerprint: str
    input_sql: str
    key: str
    done_sql: str
    done_has_stamp: bool = False
    order: str | None = None

    def sql(self, shard: Shard | None = None, limit: int | None = None, *, retry: bool = False) -> str:
        """The query for the rows that are due; `retry` also takes those that were turned away for good."""
        stamp = " and d.source_stamp = i.source_stamp" if self.done_has_stamp else ""
        conditions = [
            f"not exists (from ({self.done_sql}) d where d.{self.key} = i.{self.key} "
            f"and d.fingerprint = '{self.fingerprint}'{stamp})"
        ]
        if not retry:
            conditions.append(
                f"not exists (from rejects r where r.stage = '{self.stage}' and r.key = i.{self.key} "
                f"and r.permanent and r.fingerprint = '{self.fingerprint}' and r.source_stamp = i.source_stamp)"
            )
        if shard:
            conditions.append(shard.condition(f"i.{self.key}"))
        order = f" order by {self.order}" if self.order else ""
        cut = f" limit {limit}" if limit is not None else ""
        return f"select i.* from ({self.input_sql}) i where {' and '.join(conditions)}{order}{cut}"


def rows_of(connection: duckdb.DuckDBPyConnection, sql: str) -> Iterator[Row]:
    """The rows of a query as dicts, a bounded number of them in memory; the connection is busy until the last one."""
    result = connection.execute(sql)
    names = [column[0] for column in result.description or []]
    while rows := result.fetchmany(READ_ROWS):
        for row in rows:
            yield dict(zip(names, row, strict=True))
