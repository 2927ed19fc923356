"""Small rows with provenance, and catalogues to write them to."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.catalogue import Catalogue
from engine.write import write

Row = dict[str, Any]
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_NAMES = itertools.count()


class MadeRows:
    """Rows of one tiny result each; `at` is minutes after 2026-01-01, `settings` stands for the fingerprint."""

    def provenance(self, at: float = 0, settings: str = "a") -> Row:
        return {"fingerprint": settings * 16, "tool_version": "test", "created_at": BEGIN + timedelta(minutes=at)}

    def video(self, name: str, at: float = 0, **other: Any) -> Row:
        row = {
            "video_id": name, "video_key": f"{name}.mp4", "uri": f"/videos/{name}.mp4", "source_stamp": "1:1",
            "bytes": 10, "container": "mp4", "codec": "h264", "width": 64, "height": 48, "display_width": 64,
            "display_height": 48, "rotation": 0, "fps_num": 30, "fps_den": 1, "is_vfr": False,
            "duration_us": 9_000_000, "num_frames": 270, "has_audio": False, "start_us": 0,
        }  # fmt: skip
        return row | self.provenance(at) | other

    def clip(self, video: str, start_s: float, end_s: float, at: float = 0, settings: str = "a", **other: Any) -> Row:
        start_us, end_us = int(start_s * 1e6), int(end_s * 1e6)
        row = {
            "clip_id": f"{video}_{start_us}_{end_us}", "video_id": video, "start_us": start_us, "end_us": end_us,
            "num_frames": 30, "origin": "detected",
        }  # fmt: skip
        return row | self.provenance(at, settings) | other

    def scan(self, video: str, bounds: list[float], at: float = 0, settings: str = "a") -> dict[str, list[Row]]:
        """A scan whose cuts lie at the inner bounds (in seconds) and whose clips lie between all of them."""
        clips = [self.clip(video, *pair, at, settings) for pair in itertools.pairwise(bounds)]
        mine = self.provenance(at, settings)
        cuts = [
            {"video_id": video, "start_us": int(s * 1e6), "end_us": int(s * 1e6), "kind": "hard", "detector": "t"}
            | mine
            for s in bounds[1:-1]
        ]
        measures = [
            {"clip_id": c["clip_id"], "video_id": video, "luma_mean": 100.0, "phash": [1, 2]} | mine for c in clips
        ]
        scan = {
            "video_id": video, "num_frames_decoded": 90, "duration_us": 9_000_000, "num_cuts": len(cuts),
            "num_clips": len(clips), "seconds": 0.5, "detector": "t",
        }  # fmt: skip
        return {"scans": [scan | mine], "cuts": cuts, "clips": clips, "measures": measures}

    def caption(self, clip_id: str, text: str, kind: str = "raw", at: float = 0, **other: Any) -> Row:
        row = {"caption_id": f"{clip_id}-{kind}", "clip_id": clip_id, "kind": kind, "text": text, "model": "m"}
        return row | self.provenance(at) | other

    def reject(self, stage: str, key: str, at: float = 0) -> Row:
        return {"stage": stage, "key": key, "reason": "broken", "permanent": True} | self.provenance(at)


@pytest.fixture(scope="session")
def made() -> MadeRows:
    return MadeRows()


@pytest.fixture(params=["local", "memory"])
def catalogue(request: pytest.FixtureRequest, tmp_path: Path) -> Catalogue:
    """An empty catalogue, once in a folder and once in a store that is not local."""
    url = str(tmp_path / "catalogue") if request.param == "local" else f"memory://catalogue-{next(_NAMES)}"
    return Catalogue.open(url, create=True)


@pytest.fixture
def local(tmp_path: Path) -> Catalogue:
    return Catalogue.open(tmp_path / "catalogue", create=True)


@pytest.fixture
def scanned(local: Catalogue, made: MadeRows) -> Catalogue:
    """Two videos with three clips (1 s, 2 s and 3 s), a caption and all that belongs to them, in many parts."""
    write(local, {"videos": [made.video("v1")]}, stage="add")
    write(local, {"videos": [made.video("v2")]}, stage="add")
    write(local, made.scan("v1", [0, 1, 3]), stage="scan")
    write(local, made.scan("v2", [0, 3]), stage="scan")
    write(local, {"captions": [made.caption("v1_0_1000000", "a red ball")]}, stage="caption")
    return local


Rows = Callable[[Catalogue, str], list[tuple[Any, ...]]]


@pytest.fixture
def rows() -> Rows:
    """The rows of a query over the views."""

    def run(catalogue: Catalogue, sql: str) -> list[tuple[Any, ...]]:
        with catalogue.connect() as connection:
            return connection.execute(sql).fetchall()

    return run
