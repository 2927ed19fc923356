"""A backend in processes of its own: what hangs is killed, what crashes takes nothing with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from curate.download.apart import Apart, BackendBug
from curate.download.backend import Target
from tests.curate.download.toy_backends import Toy
from tests.misbehaving_server import Server


@pytest.fixture(scope="module")
def apart() -> Iterator[Apart]:
    yield Apart("toy", Toy, silent_s=2, guarded=True)


def target(what: str, folder: Path, stop: threading.Event | None = None) -> Target:
    return Target("key", what, folder / "x.part", stop=stop or threading.Event())


def test_one_process_serves_one_video_after_another(apart: Apart, tmp_path: Path):
    first, second = (apart.fetch(target("ok", tmp_path)) for _ in range(2))
    assert first.outcome == "ok"
    assert first.message == second.message


def test_what_hangs_is_killed_with_all_that_it_started(apart: Apart, tmp_path: Path):
    told = apart.fetch(target("sleep", tmp_path))
    assert (told.outcome, told.message) == ("network", "toy gave no sign of progress for 2 s")
    pid = int((tmp_path / "x.part").read_text(encoding="utf-8"))
    assert _ends(pid)
    assert apart.fetch(target("ok", tmp_path)).outcome == "ok"


def _ends(pid: int) -> bool:
    """Whether a process is gone, or only waits for init to take note."""
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


def test_progress_is_not_silence(apart: Apart, tmp_path: Path):
    assert apart.fetch(target("beats", tmp_path)).outcome == "ok"


def test_a_crash_is_a_failed_attempt_and_a_bug_is_raised(apart: Apart, tmp_path: Path):
    told = apart.fetch(target("crash", tmp_path))
    assert (told.outcome, told.message) == ("network", "the process of toy ended by signal SIGSEGV")
    with pytest.raises(BackendBug, match="a bug of the toy"):
        apart.fetch(target("bug", tmp_path))


def test_an_ended_run_stops_it(apart: Apart, tmp_path: Path):
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    assert apart.fetch(target("waits", tmp_path, stop)).message == "it stopped by itself"


def test_threads_of_a_library_are_guarded_too(apart: Apart, server: Server, tmp_path: Path):
    told = apart.fetch(target(f"connect:{server.server_port}", tmp_path))
    assert told.message == "127.0.0.1 is not a public address"
