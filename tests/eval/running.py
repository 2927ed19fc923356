"""The command `evaluate`, called in this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from eval.cli import app


def run(*words: str | Path, stdin: str | None = None) -> str:
    """What a command prints; its errors are raised."""
    result = CliRunner().invoke(app, [str(word) for word in words], input=stdin)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def scores_of(folder: Path) -> dict[str, Any]:
    """scores.json of a result folder."""
    return json.loads((folder / "scores.json").read_text(encoding="utf-8"))


def write_rows(file: Path, rows: list[dict[str, Any]]) -> Path:
    """Rows as a .jsonl file."""
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file
