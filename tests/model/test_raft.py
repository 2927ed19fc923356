"""RAFT behind a small function: batches and odd sizes change nothing, and LVD-2M's score is a mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="the extra `model` is not installed")

from model.errors import ModelError  # noqa: E402
from model.raft import Raft, flow_raft_lvd, lvd_frame  # noqa: E402


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights; torchvision's own are fetched from the internet."""
    from torchvision.models.optical_flow import raft_small  # noqa: PLC0415

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("raft") / "small.pth"
    torch.save(raft_small(weights=None).state_dict(), path)
    return path


def frames(count: int, height: int = 128, width: int = 136) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def test_batches_change_no_flow(weights: Path) -> None:
    clip = frames(3)
    one, two = (Raft("small", weights=weights, batch=batch, updates=2) for batch in (1, 2))
    assert one.flow(clip[:-1], clip[1:]) == pytest.approx(two.flow(clip[:-1], clip[1:]), abs=1e-3)


def test_a_size_that_is_no_multiple_of_eight_is_kept(weights: Path) -> None:
    flow = Raft("small", weights=weights, updates=1).flow(frames(1, 130, 133), frames(1, 130, 133))
    assert flow.shape == (1, 130, 133, 2)
    assert flow.dtype == np.float32


def test_the_magnitude_is_the_length_of_the_flow(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raft = Raft("small", weights=weights, updates=1)
    monkeypatch.setattr(raft, "flow", lambda a, b: np.tile(np.array([3, 4], np.float32), (*a.shape[:3], 1)))
    assert raft.mean_magnitudes(frames(3)).tolist() == [5.0, 5.0]  # a step of 3 and 4 pixels is 5 long
    assert flow_raft_lvd(frames(3), raft) == 5.0


def test_one_frame_has_no_motion_score(weights: Path) -> None:
    assert flow_raft_lvd(frames(1), Raft("small", weights=weights)) is None


def test_lvd_frames_are_520_by_960() -> None:
    grey = np.full((90, 50, 3), 77, np.uint8)
    assert lvd_frame(grey).shape == (520, 960, 3)
    assert set(lvd_frame(grey).flatten().tolist()) == {77}


def test_weights_of_the_other_size_are_refused(weights: Path) -> None:
    with pytest.raises(ModelError, match="weights_do_not_fit"):
        Raft("large", weights=weights)


def test_small_frames_are_refused(weights: Path) -> None:
    with pytest.raises(ValueError, match="128 pixels and more, got 100x128"):
        Raft("small", weights=weights).flow(frames(1, 128, 100), frames(1, 128, 100))
