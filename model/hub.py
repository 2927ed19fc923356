"""Checkpoints by name: a folder here, or a repository of the Hugging Face hub, kept in its own cache."""

from __future__ import annotations

import re
from pathlib import Path

from model.errors import ModelError

_REPOSITORY = re.compile(r"^[A-Za-z0-9][\w.-]*/[\w.-]+$")
_FILES = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.jinja", "*.model"]


def checkpoint_folder(name: str | Path) -> Path:
    """The folder of a checkpoint; a repository's files are fetched first, weights as safetensors only.

    Raises:
        ModelError: ("missing_checkpoint") neither a folder nor a repository that can be had.
    """
    if Path(name).is_dir():
        return Path(name)
    text = str(name)
    if not _REPOSITORY.match(text):
        raise ModelError("missing_checkpoint", f"{text} is no folder, and no name such as owner/model.")
    from huggingface_hub import snapshot_download  # noqa: PLC0415
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError  # noqa: PLC0415

    try:
        return Path(snapshot_download(text, allow_patterns=_FILES))
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError("missing_checkpoint", f"{text} is no folder here and cannot be fetched: {first}") from error
