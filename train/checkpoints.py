"""Checkpoints that are whole or not there: written to a temporary name, renamed last, refused when damaged."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from torch import Tensor

from engine.door import WrongUse

NAME = re.compile(r"step-(\d{8})")
STATE = "state.json"
READ_BYTES = 16 << 20


class DamagedCheckpoint(WrongUse):
    """A checkpoint whose files are not those that were written."""


def save(folder: Path, step: int, tensors: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any]) -> Path:
    """Writes folder/step-<step>: a safetensors file for each entry of tensors, and state.json with their hashes.

    Raises OSError; then nothing of it is left.
    """
    from safetensors.torch import save_file  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"step-{step:08}"
    part = folder / f".{target.name}.{os.getpid()}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        hashes = {}
        for name, values in tensors.items():
            file = part / f"{name}.safetensors"
            save_file({key: value.detach().cpu().contiguous() for key, value in values.items()}, file)
            hashes[file.name] = _hash(file)
            _sync(file)
        (part / STATE).write_text(json.dumps({"step": step, "files": hashes, **state}, indent=1) + "\n")
        _sync(part / STATE)
        shutil.rmtree(target, ignore_errors=True)
        part.rename(target)
        _sync(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return target


def saved(folder: Path) -> list[Path]:
    """Checkpoints of a folder, oldest first."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if NAME.fullmatch(path.name))


def load(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """The tensors and the state of a checkpoint, every byte checked. Raises DamagedCheckpoint."""
    from safetensors.torch import load_file  # noqa: PLC0415

    advice = f"Remove {path} to go on from the one before it."
    try:
        state = json.loads((path / STATE).read_text())
        hashes = dict(state["files"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedCheckpoint(f"{path / STATE} cannot be read: {error}. {advice}") from error
    tensors = {}
    for name, wanted in hashes.items():
        file = path / Path(name).name
        if not file.is_file() or _hash(file) != wanted:
            raise DamagedCheckpoint(f"{file} is not what was written: its hash differs or it is missing. {advice}")
        tensors[file.stem] = load_file(file)
    return tensors, state


def prune(folder: Path, keep: int) -> None:
    """Removes all but the newest `keep`, and what killed writers left."""
    for path in saved(folder)[:-keep]:
        shutil.rmtree(path)
    for part in folder.glob(".step-*.part"):
        shutil.rmtree(part, ignore_errors=True)


def _hash(file: Path) -> str:
    digest = sha256()
    with file.open("rb") as opened:
        while block := opened.read(READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
