"""What the command `curate report` does: the page is written whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from curate.query_commands import open_catalogue
from curate.report.page import page
from curate.show import say
from engine.catalogue import Catalogue
from engine.door import WrongUse

__all__ = ["open_catalogue", "report"]


def report(catalogue: Catalogue, out: str, selection: str | None, *, pictures: bool) -> None:
    """Write the report to a local file."""
    path = Path(out)
    if not path.parent.is_dir():
        raise WrongUse(f"{path.parent} is no folder: make it, or give another place with --out")
    if path.is_dir():
        raise WrongUse(f"{path} is a folder: name a file, for example {path / 'report.html'}")
    content = page(catalogue, selection, pictures=pictures).encode("utf-8", "backslashreplace")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        raise WrongUse(f"{path} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    say(f"report: {path}, {len(content) / 1e6:.1f} MB")
