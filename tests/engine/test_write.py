"""Rules, rejects, the order of writing, and what a part says of itself."""

from __future__ import annotations

import errno
import multiprocessing
from pathlib import Path

import pyarrow as pa
import pytest

from engine.catalogue import Catalogue
from engine.footers import footers
from engine.store import CatalogueError, Store
from engine.write import write


def test_a_row_that_breaks_a_rule_becomes_a_reject_of_that_name(catalogue, made, rows):
    good, bad = made.clip("v", 0, 1), made.clip("v", 0, 1, end_us=-5)
    written = write(catalogue, {"clips": [good, bad]}, stage="scan")
    assert written.rows == {"clips": 1, "rejects": 1}
    assert rows(catalogue, "select stage, key, reason, detail, permanent from rejects") == [
        (
            "scan",
            "v_0_1000000",
            "clips.ends_after_start",
            "not true: end_us > start_us; start_us = 0, end_us = -5",
            True,
        )
    ]


def test_the_key_of_a_reject_joins_all_key_columns(local, made):
    cut = {"video_id": "v", "start_us": 7, "end_us": 7, "kind": "jump", "detector": "t"} | made.provenance()
    assert write(local, {"cuts": [cut]}, stage="scan").rejects[0]["key"] == "v|7|t"


def test_a_missing_value_that_is_never_null_is_a_reject(local, made):
    written = write(local, {"videos": [made.video("v", codec=None)]}, stage="add")
    assert [(r["reason"], r["video_key"]) for r in written.rejects] == [("videos.codec_is_missing", "v.mp4")]


def test_a_rule_over_null_holds(local, made):
    measures = made.scan("v", [0, 1])["measures"]
    assert write(local, {"measures": [measures[0] | {"luma_mean": None}]}, stage="scan").rejects == []


@pytest.mark.parametrize("wrong", [{"colour": "red"}, {"start_us": "soon"}, {"num_frames": 1.5}, {"end_us": 2**70}])
def test_what_fits_no_column_is_a_bug_and_raises(local, made, wrong):
    with pytest.raises(ValueError, match="clips"):
        write(local, {"clips": [made.clip("v", 0, 1) | wrong]}, stage="scan")


def test_a_row_without_provenance_is_a_bug_and_raises(local, made):
    with pytest.raises(ValueError, match="fingerprint is missing"):
        write(local, {"clips": [made.clip("v", 0, 1, fingerprint=None)]}, stage="scan")


def test_arrow_tables_are_written_as_rows_are(catalogue, made, rows):
    write(catalogue, {"clips": pa.Table.from_pylist([made.clip("v", 0, 1)])} | {"scans": made.scan("v", [0])["scans"]},
          stage="scan")  # fmt: skip
    assert rows(catalogue, "select clip_id, request_id from clips") == [("v_0_1000000", None)]


def test_nothing_is_written_for_no_rows(local):
    assert write(local, {"clips": [], "scans": []}, stage="scan").rows == {}
    assert local.live_parts("clips") == []


def test_results_and_rejects_are_published_before_the_rows_that_commit_them(local, made, monkeypatch):
    order = []
    publish = Store.publish
    monkeypatch.setattr(
        Store, "publish", lambda self, name, b: (order.append(name.split("/")[0]), publish(self, name, b))
    )
    result = made.scan("v", [0, 1, 3])
    write(local, {"scans": result["scans"], "clips": [*result["clips"], made.clip("v", 5, 5)]}, stage="scan")
    assert order == ["clips", "rejects", "scans"]


def test_the_footer_keeps_stage_fingerprints_version_and_what_the_caller_gives(catalogue, made):
    write(catalogue, {"clips": [made.clip("v", 0, 1)]}, stage="scan", footer={"sql": "select 'é'"})
    assert footers(catalogue, "clips") == [
        {"stage": "scan", "fingerprints": "a" * 16, "tool_version": "test", "sql": "select 'é'"}
    ]


def test_the_same_rows_give_the_same_part(local, made):
    for _ in range(2):
        write(local, {"clips": [made.clip("v", 0, 1)]}, stage="scan")
    assert len(local.live_parts("clips")) == 1


def test_no_space_is_one_clear_line_and_leaves_no_half_part(local, made, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("engine.store._sync", full)
    with pytest.raises(CatalogueError, match=r"cannot write .*clips/part.*: No space left on device"):
        write(local, {"clips": [made.clip("v", 0, 1)]}, stage="scan")
    assert list((Path(local.url) / "clips").iterdir()) == []


def test_a_temporary_file_of_a_killed_process_is_no_part(local, made, rows):
    write(local, made.scan("v", [0, 1]), stage="scan")
    (part,) = local.live_parts("clips")
    (Path(local.url) / f"{part}.123-abc.tmp").write_bytes(b"PAR1 half")
    assert rows(local, "select count(*) from clips") == [(1,)]


def _write_many(url: str, name: str, made) -> None:
    catalogue = Catalogue.open(url, create=True)
    for n in range(10):
        write(catalogue, made.scan(f"{name}{n}", [0, 1, 2]), stage="scan")


def test_two_processes_that_create_and_write_at_once_do_not_disturb_each_other(tmp_path, made, rows):
    url = str(tmp_path / "new")
    spawn = multiprocessing.get_context("fork")
    processes = [spawn.Process(target=_write_many, args=(url, name, made)) for name in ("a", "b")]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert rows(Catalogue.open(url), "select count(distinct video_id), count(*) from clip") == [(20, 40)]
