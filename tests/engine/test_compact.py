"""Merging: what stays, what goes, and that nothing is lost however it ends."""

from __future__ import annotations

import random
import shutil
import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from engine.catalogue import Catalogue
from engine.compact import compact
from engine.derive import derive_clip
from engine.footers import footers
from engine.merge import MergeRules, merge_table
from engine.parts import Merge, accepted
from engine.store import CatalogueError, Store
from engine.verify import verify
from engine.wide import derived_clip_of
from engine.write import write
from schemas.tables import ALL, BY_NAME, CLIPS

EVERYTHING = {spec.name: f"select * exclude (created_at) from {spec.name} order by all" for spec in ALL}
CLIP = "select * exclude (created_at, video_retrieved_at) from clip order by clip_id"


def everything(catalogue: Catalogue) -> dict[str, list]:
    """All current rows of all tables and of `clip`."""
    with catalogue.connect() as connection:
        found = {name: connection.execute(sql).fetchall() for name, sql in EVERYTHING.items() if name != "videos"}
        return found | {"clip": connection.execute(CLIP).fetchall()}


def test_compact_leaves_one_sorted_part_a_table_and_the_same_rows(catalogue, made):
    for n in (3, 1, 2):
        write(catalogue, made.scan(f"v{n}", [0, 1, 3]), stage="scan")
    before = everything(catalogue)
    report = compact(catalogue)
    parts = {merge.table: (merge.parts_before, merge.parts_after) for merge in report.merges}
    assert parts == dict.fromkeys(("scans", "cuts", "clips", "measures"), (3, 1))
    assert everything(catalogue) == before
    with catalogue.connect() as connection:
        ids = [row[0] for row in connection.execute("select clip_id from history.clips").fetchall()]
    assert ids == sorted(ids)
    assert compact(catalogue).merges == ()


def test_superseded_rows_go_and_can_be_kept(catalogue, made, rows):
    write(catalogue, made.scan("v", [0, 1, 3], at=1), stage="scan")
    write(catalogue, made.scan("v", [0, 3], at=2), stage="scan")
    compact(catalogue, drop_superseded=False)
    assert rows(catalogue, "select (select count(*) from history.clips), (select count(*) from clips)") == [(3, 1)]
    compact(catalogue)
    assert rows(catalogue, "select (select count(*) from history.clips), (select count(*) from clips)") == [(1, 1)]


def test_after_compact_the_views_are_plain_scans_until_something_is_written(catalogue, made):
    for n in (1, 2):
        write(catalogue, made.scan(f"v{n}", [0, 1, 3]), stage="scan")
    compact(catalogue)
    assert catalogue.snapshot().is_current(CLIPS)
    write(catalogue, made.scan("v1", [0], at=9), stage="scan")  # a scan alone: no clip is written
    assert not catalogue.snapshot().is_current(CLIPS)
    compact(catalogue)
    assert catalogue.snapshot().is_current(CLIPS)
    with catalogue.connect() as connection:
        assert connection.execute("select distinct video_id from history.clips").fetchall() == [("v2",)]


def test_rows_that_wait_for_their_commit_are_kept_within_the_grace_and_dropped_after(catalogue, made, rows):
    for n in (1, 2):
        write(catalogue, made.scan(f"v{n}", [0, 1]), stage="scan")
    slow = made.scan("slow", [0, 1, 3])
    write(catalogue, {"clips": slow["clips"]}, stage="scan")
    (report,) = [merge for merge in compact(catalogue).merges if merge.table == "clips"]
    assert (report.rows_after, report.rows_waiting) == (4, 2)
    assert rows(catalogue, "select count(*) from clips") == [(2,)]
    write(catalogue, {"scans": slow["scans"]}, stage="scan")
    assert rows(catalogue, "select count(*) from clips") == [(4,)]
    write(catalogue, {"clips": made.scan("dead", [0, 1])["clips"]}, stage="scan")
    compact(catalogue, grace_s=0)
    assert rows(catalogue, "select count(*) from history.clips") == [(4,)]


def test_a_reader_goes_on_during_the_grace_and_files_go_after_it(local, made):
    for n in (1, 2):
        write(local, made.scan(f"v{n}", [0, 1]), stage="scan")
    reader = local.connect()
    assert compact(local).deleted == ()
    assert reader.execute("select count(*) from clip").fetchall() == [(2,)]
    reader.close()
    deleted = compact(local, grace_s=0).deleted
    assert len([name for name in deleted if name.startswith("clips/part")]) == 2
    assert len(local.store.list("clips")) == 2  # the merged part and its merge
    for n in (3, 4):
        write(local, made.scan(f"v{n}", [0, 1]), stage="scan")
    for _ in range(3):
        compact(local, grace_s=0)
    assert len(local.store.list("clips")) == 2  # the first merge is gone as well
    assert verify(local, media=False) == verify(local, media=False)


