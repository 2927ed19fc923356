"""Where the reference fixtures are, and a file of judgements of each test's own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import REPO

FIXTURES = Path(os.environ.get("LONGTAKE_FIXTURES") or REPO.parent / "shared" / "fixtures")


@pytest.fixture(autouse=True)
def own_judgements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the judgements of the person who runs it."""
    file = tmp_path / "judgements.sqlite"
    monkeypatch.setenv("LONGTAKE_JUDGEMENTS", str(file))
    return file
