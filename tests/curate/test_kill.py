"""A run that is killed at any moment, workers and all, loses nothing and does nothing twice."""

from __future__ import annotations

import random
from pathlib import Path

from bench.kill import NOT_COMPARED, TABLES, kill_often, rows_of, run_of
from engine.catalogue import Catalogue
from engine.verify import verify
from tests.curate.conftest import curate


def test_killed_five_times_and_run_again_the_rows_are_those_of_one_quiet_run(raw_videos: Path, tmp_path: Path):
    quiet, killed = tmp_path / "quiet", tmp_path / "killed"
    assert curate(*run_of(raw_videos, quiet)[3:]).code == 0
    kill_often(raw_videos, killed, 5, 4.0, random.Random(3))
    assert curate(*run_of(raw_videos, killed)[3:]).code == 0
    for table in TABLES:
        assert rows_of(killed, table) == rows_of(quiet, table), table
    assert [problem for problem in verify(Catalogue.open(killed)) if problem.is_error] == []


def test_what_is_compared_is_all_but_provenance():
    assert {"fingerprint", "tool_version", "created_at", "seconds"} == NOT_COMPARED
