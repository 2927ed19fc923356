"""The reference fixtures: where they are, and how their folders are told apart."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.conftest import REPO

ROOT = Path(os.environ.get("LONGTAKE_FIXTURES", REPO.parent / "shared" / "fixtures"))


@dataclass(frozen=True)
class Folder:
    """A fixture folder: its cases.json, what it is about, and the tensors that are expected."""

    path: Path
    about: dict[str, Any]

    @property
    def cases(self) -> list[dict[str, Any]]:
        return self.about["cases"]

    def expected(self) -> Any:
        return tensors(self.path / "expected.safetensors")


@cache
def tensors(path: Path) -> dict[str, Any]:
    from safetensors.torch import load_file  # noqa: PLC0415

    return load_file(path)


@cache
def folders(kind: str) -> list[Folder]:
    """Folders whose cases.json has a format that begins with kind."""
    found = []
    for path in sorted(ROOT.glob("*/cases.json")) if ROOT.is_dir() else []:
        about = json.loads(path.read_text(encoding="utf-8"))
        if str(about.get("format", "")).startswith(kind):
            found.append(Folder(path.parent, about))
    return found


def cases(kind: str) -> list[tuple[Folder, dict[str, Any]]]:
    """Every case of every folder of a kind."""
    return [(folder, case) for folder in folders(kind) for case in folder.cases]


def name_of(value: Any) -> str:
    """A readable test id."""
    return (
        value.path.name if isinstance(value, Folder) else str(value.get("name", "")) if isinstance(value, dict) else ""
    )
