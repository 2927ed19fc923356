"""What a run leaves behind: scores.json and what people read, each file whole or not there."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from eval.errors import EvalError

SCORES = "scores.json"


def write_scores(folder: Path, scores: Mapping[str, Any]) -> Path:
    """scores.json, unrounded; numbers that do not exist are null."""
    return write_text(folder / SCORES, json.dumps(_plain(scores), indent=1, ensure_ascii=True, allow_nan=False) + "\n")


def read_scores(path: Path) -> dict[str, Any]:
    """The scores in a result folder, or in a file.

    Raises:
        EvalError: there are none, or they are no JSON object.
    """
    file = path / SCORES if path.is_dir() else path
    try:
        scores = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise EvalError(f"{path} holds no {SCORES}. `evaluate score` makes one.") from error
    except (OSError, ValueError) as error:
        raise EvalError(f"{file} cannot be read: {error}") from error
    if not isinstance(scores, dict):
        raise EvalError(f"{file} is no result of an evaluation.")
    return scores


def write_text(file: Path, text: str) -> Path:
    """A file of text, written beside its place and moved there.

    Raises:
        EvalError: the folder cannot be made or written.
    """
    beside = file.with_name(f".{file.name}.{os.getpid()}.partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(text, encoding="utf-8", errors="replace")
        beside.replace(file)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise EvalError(f"{file} cannot be written: {error.strerror}.") from error
    return file


def file_hash(file: Path) -> str:
    """64 bits of the SHA-256 of a file's bytes, or of all .jsonl files of a folder, as 16 hex digits."""
    digest = sha256()
    for one in sorted(file.glob("*.jsonl")) if file.is_dir() else [file]:
        digest.update(one.read_bytes())
    return digest.hexdigest()[:16]


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(one) for one in value]
    return value
