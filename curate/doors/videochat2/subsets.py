"""The 36 sub-sets of VideoChat2-IT: sizes, where their media lie and where they are to be had."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Subset:
    """`path`: of the annotation file without its name. `rows`: as published. `media_root`: folder of its media."""

    path: str
    rows: int | None
    media_root: str
    source: str

    @property
    def task(self) -> str:
        return self.path.split("/")[1]


@cache
def all_subsets() -> tuple[Subset, ...]:
    """The list in subsets.csv, in its order."""
    import csv  # noqa: PLC0415

    text = (files("curate.doors.videochat2") / "subsets.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return tuple(
        Subset(row["path"], int(row["rows"]) if row["rows"] else None, row["media_root"], row["source"]) for row in rows
    )


def subset_of(dataset: str) -> Subset | None:
    """The sub-set of a dataset's name, which may have folders before it."""
    return next((one for one in all_subsets() if dataset == one.path or dataset.endswith(f"/{one.path}")), None)


def media_root(dataset: str) -> str | None:
    found = subset_of(dataset)
    return found.media_root if found else None


def where_to_get(dataset: str) -> str | None:
    found = subset_of(dataset)
    return f"get them from {found.source}, to {found.media_root}" if found else None
