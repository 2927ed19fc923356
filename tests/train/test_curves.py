"""Pictures of runs, and TensorBoard's file where it is installed."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.door import WrongUse
from train.curves import curves_of, draw, running_mean
from train.metrics import Metrics


def row(step: int, loss: float = 1.0, **parts: float) -> dict[str, Any]:
    return {
        "step": step, "loss": loss, "lr": 0.1, "tokens": 10, "learned_tokens": 5, "samples": 4, "unread": 0,
        "seconds": 0.5 * step, "waited_seconds": 0.0, "grad_norm": 1.0, "parts": parts,
    }  # fmt: skip


def written(folder: Path, rows: list[dict[str, Any]], after: int = 0) -> Path:
    folder.mkdir(exist_ok=True)
    metrics = Metrics(folder, after, lambda _: None)
    for one in rows:
        metrics.add(one)
    metrics.close()
    return folder


def test_speed_is_samples_over_seconds_and_missing_parts_are_gaps() -> None:
    found = curves_of([row(1), row(2, margin=0.5)])
    assert found["samples/s"].tolist() == [8.0, 4.0]
    assert np.isnan(found["margin"][0])
    assert found["margin"][1] == 0.5


def test_a_running_mean_is_over_what_was_before() -> None:
    assert running_mean(np.array([1.0, 3.0, np.nan, 5.0]), 2).tolist() == [1.0, 2.0, 3.0, 5.0]


@pytest.mark.parametrize(("suffix", "begins"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_a_picture_shows_several_runs(tmp_path: Path, suffix: str, begins: bytes) -> None:
    pytest.importorskip("matplotlib")
    runs = [written(tmp_path / name, [row(n, 100 / n**3, kl=1.0) for n in range(1, 300)]) for name in ("a", "b")]
    picture = draw(runs, tmp_path / "new" / f"curves.{suffix}")
    assert picture.read_bytes().startswith(begins)
    assert [path.name for path in picture.parent.iterdir()] == [picture.name]
    if suffix == "svg":
        drawn = picture.read_text()
        assert all(f"<!-- {name} -->" in drawn for name in ("a", "b", "loss", "lr", "samples/s", "kl"))


def test_a_folder_without_steps_and_an_unknown_format_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(WrongUse, match="holds no step yet"):
        draw([tmp_path], tmp_path / "a.png")
    with pytest.raises(WrongUse, match=r"must end in \.png, \.svg, \.pdf, got .*a\.gif"):
        draw([tmp_path], tmp_path / "a.gif")


def test_tensorboard_shows_each_step_once_after_a_resume(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed; longtake[train] brings it")
    accumulator: Any = import_module("tensorboard.backend.event_processing.event_accumulator")

    written(tmp_path / "run", [row(n, float(n)) for n in (1, 2, 3)])
    written(tmp_path / "run", [row(n, float(n) + 10) for n in (3, 4)], after=2)
    events = accumulator.EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    assert [(one.step, one.value) for one in events.Scalars("loss")] == [(1, 1.0), (2, 2.0), (3, 13.0), (4, 14.0)]
    assert events.Scalars("samples_per_s")[0].value == 8.0
