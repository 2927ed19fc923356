"""Importing and exporting in this process, and what came of it."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from curate.doors.exporting import Exported, Order
from curate.doors.exporting import export as write
from curate.doors.importing import Imported, Wish, import_all
from engine.catalogue import Catalogue
from engine.query import query
from tests.conftest import REPO

Rows = list[dict[str, Any]]


def bring_in(catalogue: Catalogue, path: Path, **wish: Any) -> list[Imported]:
    """Import a file or folder."""
    return list(import_all(catalogue, Wish(path, **wish)))


def take_out(catalogue: Catalogue, form: str, out: Path, **order: Any) -> Exported:
    """Export; what is dropped is in `lost`."""
    return write(catalogue, Order(form, out, **order), lambda lost, rows: None)


def rows(catalogue: Catalogue, sql: str) -> Rows:
    return query(catalogue, sql).to_arrow_table().to_pylist()


def rejects(catalogue: Catalogue) -> list[tuple[str, str]]:
    """(line, reason) of all rejects, by line."""
    found = rows(catalogue, "select key, reason from rejects where stage = 'import'")
    return sorted((row["key"].rsplit(":", 1)[1], row["reason"]) for row in found)


def samples(catalogue: Catalogue) -> list[tuple[Any, ...]]:
    """What a sample is, whatever file it came from."""
    sql = """
        select o.dataset, o.source_row, s.messages, o.task, o.own_key, o.given, o.media, s.split
        from samples s join origins o using (sample_id) order by all
    """
    return [tuple(row.values()) for row in rows(catalogue, sql)]


def texts(catalogue: Catalogue) -> Counter[tuple[Any, ...]]:
    """Every request with every text of it."""
    sql = """
        select r.dataset, r.url, r.video_key, r.span_start_us, r.span_end_us, r.hdvg_start_frame, r.hdvg_end_frame,
            r.own_key, c.kind, c.segment, c.model, c.text
        from requests r left join captions c on c.clip_id = r.request_id
    """
    return Counter(tuple(row.values()) for row in rows(catalogue, sql))


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue.open(tmp_path / "catalogue", create=True)


@pytest.fixture
def another(tmp_path: Path) -> Callable[[], Catalogue]:
    """Further empty catalogues."""
    numbers = iter(range(1000))
    return lambda: Catalogue.open(tmp_path / f"another-{next(numbers)}", create=True)


@pytest.fixture(scope="session")
def annotation_files() -> Path:
    """The folder of published annotation files: $LONGTAKE_TEST_DATA/annotations."""
    root = Path(os.environ.get("LONGTAKE_TEST_DATA") or REPO.parent / "shared" / "data")
    if not (root / "annotations").is_dir():
        pytest.skip(f"no annotations in {root}; set LONGTAKE_TEST_DATA to the folder that holds annotations/")
    return root / "annotations"


def jsonl(path: Path, records: Sequence[Any]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path
