"""What `verify` finds, and that `repair` makes lost rows due again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from engine.catalogue import Catalogue
from engine.compact import compact
from engine.repair import repair
from engine.store import Store
from engine.verify import Problem, verify
from engine.write import write
from schemas.ids import video_id_of


def errors(catalogue: Catalogue) -> list[Problem]:
    return [p for p in verify(catalogue, media=False) if p.is_error and p.kind != "file"]


def kinds(catalogue: Catalogue) -> set[tuple[str, str]]:
    return {(problem.kind, problem.table) for problem in errors(catalogue)}


def damage(catalogue: Catalogue, name: str) -> None:
    """Turn one bit of a part in its middle."""
    content = bytearray(catalogue.store.read(name))
    content[len(content) // 2] ^= 1
    catalogue.store.publish(name, bytes(content))


def due_to_scan(catalogue: Catalogue) -> list[str]:
    with catalogue.connect() as connection:
        rows = connection.execute(
            "select video_id from videos anti join scans using (video_id) order by all"
        ).fetchall()
    return [row[0] for row in rows]


def test_a_sound_catalogue_has_no_errors(scanned):
    assert errors(scanned) == []
    compact(scanned)
    assert errors(scanned) == []


def test_video_files_are_compared_by_size_and_content(local, made, tmp_path):
    right, short, changed = (tmp_path / name for name in ("right", "short", "changed"))
    for file in (right, changed):
        file.write_bytes(b"0123456789")
    with right.open("rb") as opened:
        video_id, num_bytes = video_id_of(opened)
    short.write_bytes(b"0123")
    rows = [made.video(video_id, uri=str(right), bytes=num_bytes), made.video("a", uri=str(short)),
            made.video("b", uri=str(changed)), made.video("c", uri="media/videos/gone.mp4")]  # fmt: skip
    write(local, {"videos": rows}, stage="add")
    found = {p.where: p.detail for p in verify(local) if p.kind == "file"}
    assert set(found) == {str(short), str(changed), "media/videos/gone.mp4"}
    assert found[str(short)] == "it has 4 bytes, its row says 10"
    assert found["media/videos/gone.mp4"] == "it is gone"
    assert {p.where for p in verify(local, media=False) if p.kind == "file"} == {str(short), "media/videos/gone.mp4"}


def test_one_turned_bit_is_found_and_names_the_part_and_what_to_do(scanned):
    name = scanned.live_parts("captions")[0]
    damage(scanned, name)
    (problem,) = errors(scanned)
    assert (problem.kind, problem.where) == ("damaged_part", name)
    assert "--repair" in problem.remedy


@pytest.mark.parametrize("table", ["clips", "cuts", "measures"])
@pytest.mark.parametrize("compacted", [False, True])
def test_lost_rows_of_a_scan_make_their_video_due_again_and_no_other(scanned, made, table, compacted):
    if compacted:
        compact(scanned)
        write(scanned, {"videos": [made.video("v3")]}, stage="add")
        write(scanned, made.scan("v3", [0, 2, 5]), stage="scan")
    with duckdb.connect() as connection:
        lost = {name: connection.execute(f"select distinct video_id from '{scanned.store.url_of(name)}'").fetchall()
                for name in scanned.live_parts(table)}  # fmt: skip
    name = next(name for name, videos in lost.items() if ("v1",) in videos)
    damage(scanned, name)
    assert ("damaged_part", table) in kinds(scanned)
    done = repair(scanned, errors(scanned))
    assert f"{name} is set aside" in done
    assert errors(scanned) == []
    assert due_to_scan(scanned) == sorted(row[0] for row in lost[name])
    assert len(list((Path(scanned.url) / table / "set-aside").iterdir())) == 1
    for video in due_to_scan(scanned):
        write(scanned, made.scan(video, [0, 1, 3], at=60), stage="scan")
    assert errors(scanned) == []


def test_a_damaged_commit_part_makes_its_videos_due_again(scanned):
    damage(scanned, scanned.live_parts("scans")[0])
    repair(scanned)
    assert errors(scanned) == []
    assert len(due_to_scan(scanned)) == 1


def test_a_damaged_part_of_videos_is_set_aside_and_add_is_what_mends_it(scanned, made):
    compact(scanned)
    damage(scanned, scanned.live_parts("videos")[0])
    repair(scanned)
    assert {p.kind for p in errors(scanned)} == {"dangling"}
    assert all("curate add" in p.remedy for p in errors(scanned))
    write(scanned, {"videos": [made.video("v1"), made.video("v2")]}, stage="add")
    assert errors(scanned) == []
    assert due_to_scan(scanned) == []


def test_a_missing_merged_part_is_repaired_like_a_damaged_one(scanned):
    compact(scanned, grace_s=0)
    scanned.store.delete(scanned.snapshot().parts("clips")[0])
    assert ("missing_part", "clips") in kinds(scanned)
    repair(scanned)
    assert errors(scanned) == []
    assert due_to_scan(scanned) == ["v1", "v2"]


def test_a_part_deleted_by_hand_shows_in_the_counts_and_is_repaired(scanned):
    scanned.store.delete(scanned.live_parts("clips")[0])
    assert ("count", "clips") in kinds(scanned)
    repair(scanned)
    assert errors(scanned) == []
    assert len(due_to_scan(scanned)) == 1


def test_a_damaged_merge_is_restored(scanned, rows):
    before = rows(scanned, "select clip_id from clip order by all")
    compact(scanned, grace_s=0)
    (merge,) = [name for name in scanned.store.list("clips") if "merge-" in name]
    scanned.store.publish(merge, b"{ half")
    assert ("damaged_merge", "clips") in kinds(scanned)
    repair(scanned)
    assert errors(scanned) == []
    assert rows(scanned, "select clip_id from clip order by all") == before


def test_a_damaged_slice_of_clip_is_deleted(scanned, rows):
    compact(scanned)
    damage(scanned, scanned.snapshot().derived[0])
    assert kinds(scanned) == {("damaged_slice", "clip")}
    repair(scanned)
    assert errors(scanned) == []
    assert rows(scanned, "select count(*) from clip") == [(3,)]


def dying(do: Callable[..., None], left: list[int]) -> Callable[..., None]:
    """A change of a file that kills its process when it is the last of those left."""

    def change(*arguments: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        do(*arguments)

    return change


def test_a_repair_killed_anywhere_goes_on_where_it_was(scanned, monkeypatch):
    compact(scanned, grace_s=0)
    damage(scanned, scanned.live_parts("clips")[0])
    for n in range(1, 6):
        with monkeypatch.context() as patch:
            left = [n]
            for name in ("publish", "publish_file", "delete"):
                patch.setattr(Store, name, dying(getattr(Store, name), left))
            with contextlib.suppress(KeyboardInterrupt):
                repair(scanned)
    repair(scanned)
    assert errors(scanned) == []
    assert due_to_scan(scanned) == ["v1", "v2"]


def test_a_rejected_clip_counts_as_found(scanned, made):
    result = made.scan("v3", [0, 1, 3])
    result["clips"][0]["num_frames"] = 0
    result["measures"] = result["measures"][1:]
    write(scanned, {"videos": [made.video("v3")]}, stage="add")
    write(scanned, result, stage="scan")
    assert errors(scanned) == []


def test_flash_rejected_cuts_are_not_counted(scanned, made):
    result = made.scan("v3", [0, 1, 3])
    result["cuts"].append(result["cuts"][0] | {"start_us": 5, "end_us": 5, "kind": "flash_rejected"})
    write(scanned, {"videos": [made.video("v3")]}, stage="add")
    write(scanned, result, stage="scan")
    assert errors(scanned) == []


def test_a_reference_to_nothing_is_an_error_and_a_caption_of_a_superseded_clip_a_notice(scanned, made):
    write(scanned, made.scan("ghost", [0, 1]), stage="scan")
    write(scanned, made.scan("v1", [0, 3], at=9), stage="scan")
    found = verify(scanned, media=False)
    assert {(p.table, p.where) for p in found if p.kind == "dangling"} == {("scans", "ghost")}
    assert [(p.table, p.where, p.is_error) for p in found if p.kind == "stale"] == [("captions", "v1_0_1000000", False)]


def test_leftovers_are_notices(scanned):
    folder = Path(scanned.url) / "clips"
    (folder / "part-000000-0000000000000000-m0000000000000000.parquet").write_bytes(b"x")
    (folder / "part.parquet.1-2.tmp").write_bytes(b"x")
    found = [p for p in verify(scanned, media=False) if p.kind == "leftover"]
    assert (len(found), any(p.is_error for p in found)) == (2, False)
    compact(scanned, grace_s=0)
    assert [p for p in verify(scanned, media=False) if p.kind == "leftover"] == []


def test_many_problems_of_one_kind_are_counted_not_listed(local, made):
    write(local, {"captions": [made.caption(f"v_{n}_9999", "x") for n in range(150)]}, stage="caption")
    found = verify(local, media=False)
    assert (len(found), found[-1].detail) == (101, "and 50 more")
