"""A stage over a catalogue: finished rows are written, whatever ends the run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from engine.catalogue import Catalogue
from engine.pool import WorkerBug
from engine.progress import Tally
from engine.run import Plan, local_slots, run_plan
from engine.work import Beat, Outcome, Reject, Row, Slot, Work


def naming_videos(slot: Slot) -> Work:
    """Rows of `aliases` from numbers; odd ones are turned away, 13 is a bug."""

    def work(rows: Sequence[Row], beat: Beat) -> Iterator[Outcome]:
        for row in rows:
            if row["number"] == 13:
                raise KeyError("thirteen")
            if row["number"] % 2:
                yield Outcome(row["key"], reject=Reject("odd", "not even"))
            else:
                alias = {"video_key": row["key"], "uri": "/x", "video_id": "v", "source_stamp": "1-1"}
                yield Outcome(row["key"], {"aliases": [alias]})

    return work


def plan() -> Plan:
    return Plan("name", "f1", "key", naming_videos)


def rows(*numbers: int) -> list[Row]:
    return [{"key": f"k{n}", "number": n, "source_stamp": f"stamp {n}", "video_key": f"name {n}"} for n in numbers]


def run(catalogue: Catalogue, given: list[Row]) -> Tally:
    return run_plan(catalogue, plan(), given, len(given), slots=[Slot(0)], show=lambda tally: None)


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue.open(tmp_path / "catalogue", create=True)


def test_finished_rows_carry_their_provenance(catalogue: Catalogue):
    tally = run(catalogue, rows(2, 4))
    assert (tally.done, tally.rejected.total()) == (2, 0)
    with catalogue.connect() as connection:
        found = connection.execute("select video_key, fingerprint, created_at is not null from aliases order by 1")
        assert found.fetchall() == [("k2", "f1", True), ("k4", "f1", True)]


def test_a_reject_repeats_the_name_and_the_stamp_of_its_input(catalogue: Catalogue):
    run(catalogue, rows(3))
    with catalogue.connect() as connection:
        found = connection.execute("select stage, key, reason, detail, permanent, source_stamp, video_key from rejects")
        assert found.fetchall() == [("name", "k3", "odd", "not even", True, "stamp 3", "name 3")]


def test_what_was_finished_before_a_bug_is_written(catalogue: Catalogue):
    with pytest.raises(WorkerBug, match="thirteen"):
        run(catalogue, rows(2, 4, 13, 6))
    with catalogue.connect() as connection:
        assert connection.execute("select count(*) from aliases").fetchall() == [(2,)]


def test_what_was_finished_before_ctrl_c_is_written(catalogue: Catalogue):
    def interrupt(tally: Tally) -> None:
        if tally.handled == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_plan(catalogue, plan(), rows(2, 4, 6, 8), 4, slots=[Slot(0)], show=interrupt)
    with catalogue.connect() as connection:
        assert connection.execute("select count(*) from aliases").fetchall() == [(2,)]


def test_jobs_are_cores_shared_out_over_the_rows_that_there_are():
    assert local_slots(4, 100) == [Slot(0, 1), Slot(1, 1), Slot(2, 1), Slot(3, 1)]
    assert local_slots(4, 1) == [Slot(0, 4)]  # one long video gets all four
    assert local_slots(1, 0) == [Slot(0, 1)]


def test_on_accelerators_each_worker_owns_one():
    assert [slot.device for slot in local_slots(2, 9, device="cuda")] == ["cuda:0", "cuda:1"]
