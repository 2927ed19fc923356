"""What only a GPU can show: skipped without one, unless FAIL_WITHOUT_GPU=1."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the extra `model` is not installed")

from model.captioner import CaptionRequest  # noqa: E402
from model.engines.packed import PackedGenerator, Row  # noqa: E402
from model.load import LoadedModel, load_model  # noqa: E402
from tests.model import tiny  # noqa: E402

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available() and os.environ.get("FAIL_WITHOUT_GPU") != "1", reason="torch sees no GPU here"
)


@pytest.fixture
def model(tmp_path: Path) -> LoadedModel:
    return load_model(tiny.tarsier2(tmp_path / "checkpoint", template=True), device="cuda")


def test_recorded_steps_write_what_single_ones_do(model: LoadedModel) -> None:
    """Five rows of different lengths, of which most end early: the graph is recorded again for those that are left."""
    asked = [
        CaptionRequest(str(n), [{"role": "user", "content": "word " * (1 + 3 * n)}], max_new_tokens=4 if n else 24)
        for n in range(5)
    ]
    rows = [Row(one, model.processor.prompt(one.messages, generation=True)) for one in asked]
    single = PackedGenerator(replace(model, stop_ids=())).write(rows)
    recorded = PackedGenerator(replace(model, stop_ids=()), graphs=True).write(rows)
    assert [text.ids for text in recorded] == [text.ids for text in single]
    assert [len(text.ids) for text in recorded] == [24, 4, 4, 4, 4]
