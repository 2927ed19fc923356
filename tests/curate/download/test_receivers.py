"""Direct urls through processes that receive: many at once, and none outlives the run."""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from pytest import MonkeyPatch

from curate.download import receivers as receivers_module
from curate.download.apart import BackendBug
from curate.download.backend import Fetched, Target
from curate.download.receivers import Receivers
from tests.curate.download.conftest import OPEN
from tests.misbehaving_server import Server


@pytest.fixture(scope="module")
def receivers() -> Iterator[Receivers]:
    yield Receivers(OPEN, "longtake", processes=2)


def pids(receivers: Receivers) -> list[int]:
    return [process.pid for process in receivers._processes]


def test_many_fetches_at_once_each_bring_their_own_video(receivers: Receivers, server: Server, tmp_path: Path):
    def fetch(number: int) -> bool:
        name = "ab"[number % 2] + ".mp4"
        target = Target(str(number), server.url("ok", name), tmp_path / f"{number}.part")
        return (
            receivers.fetch(target).outcome == "ok"
            and target.partial.read_bytes() == (server.folder / name).read_bytes()
        )

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(fetch, range(40)))


def test_an_address_that_is_not_public_is_refused_in_the_process(server: Server, tmp_path: Path):
    guarded = Receivers(replace(OPEN, allow_private=False), "longtake", processes=1)
    told = guarded.fetch(Target("key", server.url("ok", "a.mp4"), tmp_path / "x.part"))
    assert told.outcome == "forbidden_address"
    assert server.asked == []


def test_a_process_that_is_killed_fails_what_it_received_and_another_takes_its_place(
    receivers: Receivers, server: Server, tmp_path: Path
):
    before = pids(receivers)
    threading.Timer(0.5, lambda: [os.kill(pid, signal.SIGKILL) for pid in before]).start()
    told = receivers.fetch(Target("key", server.url("stalls", "a.mp4"), tmp_path / "x.part"))
    assert (told.outcome, told.message) == ("network", "the process that received it ended by signal SIGKILL")
    again = [receivers.fetch(Target("key", server.url("ok", "a.mp4"), tmp_path / "x.part")) for _ in range(2)]
    assert again[-1].outcome == "ok"
    assert not set(pids(receivers)) & set(before[:1])


def test_what_is_asked_of_a_process_that_is_gone_fails_at_once(server: Server, tmp_path: Path):
    receivers, told = Receivers(OPEN, "longtake", processes=1), queue.SimpleQueue[Fetched | BaseException]()
    process = receivers._processes[0]
    os.kill(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while not process.is_gone and time.monotonic() < deadline:
        time.sleep(0.01)
    process.ask([(Target("key", server.url("ok", "a.mp4"), tmp_path / "x.part"), told.put)])
    said = told.get(timeout=10)
    assert isinstance(said, Fetched)
    assert (said.outcome, said.message) == ("network", "the process that received it ended by signal SIGKILL")


def test_a_process_that_dies_within_a_message_fails_what_it_received(
    server: Server, tmp_path: Path, monkeypatch: MonkeyPatch
):
    def cut_short(_: Connection) -> bytes:
        raise OSError("got end of file during message")

    monkeypatch.setattr(Connection, "recv_bytes", cut_short)
    receivers = Receivers(OPEN, "longtake", processes=1)
    told = receivers.fetch(Target("key", server.url("ok", "a.mp4"), tmp_path / "x.part"))
    assert told.outcome == "network"
    assert (told.message or "").startswith("the process that received it ended by")


def test_an_ended_run_stops_a_fetch_and_keeps_what_came(receivers: Receivers, server: Server, tmp_path: Path):
    stop, began = threading.Event(), time.monotonic()
    threading.Timer(0.2, stop.set).start()
    target = Target("key", server.url("stalls", "a.mp4"), tmp_path / "x.part", stop=stop)
    told = receivers.fetch(target)
    assert (told.outcome, told.message) == ("network", "the run ended")
    assert time.monotonic() - began < 5
    assert target.partial.stat().st_size == (server.folder / "a.mp4").stat().st_size // 2


def test_what_nobody_waits_for_any_more_ends_nothing_else(server: Server, tmp_path: Path, monkeypatch: MonkeyPatch):
    monkeypatch.setattr(receivers_module, "_STOP_SECONDS", 0.0)
    receivers, stop = Receivers(OPEN, "longtake", processes=1), threading.Event()
    before = pids(receivers)
    stop.set()
    told = receivers.fetch(Target("key", server.url("stalls", "a.mp4"), tmp_path / "x.part", stop=stop))
    assert (told.outcome, told.message) == ("network", "the run ended")
    told = receivers.fetch(Target("key", server.url("ok", "a.mp4"), tmp_path / "y.part"))
    assert (told.outcome, pids(receivers)) == ("ok", before)


def test_fetches_are_shared_out_and_answered_beside_one_another(server: Server, tmp_path: Path):
    receivers, told = Receivers(OPEN, "longtake", processes=2), queue.SimpleQueue[tuple[int, str]]()
    slow = threading.Event()

    def done(number: int, said: Fetched | BaseException) -> None:
        assert isinstance(said, Fetched)
        told.put((number, said.outcome))

    targets = [
        Target(
            str(number), server.url("stalls" if number < 2 else "ok", "a.mp4"), tmp_path / f"{number}.part", stop=slow
        )
        for number in range(8)
    ]
    receivers.start([(target, partial(done, number)) for number, target in enumerate(targets)])
    assert [process.busy for process in receivers._processes] == [4, 4]
    assert sorted(told.get(timeout=10) for _ in range(6)) == [(number, "ok") for number in range(2, 8)]
    slow.set()
    assert sorted(told.get(timeout=10) for _ in range(2)) == [(0, "network"), (1, "network")]


def test_a_bug_in_the_process_is_raised_with_its_traceback(receivers: Receivers, server: Server, tmp_path: Path):
    with pytest.raises(BackendBug, match="FileNotFoundError"):
        receivers.fetch(Target("key", server.url("ok", "a.mp4"), tmp_path / "no folder" / "x.part"))
