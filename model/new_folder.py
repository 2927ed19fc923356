"""A checkpoint folder that appears whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from model.errors import ModelError

SPARE_BYTES = 16 << 20


@contextmanager
def new_folder(target: Path, num_bytes: int) -> Iterator[Path]:
    """A folder to fill, which becomes `target` at the end.

    Raises ModelError: `target` exists, or the disk has less than `num_bytes` and a little more.
    """
    if target.exists():
        raise ModelError("exists", f"{target}. Name a folder that is not there, or remove it.")
    target.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(target.parent).free
    if free < num_bytes + SPARE_BYTES:
        raise ModelError("disk_full", f"{target.parent} has {free:,} bytes, {num_bytes + SPARE_BYTES:,} are needed.")
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    partial.mkdir()
    try:
        yield partial
        partial.rename(target)
    except OSError as error:
        raise ModelError("disk_full", f"{target}: {error}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
