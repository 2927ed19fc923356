"""What a run does with what is due: attempts, waits, rejects, names of the same content, killed runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from curate.download.due import Asking, due_sql, fingerprint
from curate.download.partials import Partials
from curate.download.placed import Placed
from curate.download.politeness import Manners
from engine.catalogue import Catalogue, now
from engine.due import Shard
from tests.curate.download.conftest import OPEN, QUICK, asked_for, fetched, outcomes
from tests.misbehaving_server import Server


def rejects(catalogue: Catalogue) -> dict[str, tuple[str, bool]]:
    with catalogue.connect() as connection:
        rows = connection.execute("select key, reason, permanent from rejects where stage = 'download'").fetchall()
    return {key.split("/")[3]: (reason, permanent) for key, reason, permanent in rows}


def test_temporary_failures_are_tried_again_and_permanent_ones_are_not(server: Server, tmp_path: Path):
    hows = ("ok", "404", "500", "reset_once", "html")
    catalogue = asked_for(tmp_path / "c", [server.url(how, "a.mp4") for how in hows])
    report = fetched(catalogue)
    assert outcomes(catalogue) == {
        "ok": ["ok"], "404": ["gone"], "500": ["server"] * 3, "reset_once": ["network", "ok"], "html": ["not_a_video"],
    }  # fmt: skip
    assert rejects(catalogue) == {"404": ("gone", True), "500": ("server", False), "html": ("not_a_video", True)}
    assert (report.tally.done, report.tally.rejected.total()) == (2, 3)


def test_a_second_run_asks_the_server_for_nothing(server: Server, tmp_path: Path):
    catalogue = asked_for(tmp_path / "c", [server.url(how, "a.mp4") for how in ("ok", "404", "500")])
    fetched(catalogue)
    asked = len(server.asked)
    fetched(catalogue)
    assert len(server.asked) == asked


def test_asked_to_all_that_failed_is_tried_again(server: Server, tmp_path: Path):
    catalogue = asked_for(tmp_path / "c", [server.url(how, "a.mp4") for how in ("ok", "404", "500")])
    fetched(catalogue)
    fetched(catalogue, retry=True)
    assert outcomes(catalogue) == {"ok": ["ok"], "404": ["gone"] * 2, "500": ["server"] * 6}


def test_retry_after_is_waited_for(server: Server, tmp_path: Path):
    catalogue = asked_for(tmp_path / "c", [server.url("limited", "a.mp4")])
    report = fetched(catalogue)
    assert outcomes(catalogue) == {"limited": ["rate_limited", "ok"]}
    assert report.tally.seconds >= 1.0


def test_what_must_wait_longer_than_the_patience_is_left_for_a_later_run(server: Server, tmp_path: Path):
    catalogue = asked_for(tmp_path / "c", [server.url("limited_always", "a.mp4")])
    impatient = Manners(backoff=0.05, patience=0.5)
    assert fetched(catalogue, manners=impatient).later == 1
    fetched(catalogue, manners=impatient)
    assert outcomes(catalogue) == {"limited_always": ["rate_limited"]}  # its time had not come
    assert rejects(catalogue) == {}


def test_a_failure_that_hangs_on_settings_is_due_under_other_ones(server: Server, tmp_path: Path):
    catalogue = asked_for(tmp_path / "c", [server.url("ok", "a.mp4"), server.url("404", "a.mp4")])
    fetched(catalogue, replace(OPEN, allow_private=False))
    assert outcomes(catalogue) == {"ok": ["forbidden_address"], "404": ["forbidden_address"]}
    fetched(catalogue)
    assert outcomes(catalogue) == {"ok": ["forbidden_address", "ok"], "404": ["forbidden_address", "gone"]}
    fetched(catalogue, replace(OPEN, max_height=360))
    assert len(outcomes(catalogue)["404"]) == 2  # gone is gone, whatever the height


def test_a_disk_below_its_floor_ends_the_run_and_nothing_is_lost(server: Server, tmp_path: Path):
    catalogue = asked_for(tmp_path / "c", [server.url("ok", "a.mp4")])
    report = fetched(catalogue, replace(OPEN, min_free_bytes=1 << 62))
    assert report.stopped is not None
    assert report.stopped.startswith("disk: ")
    assert rejects(catalogue) == {}
    assert fetched(catalogue).tally.done == 1


def test_the_same_content_under_two_urls_lies_there_once(server: Server, tmp_path: Path):
    catalogue = asked_for(tmp_path / "c", [server.url("ok", "b.mp4"), server.url("ok", "c.mp4")])
    fetched(catalogue)
    with catalogue.connect() as connection:
        uris = connection.execute("select uri, video_id from fetches where outcome = 'ok'").fetchall()
    assert len(uris) == 2
    assert len(set(uris)) == 1
    assert [path.name for path in (tmp_path / "c" / "media" / "videos").rglob("*.mp4")] == [Path(uris[0][0]).name]
    assert [path.name for path in (tmp_path / "c" / "media" / "partial").iterdir()] == ["locks"]


def test_what_a_killed_run_had_placed_is_recorded_without_asking_again(server: Server, tmp_path: Path):
    catalogue = asked_for(tmp_path / "c", [server.url("ok", "a.mp4")])
    fetched(catalogue)
    asked = len(server.asked)
    with catalogue.connect() as connection:
        row = connection.sql("select * exclude (created_at, tool_version, fingerprint) from fetches").to_arrow_table()
    for part in (tmp_path / "c" / "fetches").iterdir():
        part.unlink()
    (said,) = row.to_pylist()
    journal = noted(catalogue, said, (server.folder / "a.mp4").stat().st_size)
    assert fetched(catalogue).tally.done == 1
    assert len(server.asked) == asked
    assert outcomes(catalogue) == {"ok": ["ok"]}
    assert not journal.exists()


def noted(catalogue: Catalogue, row: dict[str, Any], size: int) -> Path:
    """What a run that was killed just after it moved a file leaves behind, and a line that it had only begun."""
    journal = Partials(catalogue).folder / "placed-1-killed.jsonl"
    line = json.dumps({"row": row, "file": "x.part", "size": size})
    journal.write_text(f"{line}\n{line[:20]}", encoding="utf-8")
    return journal


def test_a_note_of_a_file_that_is_not_whole_is_not_believed(server: Server, tmp_path: Path):
    catalogue = asked_for(tmp_path / "c", [server.url("ok", "a.mp4")])
    key = server.url("ok", "a.mp4")
    row = {"video_key": key, "attempt": 1, "uri": "media/videos/00/0.mp4", "video_id": "0" * 32}
    journal = noted(catalogue, row, 10)
    assert fetched(catalogue).tally.done == 1
    assert len(server.asked) == 1
    assert not journal.exists()


def test_a_journal_that_a_living_run_holds_is_left_to_it(server: Server, tmp_path: Path):
    catalogue = asked_for(tmp_path / "c", [server.url("ok", "a.mp4")])
    living = Placed(Partials(catalogue).folder)
    living.add({"video_key": "k", "uri": "media/videos/00/0.mp4", "video_id": "0" * 32}, "x.part", 10)
    (journal,) = Partials(catalogue).folder.glob("placed-*")
    fetched(catalogue)
    assert journal.exists()
    living.drop(["k"])
    assert not journal.exists()


def test_a_file_that_did_not_reach_the_disk_is_fetched_again(server: Server, tmp_path: Path):
    catalogue = asked_for(tmp_path / "c", [server.url("ok", "a.mp4")])
    fetched(catalogue)
    (file,) = (tmp_path / "c" / "media" / "videos").rglob("*.mp4")
    file.write_bytes(b"")  # what a power cut leaves of a file that was written a moment before
    assert fetched(catalogue).tally.done == 1
    assert file.read_bytes() == (server.folder / "a.mp4").read_bytes()
    assert outcomes(catalogue) == {"ok": ["ok", "network", "ok"]}


def test_a_video_that_another_process_fetches_is_passed_over(server: Server, tmp_path: Path):
    catalogue = asked_for(tmp_path / "c", [server.url("ok", "a.mp4")])
    held = Partials(catalogue).hold(server.url("ok", "a.mp4"))
    assert held is not None
    report = fetched(catalogue)
    assert (report.busy, report.tally.done) == (1, 0)
    held.give_back()
    assert fetched(catalogue).tally.done == 1


def test_shards_share_nothing_and_miss_nothing(server: Server, tmp_path: Path):
    urls = {server.url("ok", "a.mp4", f"?{i}") for i in range(40)}
    catalogue = asked_for(tmp_path / "c", sorted(urls))
    found = list[str]()
    for index in range(3):
        asking = Asking(fingerprint(OPEN), 3, now(), 1.0, Shard(index, 3))
        with catalogue.connect() as connection:
            from curate.formats.format import MACROS  # noqa: PLC0415

            connection.execute(MACROS)
            found += [row[0] for row in connection.execute(due_sql(asking)).fetchall()]
    assert sorted(found) == sorted(urls)


def test_a_host_that_only_fails_is_left_alone_and_its_videos_stay_due(server: Server, tmp_path: Path):
    catalogue = asked_for(tmp_path / "c", [server.url("503", "a.mp4", f"?{i}") for i in range(30)])
    report = fetched(catalogue, manners=Manners(backoff=2, patience=1, open_after=3))
    assert sum(report.outcomes.values()) < 15
    assert sum(report.left.values()) + report.later + report.tally.rejected.total() == 30
    assert QUICK.patience > 1