def test_clip_is_written_down_and_read_only_in_its_own_state(catalogue, made, rows):
    write(catalogue, made.scan("v1", [0, 1, 3]), stage="scan")
    write(catalogue, {"captions": [made.caption("v1_0_1000000", "x")]}, stage="caption")
    live = everything(catalogue)["clip"]
    assert derive_clip(catalogue, MergeRules(), slice_clips=1) == 2
    assert len(derived_clip_of(catalogue.snapshot())) == 2
    assert everything(catalogue)["clip"] == live
    write(catalogue, {"captions": [made.caption("v1_1000000_3000000", "y")]}, stage="caption")
    assert derived_clip_of(catalogue.snapshot()) == []
    assert rows(catalogue, "select raw_caption from clip order by clip_id") == [("x",), ("y",)]


def test_half_of_the_slices_are_not_read(local, made):
    write(local, made.scan("v1", [0, 1, 3]), stage="scan")
    derive_clip(local, MergeRules(), slice_clips=1)
    local.store.delete(derived_clip_of(local.snapshot())[0])
    assert derived_clip_of(local.snapshot()) == []
    assert len(everything(local)["clip"]) == 2


def test_large_tables_are_merged_in_slices(catalogue, made, monkeypatch):
    monkeypatch.setattr("engine.merge.SLICE_BYTES", 2_000)
    for n in range(4):
        write(catalogue, made.scan(f"v{n}", [0, 1, 2, 3]), stage="scan")
    before = everything(catalogue)
    reports = {merge.table: merge.parts_after for merge in compact(catalogue).merges}
    assert reports["clips"] > 1
    assert everything(catalogue) == before
    assert catalogue.snapshot().is_current(CLIPS)


def test_footers_with_more_than_the_standard_keys_survive(catalogue, made):
    for n in (1, 2):
        write(catalogue, {"requests": [{"request_id": str(n), "dataset": "d", "video_key": "k"} | made.provenance()]},
              stage="select", footer={"sql": f"select {n}"})  # fmt: skip
    compact(catalogue)
    assert [footer["sql"] for footer in footers(catalogue, "requests")] == ["select 1", "select 2"]


def test_parts_of_a_newer_longtake_are_left_alone(local, made, monkeypatch):
    older = replace(CLIPS, columns=tuple(c for c in CLIPS.columns if c.name != "request_id"))
    for n in (1, 2, 3):
        write(local, made.scan(f"v{n}", [0, 1]) | {"clips": [made.clip(f"v{n}", 0, 1, request_id="r")]}, stage="scan")
    snapshot = local.snapshot()
    report = merge_table(local, older, snapshot, MergeRules())
    assert report is None
    with local.connect() as connection:
        assert connection.execute("select count(request_id) from clips").fetchall() == [(3,)]


def test_of_two_merges_of_one_part_the_older_counts_and_nothing_that_builds_on_the_other():
    def merge(name: str, at: int, replaces: str, adds: str) -> Merge:
        return Merge(name, datetime(2026, 1, 1, 0, at, tzinfo=UTC).isoformat(), tuple(replaces), tuple(adds))

    first, second, third = merge("1", 1, "ab", "x"), merge("2", 2, "bc", "y"), merge("3", 3, "yd", "z")
    later = merge("4", 4, "xe", "w")
    won, lost = accepted([later, third, second, first])
    assert [m.merge_id for m in won] == ["1", "4"]
    assert [m.merge_id for m in lost] == ["2", "3"]


class Killed(BaseException):
    """Ends a run as SIGKILL would, as far as files show it."""


class KillingStore(Store):
    """Stops at the n-th change of a file: before it, or after it."""

    def __init__(self, store: Store, changes: int, after: bool) -> None:
        super().__init__(store.url)
        self.changes, self.after = changes, after

    def _change(self, do, *arguments) -> None:
        self.changes -= 1
        if self.changes == 0 and not self.after:
            raise Killed
        do(*arguments)
        if self.changes == 0:
            raise Killed

    def publish(self, name, content):
        self._change(super().publish, name, content)

    def publish_file(self, name, file):
        self._change(super().publish_file, name, file)

    def delete(self, name):
        self._change(super().delete, name)


def killed_at(catalogue: Catalogue, changes: int, after: bool, **options) -> bool:
    """Run a compact that dies at some change; False where it came to its end."""
    try:
        compact(Catalogue(KillingStore(catalogue.store, changes, after)), **options)
    except Killed:
        return True
    return False


