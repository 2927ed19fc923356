"""What training gives is what the detector reads."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curate.detectors.cascade import weights
from curate.detectors.cascade.evidence import NUM_EVIDENCE
from curate.detectors.cascade.judge import Judge
from curate.detectors.cascade.network import KINDS, Network, Networks, Numbers
from curate.detectors.cascade.signs import NUM_SIGNS
from curate.detectors.cascade.training import __main__ as command
from curate.detectors.cascade.training import fit_judge, fit_network
from curate.detectors.cascade.training.examples import Example
from curate.detectors.cascade.training.footage import made_takes
from curate.detectors.cascade.training.layers import kept, scale_of, scaled
from curate.detectors.cascade.training.pipeline import Training
from curate.detectors.cascade.training.supposed import DOUBTFUL, Cases
from tests.conftest import MadeVideos

HARD = KINDS.index("hard")


@pytest.fixture
def torch() -> Iterator[Any]:
    """PyTorch with one thread: what is computed here is too small for more."""
    module = pytest.importorskip("torch")
    before = module.get_num_threads()
    module.set_num_threads(1)
    yield module
    module.set_num_threads(before)


def read(arrays: dict[str, Numbers]) -> dict[str, Numbers]:
    """As `weights` reads a file."""
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def example(seed: int, looks: int = 320) -> Example:
    """The first sign is high at hard cuts and nowhere else; a few others are noise."""
    random = np.random.default_rng(seed)
    signs = np.zeros((looks, NUM_SIGNS), np.float32)
    signs[:, 1:4] = random.standard_normal((looks, 3))
    kinds = np.where(random.random(looks) < 0.05, HARD, 0)
    signs[:, 0] = kinds == HARD
    return Example(signs, kinds, np.ones(looks, np.float32), np.arange(looks) / 15, [])


def cases(seed: int, count: int = 200) -> Cases:
    """The first number is positive for true cases, three are noise; a tenth are doubtful and say the opposite."""
    random = np.random.default_rng(seed)
    evidence = np.zeros((count, NUM_EVIDENCE), np.float32)
    evidence[:, 1:4] = random.standard_normal((count, 3))
    truth = (np.arange(count) % 2).astype(np.int64)
    evidence[:, 0] = np.where(truth == 1, 2, -2)
    evidence[::10, 0] *= -1
    truth[::10] = DOUBTFUL
    return Cases(evidence, truth)


def test_the_exported_network_gives_the_probabilities_of_the_trained_one(torch: Any):
    shown = example(0)
    arrays = read(fit_network.fit_network([shown], 1, np.random.default_rng(0)))
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    scores = fit_network.scores_of(tensors, torch.from_numpy(shown.signs)[None])[0]
    ours = Network(arrays).probabilities(shown.signs)
    np.testing.assert_allclose(ours, scores.softmax(dim=1).numpy(), atol=1e-5)


def test_the_exported_judge_gives_the_probabilities_of_the_trained_one(torch: Any):
    shown = cases(0)
    arrays = read(fit_judge.fit_judge([shown], np.random.default_rng(0), epochs=1))
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    theirs = fit_judge.scores_of(tensors, torch.from_numpy(scaled(shown.evidence, arrays))).sigmoid().numpy()
    ours = [Judge(arrays).probability(row) for row in shown.evidence]
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.usefixtures("torch")
def test_a_network_learns_a_sign_that_says_it_all(monkeypatch: pytest.MonkeyPatch):
    # many small steps: 4800 looks give 4800 // (64 * 4) = 18 an epoch
    monkeypatch.setattr(fit_network, "STRETCH", 64)
    monkeypatch.setattr(fit_network, "BATCH", 4)
    shown = [example(seed) for seed in range(15)]
    arrays = read(fit_network.fit_network(shown, 12, np.random.default_rng(0)))
    unseen = example(99)
    likely = Network(arrays).probabilities(unseen.signs)[:, HARD]
    assert likely[unseen.kinds == HARD].min() > 0.5 > likely[unseen.kinds == 0].max()


@pytest.mark.usefixtures("torch")
def test_a_judge_learns_from_sure_cases_only():
    arrays = read(fit_judge.fit_judge([cases(0), cases(1)], np.random.default_rng(0), epochs=20))
    unseen = cases(9)
    sure = unseen.is_true != DOUBTFUL
    ours = np.array([Judge(arrays).probability(row) for row in unseen.evidence])
    assert np.array_equal(ours[sure] > 0.5, unseen.is_true[sure] == 1)


@pytest.mark.usefixtures("torch")
def test_the_same_seed_gives_the_same_arrays():
    one, again = (fit_network.fit_network([example(0)], 1, np.random.default_rng(5)) for _ in range(2))
    assert all(np.array_equal(one[name], again[name]) for name in one)


@pytest.mark.usefixtures("torch")
def test_a_judge_without_true_cases_cannot_be_trained():
    only_false = Cases(np.zeros((5, NUM_EVIDENCE), np.float32), np.zeros(5, np.int64))
    with pytest.raises(ValueError, match="needs true and false cases, got 0 and 5"):
        fit_judge.fit_judge([only_false], np.random.default_rng(0))


def test_a_short_video_fills_a_stretch_with_looks_that_count_nothing():
    short = example(0, looks=10)
    signs, kinds, weights = fit_network.batch([short], np.random.default_rng(0))
    assert signs.shape == (fit_network.BATCH, fit_network.STRETCH, NUM_SIGNS)
    assert kinds.shape == weights.shape == signs.shape[:2]
    assert weights[:, :10].all()
    assert not weights[:, 10:].any()


def test_weights_are_kept_small_and_scales_exactly():
    arrays = kept({"last_weight": np.ones(2, np.float32), "last_bias": np.ones(2), **scale_of(np.ones((4, 3)))})
    assert {name: array.dtype.name for name, array in arrays.items()} == {
        "last_weight": "float16",
        "last_bias": "float32",
        "mean": "float32",
        "spread": "float32",
    }
    assert (arrays["spread"] > 0).all(), "what never changes must not divide by 0"


def test_the_untrained_arrays_have_the_shapes_that_the_detector_reads():
    network, judge = untrained(0)
    assert Network(network).probabilities(np.zeros((7, NUM_SIGNS), np.float32)).sum(axis=1) == pytest.approx(1)
    assert 0 < Judge(judge).probability(np.zeros(NUM_EVIDENCE, np.float32)) < 1


def untrained(seed: int) -> tuple[dict[str, Numbers], dict[str, Numbers]]:
    """Arrays of a network and of a judge."""
    random = np.random.default_rng(seed)
    scale = scale_of(random.standard_normal((9, NUM_SIGNS)))
    network = dict(fit_network.fresh_network(random, scale)) | scale
    scale = scale_of(random.standard_normal((9, NUM_EVIDENCE)))
    return network, dict(fit_judge.fresh_judge(random, NUM_EVIDENCE)) | scale


def test_of_several_networks_none_can_rule_a_kind_out_alone():
    sure, other = (untrained(seed)[0] for seed in (0, 1))
    sure["last_bias"] = np.array([500.0, 0, 0, 0, 0, 0])
    signs = np.zeros((7, NUM_SIGNS), np.float32)
    together = Networks((Network(sure), Network(other))).probabilities(signs)
    assert Network(sure).probabilities(signs)[:, 1:].max() < 1e-30
    assert together[:, 1:].min() > 1e-4
    assert together.sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize("wrong", [{"videos": 0}, {"epochs": -1}, {"seconds": 0}])
def test_a_training_of_nothing_is_refused(wrong: dict[str, int]):
    with pytest.raises(ValueError, match="must be > 0"):
        Training(**wrong)


@pytest.mark.usefixtures("torch")
def test_the_command_writes_arrays_for_networks_and_judge(
    make_video: MadeVideos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(command, "made_takes", lambda: made_takes(1))
    folder = tmp_path / "videos"
    folder.mkdir()
    for number in (1, 2):
        video = make_video(scenes=[(f"natural:{number}", 60)], fps=15)
        (folder / f"{number}.mp4").write_bytes(video.read_bytes())
    (tmp_path / "manifest.csv").write_text("name,n_cuts,cut_times_s,gradual\n1.mp4,0,,\n2.mp4,0,,\n")
    out, beside = tmp_path / "weights.npz", tmp_path / "beside.npz"
    arrays = dict(zip(("network", "judge"), untrained(0), strict=True))
    named = {f"{kind}.{name}": array for kind, of_kind in arrays.items() for name, array in of_kind.items()}
    np.savez(beside, **named)  # pyright: ignore[reportArgumentType]
    words = ["--data", str(tmp_path), "--out", str(out), "--videos", "3", "--epochs", "1", "--seconds", "6"]
    assert command.main([*words, "--beside", str(beside)]) == 0
    networks, judge = weights.read(out)
    assert len(networks.members) == 3
    np.testing.assert_allclose(networks.members[2].arrays["last_weight"], arrays["network"]["last_weight"], rtol=1e-6)
    np.testing.assert_allclose(judge.arrays["last_weight"], arrays["judge"]["last_weight"], rtol=1e-6)
    assert networks.probabilities(np.zeros((3, NUM_SIGNS), np.float32)).shape == (3, len(KINDS))
    assert 0 <= judge.probability(np.zeros(NUM_EVIDENCE, np.float32)) <= 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["beside.npz", "manifest.csv", "videos", "weights.npz"]


@pytest.mark.skipif(find_spec("torch") is not None, reason="PyTorch is installed")
def test_without_pytorch_the_command_says_what_to_install(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "manifest.csv").write_text("name,n_cuts,cut_times_s,gradual\n")
    with pytest.raises(SystemExit):
        command.main(["--data", str(tmp_path), "--out", str(tmp_path / "weights.npz")])
    assert "longtake[model]" in capsys.readouterr().err
