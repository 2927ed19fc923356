"""What the pool promises: every row gets exactly one outcome, whatever its worker does."""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.pool import Pool, WorkerBug, WorkerLimits
from engine.work import Outcome, Row, Slot
from tests.engine import toy_work

QUICK = WorkerLimits(stall_s=1.5)


def pool(jobs: int = 2, limits: WorkerLimits = QUICK) -> Pool:
    return Pool(toy_work.doubling, [Slot(i) for i in range(jobs)], key="key", limits=limits)


def row(number: int, **misbehaviour: object) -> Row:
    return {"key": f"k{number}", "number": number, **misbehaviour}


def by_key(outcomes: Iterator[Outcome]) -> dict[str, Outcome]:
    found = list(outcomes)
    assert len({outcome.key for outcome in found}) == len(found), "a row had two outcomes"
    return {outcome.key: outcome for outcome in found}


def test_every_row_is_done_once_and_rows_of_one_task_stay_together():
    outcomes = by_key(pool().run([[row(1), row(2)], [row(3)]]))
    assert {key: o.rows["doubled"][0]["twice"] for key, o in outcomes.items()} == {"k1": 2, "k2": 4, "k3": 6}


def test_no_rows_no_workers():
    assert list(pool().run([])) == []


def test_a_row_whose_worker_dies_twice_is_rejected_and_the_others_are_done():
    outcomes = by_key(pool().run([[row(1)], [row(2, do="die")], [row(3)]]))
    assert outcomes["k2"].reject is not None
    assert outcomes["k2"].reject.reason == "worker_crashed"
    assert "SIGSEGV" in outcomes["k2"].reject.detail
    assert outcomes["k2"].reject.permanent
    assert [outcomes[k].reject for k in ("k1", "k3")] == [None, None]


def test_a_row_whose_worker_dies_once_gets_a_second_try(tmp_path: Path):
    outcomes = by_key(pool(1).run([[row(1, do="die once", mark=str(tmp_path / "died"))]]))
    assert outcomes["k1"].reject is None


def test_in_a_batch_only_the_row_that_kills_is_rejected():
    outcomes = by_key(pool(1).run([[row(1), row(2, do="die"), row(3), row(4)]]))
    assert {key for key, o in outcomes.items() if o.reject} == {"k2"}


def test_a_row_that_hangs_is_rejected_after_the_silence_that_is_allowed_and_may_be_tried_again():
    outcomes = by_key(pool(1).run([[row(1, do="hang"), row(2)]]))
    assert outcomes["k1"].reject is not None
    assert (outcomes["k1"].reject.reason, outcomes["k1"].reject.permanent) == ("timeout", False)
    assert outcomes["k2"].reject is None


def test_a_row_that_takes_longer_than_the_silence_but_gives_signs_of_life_is_done():
    outcomes = by_key(pool(1, WorkerLimits(stall_s=3)).run([[row(1, do="take long", beats=13)]]))  # 3.9 s in all
    assert outcomes["k1"].reject is None


def test_signs_of_life_do_not_help_beyond_the_time_for_one_row():
    limits = WorkerLimits(stall_s=60, row_s=1.0)
    outcomes = by_key(pool(1, limits).run([[row(1, do="take long", beats=100)]]))
    assert outcomes["k1"].reject is not None
    assert outcomes["k1"].reject.reason == "timeout"
    assert "not finished after" in outcomes["k1"].reject.detail


def test_a_row_that_needs_more_memory_than_allowed_is_rejected():
    limits = WorkerLimits(stall_s=30, memory_bytes=1 << 30)
    outcomes = by_key(pool(1, limits).run([[row(1, do="eat memory", bytes=4 << 30)], [row(2)]]))
    assert outcomes["k1"].reject is not None
    assert (outcomes["k1"].reject.reason, outcomes["k1"].reject.permanent) == ("out_of_memory", False)
    assert outcomes["k2"].reject is None


def test_an_exception_that_the_stage_does_not_know_stops_the_run_with_the_workers_traceback():
    with pytest.raises(WorkerBug, match="a column that no stage knows"):
        list(pool().run([[row(1, do="be a bug")]]))


def test_a_worker_that_cannot_be_built_stops_the_run():
    with pytest.raises(WorkerBug, match="no weights"):
        list(Pool(toy_work.refusing_to_start, [Slot(0)], key="key").run([[row(1)]]))


def test_tasks_are_taken_only_when_a_worker_is_free():
    taken: list[int] = []

    def tasks() -> Iterator[list[Row]]:
        for number in range(50):
            taken.append(number)
            yield [row(number)]

    outcomes = pool(2).run(tasks())
    next(outcomes)
    assert len(taken) <= 4  # two workers, each with one task done or under way, and one handed over since
    outcomes.close()


def test_closing_the_run_ends_the_workers():
    outcomes = pool(1).run([[row(1)], [row(2, do="hang")]])
    next(outcomes)
    outcomes.close()
    assert not [p for p in multiprocessing.active_children() if p.name.startswith("longtake-worker")]


def test_a_model_is_built_once_a_worker():
    slots = [Slot(0, threads=3)]
    outcomes = list(Pool(toy_work.naming_its_slot, slots, key="key").run([[row(1)], [row(2)]]))
    places = [outcome.rows["slots"][0] for outcome in outcomes]
    assert places[0] == places[1]
    assert places[0]["threads"] == 3


def _run_and_wait(ready: object) -> None:
    outcomes = pool(1, WorkerLimits(stall_s=600)).run([[row(1)], [row(2, do="hang")]])
    next(outcomes)
    with contextlib.suppress(StopIteration):
        pids = [p.pid for p in multiprocessing.active_children()]
        ready.put(pids)  # type: ignore[attr-defined]
        next(outcomes)


def test_workers_end_when_their_parent_is_killed():
    context = multiprocessing.get_context("spawn")
    ready = context.Queue()
    parent = context.Process(target=_run_and_wait, args=(ready,))
    parent.start()
    pids = ready.get(timeout=60)
    assert pids
    parent.kill()
    parent.join()
    deadline = time.monotonic() + 10
    while any(_is_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_is_alive(pid) for pid in pids)


def _is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except FileNotFoundError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.parametrize("name", ["stall_s", "row_s", "memory_bytes"])
def test_a_limit_must_be_positive(name: str):
    with pytest.raises(ValueError, match=f"{name} must be > 0, got 0"):
        WorkerLimits(**{name: 0})


def test_a_pool_needs_a_slot():
    with pytest.raises(ValueError, match="at least one slot"):
        Pool(toy_work.doubling, [], key="key")
