"""Every judgement that was ever paid for, by what it was about: a SQLite file, and Parquet to ship and replay it.

An answer is written before anything is done with it, in a transaction of its own, so that a killed process loses none
that it had received. Several processes may use one file.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

from eval.errors import EvalError
from eval.judges.protocol import Identity, Question, Reply

_BUSY_MS = 60_000
_READ_ROWS = 50_000


@dataclass(frozen=True)
class Judgement:
    """One answer of a judge. event: what was judged, empty for extraction; answer: the judge's text, or a label.

    failure: what the judge said instead of an answer, where that is its last word. tokens: of the whole call, on the
    first of the judgements that it gave.
    """

    key: str
    judge: str
    revision: str
    prompt_id: str
    stage: str
    text: str
    event: str
    repeat: int
    answer: str | None
    failure: str | None
    detail: str
    model: str | None
    prompt_tokens: int
    output_tokens: int
    created_at: str


_COLUMNS = tuple(field.name for field in fields(Judgement))
_INSERT = f"insert or ignore into judgements values ({', '.join('?' * len(_COLUMNS))})"
_SELECT = f"select {', '.join(_COLUMNS)} from judgements"
_NUMBERS = ("repeat", "prompt_tokens", "output_tokens")
_CREATE = "create table if not exists judgements (key text primary key, {}) without rowid".format(
    ", ".join(f"{name} {'integer' if name in _NUMBERS else 'text'}" for name in _COLUMNS[1:])
)


def default_file() -> Path:
    """LONGTAKE_JUDGEMENTS, or judgements.sqlite in the person's cache folder."""
    if named := os.environ.get("LONGTAKE_JUDGEMENTS"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "longtake" / "judgements.sqlite"


class Judgements:
    """The file of judgements. A first answer stands: one under the same key that comes later is not taken.

    Raises:
        EvalError: the file is no such file, or cannot be written.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(file, timeout=_BUSY_MS / 1000, isolation_level=None)
            self._connection.execute("pragma journal_mode = wal")
            self._connection.execute("pragma synchronous = normal")
            self._connection.execute(_CREATE)
        except (OSError, sqlite3.Error) as error:
            raise EvalError(f"The judgements in {file} cannot be opened: {error}.") from error

    @staticmethod
    def key(identity: Identity, prompt_id: str, text: str, event: str, repeat: int) -> str:
        """32 hex digits over judge, revision, prompt, text, event and the number of the repetition."""
        parts = (identity.name, identity.revision, prompt_id, text, event, str(repeat))
        digest = blake2b(digest_size=16)
        for part in parts:
            content = part.encode("utf-8", "surrogatepass")
            digest.update(len(content).to_bytes(8, "little") + content)
        return digest.hexdigest()

    def get(self, key: str) -> Judgement | None:
        """The judgement under a key."""
        row = self._connection.execute(f"{_SELECT} where key = ?", (key,)).fetchone()
        return None if row is None else Judgement(*row)

    def reply(self, key: str) -> Reply | None:
        """The same as the reply that it was."""
        kept = self.get(key)
        if kept is None:
            return None
        return Reply(kept.answer, kept.failure, kept.detail, True, kept.prompt_tokens, kept.output_tokens, kept.model)

    def add(self, judgements: Iterable[Judgement]) -> None:
        """All or none of them, at once.

        Raises:
            EvalError: the disk is full, or the file was damaged.
        """
        rows = [tuple(getattr(judgement, name) for name in _COLUMNS) for judgement in judgements]
        try:
            self._connection.execute("begin immediate")
            self._connection.executemany(_INSERT, rows)
            self._connection.execute("commit")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("rollback")
            raise EvalError(f"A judgement could not be written to {self.file}: {error}.") from error

    def keep(self, key: str, identity: Identity, question: Question, event: str, repeat: int, reply: Reply) -> None:
        """One whole reply."""
        self.add([judgement_of(key, identity, question, event, repeat, reply, reply.text)])

    def count(self) -> int:
        """How many there are."""
        return self._connection.execute("select count(*) from judgements").fetchone()[0]

    def export(self, file: Path) -> int:
        """All judgements as one Parquet file, in the order of their keys; how many they are."""
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415

        schema = pa.schema([(name, pa.int64() if name in _NUMBERS else pa.string()) for name in _COLUMNS])
        cursor = self._connection.execute(f"{_SELECT} order by key")
        number = 0
        beside = file.with_name(file.name + ".partial")
        with pq.ParquetWriter(beside, schema, compression="zstd") as writer:
            while rows := cursor.fetchmany(_READ_ROWS):
                columns = [
                    pa.array(column, type_) for column, type_ in zip(zip(*rows, strict=True), schema.types, strict=True)
                ]
                writer.write_table(pa.table(columns, schema=schema))
                number += len(rows)
        beside.replace(file)
        return number

    def take_in(self, file: Path) -> int:
        """Judgements of a Parquet file that `export` wrote; how many were new.

        Raises:
            EvalError: it is no such file, or a key does not belong to its row: then nothing is taken.
        """
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415

        try:
            rows = [Judgement(**row) for row in pq.read_table(file, columns=list(_COLUMNS)).to_pylist()]
        except (OSError, pa.ArrowException, TypeError) as error:
            raise EvalError(f"{file} holds no judgements: {error}") from error
        for row in rows:
            if row.key != self.key(Identity(row.judge, row.revision), row.prompt_id, row.text, row.event, row.repeat):
                raise EvalError(f"{file}: the judgement {row.key} is not about what its row says; nothing was taken.")
        before = self.count()
        self.add(rows)
        return self.count() - before

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()


def judgement_of(
    key: str, identity: Identity, question: Question, event: str, repeat: int, reply: Reply, answer: str | None
) -> Judgement:
    """A row for a reply, or for one part of it."""
    return Judgement(
        key,
        identity.name,
        identity.revision,
        question.prompt_id,
        question.stage,
        question.text,
        event,
        repeat,
        answer,
        reply.failure,
        reply.detail,
        reply.model,
        reply.prompt_tokens,
        reply.output_tokens,
        datetime.now(UTC).isoformat(timespec="seconds"),
    )
