"""Tensors of a file that holds nothing else: .safetensors, or a .pth of which nothing is executed."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor

from model.errors import ModelError


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors by name, on the CPU. Raises ModelError: no file, or one that holds anything but tensors."""
    if not path.is_file():
        raise ModelError("missing_checkpoint", f"{path} is not a file.")
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file  # noqa: PLC0415

        return load_file(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError, ValueError, OSError) as error:
        raise ModelError("damaged_weights", f"{path}: {error}") from error
