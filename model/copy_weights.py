"""The weights of a checkpoint under other names: their bytes are copied, file by file; no network is built."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from model.errors import ModelError
from model.weights import INDEX, Shard, TensorEntry

COPY_BYTES = 16 << 20


def copy_weights(
    shards: Sequence[Shard],
    folder: Path,
    name_of: Callable[[str], str | None],
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[int, int]:
    """Copies each file under its own name; the tensors and bytes that were written.

    name_of: the new name of a tensor; None leaves it out. progress: bytes written so far.
    Raises ModelError("damaged_weights"); OSError.
    """
    place_of: dict[str, str] = {}
    total = 0
    for shard in shards:
        kept = [(name, entry) for entry in shard.tensors if (name := name_of(entry.name)) is not None]
        if not kept:
            continue
        place_of |= {name: shard.path.name for name, _ in kept}
        with shard.path.open("rb") as source, (folder / shard.path.name).open("wb") as target:
            target.write(_header(kept, shard.metadata))
            for _, entry in kept:
                source.seek(shard.data_start + entry.start)
                left = entry.end - entry.start
                while left:
                    block = source.read(min(COPY_BYTES, left))
                    if not block:
                        raise ModelError("damaged_weights", f"{shard.path} ended while it was read.")
                    target.write(block)
                    left -= len(block)
                    total += len(block)
                progress(total)
            target.flush()
            os.fsync(target.fileno())
    if len(shards) > 1:
        write_json(folder / INDEX, {"metadata": {"total_size": total}, "weight_map": place_of})
    return len(place_of), total


def _header(kept: Sequence[tuple[str, TensorEntry]], metadata: dict[str, str]) -> bytes:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"} | metadata}
    start = 0
    for name, entry in kept:
        end = start + entry.end - entry.start
        header[name] = {"dtype": entry.dtype, "shape": list(entry.shape), "data_offsets": [start, end]}
        start = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of eight, as the format's own writer has it
    return struct.pack("<Q", len(text)) + text


def write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