def history_of_scans(catalogue: Catalogue, made) -> None:
    write(catalogue, {"videos": [made.video("v1"), made.video("v2")]}, stage="add")
    write(catalogue, {"videos": [made.video("v1", at=1)]}, stage="add")
    write(catalogue, made.scan("v1", [0, 1, 2], at=1), stage="scan")
    write(catalogue, made.scan("v1", [0, 2], at=2), stage="scan")
    write(catalogue, made.scan("v2", [0, 1, 2], at=1), stage="scan")
    write(catalogue, {"clips": made.scan("v3", [0, 2])["clips"]}, stage="scan")


def test_killed_at_any_change_nothing_is_lost_and_the_next_compact_tidies_up(tmp_path, made):
    first = Catalogue.open(tmp_path / "0", create=True)
    history_of_scans(first, made)
    before = everything(first)
    points = random.Random(7).sample([(n, after) for n in range(1, 25) for after in (False, True)], 8)
    for n, after in points:
        shutil.copytree(tmp_path / "0", tmp_path / f"{n}{after}")
        catalogue = Catalogue.open(tmp_path / f"{n}{after}")
        assert killed_at(catalogue, n, after, grace_s=0)
        assert everything(catalogue) == before, f"killed at change {n}"
        compact(catalogue, grace_s=0)
        assert everything(catalogue) == before, f"tidied up after change {n}"
        assert [p for p in verify(catalogue, media=False) if p.kind not in ("file", "stale")] == []


def test_two_compacts_at_once_lose_nothing(local, made):
    history_of_scans(local, made)
    before = everything(local)
    threads = [threading.Thread(target=compact, args=(local,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert everything(local) == before
    compact(local, grace_s=0)
    compact(local, grace_s=0)
    assert everything(local) == before


def test_writers_readers_and_compacts_together(local, made):
    done, wrong = threading.Event(), []

    def writing() -> None:
        for n in range(15):
            write(local, made.scan(f"v{n}", [0, 1, 2]), stage="scan")
        done.set()

    def compacting() -> None:
        while not done.is_set():
            compact(local, derive=False)

    def reading() -> None:
        seen = 0
        while not done.is_set():
            with local.connect() as connection:
                videos, clips = connection.execute("select count(distinct video_id), count(*) from clips").fetchall()[0]
            if clips != 2 * videos or videos < seen:
                wrong.append((videos, clips, seen))
            seen = videos

    threads = [threading.Thread(target=work) for work in (writing, compacting, reading)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(everything(local)["clips"]) == 30


@pytest.mark.parametrize("seed", range(4))
def test_any_interleaving_gives_the_rows_that_sets_would(tmp_path, made, seed):
    """The model: a dict of the newest committed scan of each video; whatever else happens changes nothing."""
    chance = random.Random(seed)
    catalogue = Catalogue.open(tmp_path / "c", create=True)
    newest: dict[str, tuple[int, int]] = {}
    at = 0
    for _ in range(14):
        video, clips = f"v{chance.randrange(3)}", chance.randrange(4)
        at += chance.choice([1, 1, 0])
        step = chance.choice(["scan", "scan", "scan", "again", "late", "killed", "compact", "killed compact", "tidy"])
        scan = made.scan(video, list(range(clips + 1)), at, settings=f"{at % 10}")
        if step == "scan" and (video not in newest or at > newest[video][0]):
            write(catalogue, scan, stage="scan")
            newest[video] = (at, clips)
        elif step == "again" and video in newest:
            old_at, old_clips = newest[video]
            again = made.scan(video, list(range(old_clips + 1)), old_at, settings=f"{old_at % 10}")
            write(catalogue, again, stage="scan", footer={"again": str(chance.random())})
        elif step == "late" and video in newest:
            write(catalogue, made.scan(video, [0, 9], newest[video][0] - 0.5), stage="scan")
        elif step == "killed":
            write(catalogue, {"clips": made.scan(video, [0, 7], at + 0.5)["clips"]}, stage="scan")
        elif step == "compact":
            compact(catalogue, drop_superseded=chance.random() < 0.7)
        elif step == "killed compact":
            killed_at(catalogue, chance.randrange(1, 12), chance.random() < 0.5)
        elif step == "tidy":
            compact(catalogue, grace_s=0)
        with catalogue.connect() as connection:
            found = connection.execute("select video_id, count(*) from clip group by all order by all").fetchall()
        assert found == sorted((v, n) for v, (_, n) in newest.items() if n), step


def test_a_missing_merged_part_is_an_error_and_not_fewer_rows(local, made):
    for n in (1, 2):
        write(local, made.scan(f"v{n}", [0, 1]), stage="scan")
    compact(local, grace_s=0)
    local.store.delete(local.live_parts("clips")[0])
    with pytest.raises(CatalogueError, match=r"clips/part.* is missing or damaged\. `curate verify --repair`"):
        local.connect()
    assert BY_NAME["clips"] is CLIPS
