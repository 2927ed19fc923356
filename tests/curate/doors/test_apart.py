"""Items that are made here and used in another process."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from curate.doors import exporting
from curate.doors.exporting import Order, export
from curate.doors.writing.apart import TOGETHER, used_apart
from engine.catalogue import Catalogue
from tests.curate.doors.conftest import bring_in, jsonl

MANY = 5 * TOGETHER + 3


def total(items: Iterator[int]) -> tuple[int, int]:
    return os.getpid(), sum(items)


def fails_at(items: Iterator[int], *, place: int) -> int:
    for item in items:
        if item == place:
            raise FileNotFoundError(f"no room for {item}")
    return 0


def is_killed(items: Iterator[int]) -> int:
    next(items)
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def test_the_result_comes_back_from_another_process() -> None:
    process, found = used_apart(total, iter(range(MANY)))
    assert found == sum(range(MANY))
    assert process != os.getpid()


@pytest.mark.parametrize("place", [0, MANY - 1])
def test_what_the_other_process_raises_is_raised_here(place: int) -> None:
    with pytest.raises(FileNotFoundError, match=f"no room for {place}"):
        used_apart(partial(fails_at, place=place), iter(range(MANY)))


def test_what_the_making_of_an_item_raises_is_raised() -> None:
    def items() -> Iterator[int]:
        yield from range(TOGETHER)
        raise ValueError("a bad row")

    with pytest.raises(ValueError, match="a bad row"):
        used_apart(total, items())


def test_a_process_that_was_killed_is_an_error_that_says_so() -> None:
    with pytest.raises(RuntimeError, match="was killed"):
        used_apart(is_killed, iter(range(100 * TOGETHER)))


def test_shards_written_apart_are_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = Catalogue.open(tmp_path / "catalogue", create=True)
    asked = [{"video": f"{n}.mp4", "caption": f"text {n}", "aesthetic score": 5.1} for n in range(40)]
    bring_in(catalogue, jsonl(tmp_path / "openvid.jsonl", asked))
    for many, name in ((10_000, "here"), (1, "apart")):
        monkeypatch.setattr(exporting, "MANY", many)
        done = export(catalogue, Order("webdataset", tmp_path / name, shard_bytes=20_000), lambda *_: None)
        assert (done.rows, done.absent, done.failed) == (40, 40, [])
    here, apart = (sorted((tmp_path / name).iterdir()) for name in ("here", "apart"))
    assert len(here) > 1
    assert [path.read_bytes() for path in here] == [path.read_bytes() for path in apart]
