"""Several devices share one stream of requests, and every request is answered once."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra `model` is not installed")

from model.captioner import CaptionRequest
from model.engines.many import ManyCaptioner
from model.engines.transformers_engine import EngineSettings
from tests.model import tiny


def test_every_request_is_answered_once(tmp_path: Path) -> None:
    checkpoint = tiny.tarsier2(tmp_path / "checkpoint", template=True)
    requests = [CaptionRequest(f"{n}", [{"role": "user", "content": f"{n}?"}], max_new_tokens=2) for n in range(9)]
    many = ManyCaptioner(checkpoint, ["cpu", "cpu"], settings=EngineSettings(max_rows=2, bucket=1, workers=0))
    assert sorted(result.request_id for result in many.caption(requests)) == [f"{n}" for n in range(9)]


def test_a_process_that_fails_ends_the_run_with_its_reason(tmp_path: Path) -> None:
    many = ManyCaptioner(tmp_path / "gone", ["cpu"])
    with pytest.raises(RuntimeError, match="missing_checkpoint"):
        list(many.caption([]))
