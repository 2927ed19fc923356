"""Several devices share one stream of requests, and every request is answered once."""

from __future__ import annotations

import queue
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch", reason="the extra `model` is not installed")

from model.captioner import CaptionRequest
from model.engines.many import ManyCaptioner, _exchange
from model.engines.transformers_engine import EngineSettings
from tests.model import tiny


def test_every_request_is_answered_once(tmp_path: Path) -> None:
    checkpoint = tiny.tarsier2(tmp_path / "checkpoint", template=True)
    requests = [CaptionRequest(f"{n}", [{"role": "user", "content": f"{n}?"}], max_new_tokens=2) for n in range(9)]
    many = ManyCaptioner(checkpoint, ["cpu", "cpu"], settings=EngineSettings(max_rows=2, bucket=1, workers=0))
    assert sorted(result.request_id for result in many.caption(requests)) == [f"{n}" for n in range(9)]


def test_a_slow_process_is_waited_for_when_a_quick_one_ends_both_rounds() -> None:
    """The slow one takes "a"; the quick one answers "b", then takes both ends before the slow one has answered."""
    asked: queue.Queue[Any] = queue.Queue()
    answered: queue.Queue[Any] = queue.Queue()

    def both() -> None:
        slow, quick = asked.get(), asked.get()
        answered.put(("result", quick))
        for _ in range(2):
            assert asked.get() is None
            answered.put(("done", None))
        time.sleep(0.05)
        answered.put(("result", slow))
        assert asked.get() is None
        answered.put(("done", None))

    threading.Thread(target=both, daemon=True).start()
    requests = [CaptionRequest(name, []) for name in "ab"]
    alive = [SimpleNamespace(exitcode=None)] * 2
    found = list(_exchange(iter(requests), asked, answered, alive))
    assert [one.request_id for one in found] == ["b", "a"]


def test_a_process_that_fails_ends_the_run_with_its_reason(tmp_path: Path) -> None:
    many = ManyCaptioner(tmp_path / "gone", ["cpu"])
    with pytest.raises(RuntimeError, match="missing_checkpoint"):
        list(many.caption([]))
