"""What each step cost and gave: metrics.parquet, lines for a person, TensorBoard where it is installed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

FILE = "metrics.parquet"
WRITE_SECONDS = 10.0
SCHEMA = pa.schema(
    [
        pa.field("step", pa.int64(), nullable=False),  # from 1
        pa.field("loss", pa.float64(), nullable=False),  # mean over what the step learned; compared bit by bit
        pa.field("lr", pa.float64(), nullable=False),
        pa.field("tokens", pa.int64(), nullable=False),  # that went through the network
        pa.field("learned_tokens", pa.int64(), nullable=False),
        pa.field("samples", pa.int64(), nullable=False),
        pa.field("unread", pa.int64(), nullable=False),  # samples that could not be used
        pa.field("seconds", pa.float64(), nullable=False),
        pa.field("waited_seconds", pa.float64(), nullable=False),  # of them, for frames
        pa.field("grad_norm", pa.float64(), nullable=False),
        pa.field("parts", pa.map_(pa.string(), pa.float64())),  # further means of the objective
    ]
)


class Metrics:
    """The rows of a run; those of an earlier start up to `after` are kept. say: gets a line now and then."""

    def __init__(self, folder: Path, after: int, say: Callable[[str], None]) -> None:
        self._path = folder / FILE
        self._rows = [row for row in read(folder) if row["step"] <= after]
        self._say = say
        self._written = self._said = time.monotonic()
        self._board = _board(folder, after)

    def add(self, row: dict[str, Any]) -> None:
        """One step. Written to disk at least every ten seconds."""
        self._rows.append(row)
        if self._board:
            speed = {"samples_per_s": row["samples"] / row["seconds"]} if row["seconds"] else {}
            shown = {name: row[name] for name in ("loss", "lr", "grad_norm")} | speed | row["parts"]
            for name, value in shown.items():
                self._board.add_scalar(name, value, row["step"])
        now = time.monotonic()
        if now - self._said > 5 or row["step"] == 1:
            self._said = now
            self._say(line(row))
        if now - self._written > WRITE_SECONDS:
            self.write()

    def write(self) -> None:
        """metrics.parquet with all rows; it is replaced at once."""
        part = self._path.with_name(f".{self._path.name}.{os.getpid()}.part")
        pq.write_table(pa.Table.from_pylist(self._rows, schema=SCHEMA), part)
        part.replace(self._path)
        self._written = time.monotonic()

    def close(self) -> None:
        self.write()
        if self._board:
            self._board.close()


def read(folder: Path) -> list[dict[str, Any]]:
    """Rows of a run's metrics.parquet, `parts` as a dict; nothing where there is none."""
    path = folder / FILE
    if not path.is_file():
        return []
    rows = pq.read_table(path, schema=SCHEMA).to_pylist()
    return [row | {"parts": dict(row["parts"] or [])} for row in rows]


def line(row: dict[str, Any]) -> str:
    """A step in a line."""
    parts = "".join(f", {name} {value:.3g}" for name, value in row["parts"].items())
    speed = row["samples"] / row["seconds"] if row["seconds"] else 0.0
    return (
        f"step {row['step']}: loss {row['loss']:.4f}, lr {row['lr']:.2e}, norm {row['grad_norm']:.3g}, "
        f"{speed:.1f} samples/s{parts}"
    )


def _board(folder: Path, after: int) -> Any:
    """What an earlier start wrote of steps beyond `after` is no longer shown."""
    if find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415

    return SummaryWriter(str(folder / "tensorboard"), purge_step=after + 1)
