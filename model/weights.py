"""Safetensors files of a checkpoint: which there are, what their headers say, who they are. Needs no torch."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from math import prod
from pathlib import Path

from model.configs import read_json
from model.errors import ModelError
from model.rename import is_computed, published_name

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
LONGEST_HEADER = 100_000_000  # the format's own limit
ITEM_BYTES = {
    "F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2,
    "F8_E4M3": 1, "F8_E5M2": 1, "I8": 1, "U8": 1, "BOOL": 1,
}  # fmt: skip


@dataclass(frozen=True)
class TensorEntry:
    """One tensor of a file. start, end: bytes after the header."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True)
class Shard:
    """One safetensors file. data_start: the byte where its tensors begin."""

    path: Path
    data_start: int
    tensors: tuple[TensorEntry, ...]
    metadata: dict[str, str]


def shards_of(folder: Path) -> list[Shard]:
    """The headers of a checkpoint's files. Raises ModelError: none there, only pickles, damaged, or one is missing."""
    paths = _paths(folder)
    shards = [read_shard(path) for path in paths]
    seen: dict[str, Path] = {}
    for shard in shards:
        for entry in shard.tensors:
            if entry.name in seen:
                raise ModelError(
                    "damaged_weights", f"{entry.name} is in {seen[entry.name].name} and {shard.path.name}."
                )
            seen[entry.name] = shard.path
    return shards


def _paths(folder: Path) -> list[Path]:
    if (folder / INDEX).is_file():
        names = sorted(set(read_json(folder / INDEX).get("weight_map", {}).values()))
        for name in names:
            if Path(name).name != name:
                raise ModelError("bad_config", f"{folder / INDEX} names a file outside the folder: {name!r}.")
            if not (folder / name).is_file():
                raise ModelError("damaged_weights", f"{folder / name} is named by the index and is not there.")
        if names:
            return [folder / name for name in names]
    if (folder / SINGLE).is_file():
        return [folder / SINGLE]
    pickles = [path.name for pattern in ("*.bin", "*.pt", "*.pth") for path in folder.glob(pattern)]
    if pickles:
        raise ModelError("unsafe_weights", f"{folder} holds {', '.join(sorted(pickles)[:3])} and no safetensors.")
    raise ModelError("missing_checkpoint", f"{folder} holds no safetensors files.")


def read_shard(path: Path) -> Shard:
    """The header of one file, checked against the file's length. Raises ModelError("damaged_weights")."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else LONGEST_HEADER + 1
        if length > min(LONGEST_HEADER, size - 8):
            raise ModelError("damaged_weights", f"{path} does not begin with a safetensors header.")
        try:
            header = json.loads(file.read(length))
            metadata = header.pop("__metadata__", None) or {}
            tensors = tuple(sorted((_entry(name, row) for name, row in header.items()), key=lambda e: e.start))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ModelError("damaged_weights", f"{path}: {error!r}") from error
    end = 0
    for entry in tensors:
        if entry.start != end or entry.end - entry.start != prod(entry.shape) * ITEM_BYTES[entry.dtype]:
            raise ModelError("damaged_weights", f"{path}: the bytes of {entry.name} are not where the header says.")
        end = entry.end
    if 8 + length + end != size:
        raise ModelError("damaged_weights", f"{path} has {size} bytes, its header describes {8 + length + end}.")
    return Shard(path, 8 + length, tensors, metadata)


def _entry(name: str, row: dict[str, object]) -> TensorEntry:
    start, end = row["data_offsets"]  # pyright: ignore[reportGeneralTypeIssues]
    dtype = str(row["dtype"])
    if dtype not in ITEM_BYTES:
        raise ValueError(f"{name} has the unknown dtype {dtype}")
    return TensorEntry(name, dtype, tuple(int(n) for n in row["shape"]), int(start), int(end))  # pyright: ignore


def entries(shards: list[Shard]) -> Iterator[TensorEntry]:
    """All tensors of all files."""
    for shard in shards:
        yield from shard.tensors


def weights_id(shards: list[Shard], sample_bytes: int = 4_096) -> str:
    """Identity of a checkpoint's weights: 16 hex digits over names, shapes, dtypes and some bytes of every tensor.

    Bytes are taken from the middle of each tensor, so 16 GB are known by a few MB. Tarsier2's names count as the
    published ones, so that a converted checkpoint keeps its identity; how tensors are spread over files does not count.
    """
    digest = blake2b(digest_size=8)
    named = [(published_name(entry.name), entry, shard) for shard in shards for entry in shard.tensors]
    named = [row for row in named if not is_computed(row[0])]
    opened = {shard.path: shard.path.open("rb") for shard in shards}
    try:
        for name, entry, shard in sorted(named, key=lambda row: row[0]):
            digest.update(f"{name} {entry.dtype} {entry.shape}\n".encode())
            length = min(sample_bytes, entry.end - entry.start)
            file = opened[shard.path]
            file.seek(shard.data_start + entry.start + (entry.end - entry.start - length) // 2)
            digest.update(file.read(length))
    finally:
        for file in opened.values():
            file.close()
    return digest.hexdigest()
