"""A checkpoint by its name on the Hugging Face hub: only what may be read safely is fetched, no pickles, no code."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from model.errors import ModelError

WANTED = ("*.json", "*.safetensors", "*.jinja", "merges.txt", "vocab.txt", "*.model")
NAME = re.compile(r"(?P<repo>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@(?P<revision>[\w./-]+))?")


def model_name(name: str | Path) -> str:
    """What a checkpoint is called in rows and tables: its name on the hub, or its folder's; RUN/model is called RUN."""
    path = Path(name)
    if not path.exists():
        return str(name)
    folder = path.resolve()
    return folder.parent.name if folder.name == "model" and folder.parent.name else folder.name


def checkpoint_folder(name: str | Path, files: Sequence[str] = WANTED) -> Path:
    """The folder of a checkpoint: a path that is there, or "owner/name" or "owner/name@revision" on the hub.

    files: patterns of the names that are fetched. What was fetched once is taken from the hub's cache, and
    HF_HUB_OFFLINE, HF_HOME, HF_ENDPOINT and HF_TOKEN count as everywhere. A path that is neither comes back as it is.
    Raises ModelError: not to be had, no network, not allowed.
    """
    path = Path(name)
    match = NAME.fullmatch(str(name))
    if path.exists() or match is None:
        return path
    from huggingface_hub import snapshot_download  # noqa: PLC0415
    from huggingface_hub.errors import (  # noqa: PLC0415
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        endpoint = os.environ.get("HF_ENDPOINT")
        return Path(
            snapshot_download(match["repo"], revision=match["revision"], allow_patterns=[*files], endpoint=endpoint)
        )
    except GatedRepoError as error:
        raise ModelError("not_allowed", f"{name}: its owners ask for consent; log in with `hf auth login`.") from error
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise ModelError("missing_checkpoint", f"{name} is no folder here and not on the hub.") from error
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        said = str(error).splitlines()[0]
        raise ModelError("missing_checkpoint", f"{name} is no folder here, and the hub fails: {said}") from error
