"""Some layers of a network are a network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the extra `model` is not installed")

from model.cli import main  # noqa: E402
from model.convert import convert  # noqa: E402
from model.errors import ModelError  # noqa: E402
from model.inspecting import inspect_checkpoint  # noqa: E402
from model.load import load_model  # noqa: E402
from model.prune import ORIGIN, prune  # noqa: E402
from tests.conftest import REPO  # noqa: E402
from tests.model import tiny  # noqa: E402
from tests.model.test_load_and_convert import VIDEO, logits  # noqa: E402


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.tarsier2(tmp_path_factory.mktemp("large") / "checkpoint", layers=5, shards=2)


def answers(folder: Path, change: Any = lambda network: None) -> Any:
    loaded = load_model(folder, device="cpu", dtype="float32")
    change(loaded.network)
    return logits(loaded.network, loaded.processor(VIDEO, generation=True))


def test_what_is_left_computes_as_the_same_layers_of_the_whole_network_do(large: Path, tmp_path: Path) -> None:
    done = prune(large, tmp_path / "small", layers=3, vision_layers=1)
    assert (done.layers, done.vision_layers) == ((0, 2, 4), (1,))
    assert 0 < done.share < 1

    def without(network: Any) -> None:
        text, tower = network.model.language_model, network.model.visual
        text.layers = torch.nn.ModuleList(text.layers[number] for number in (0, 2, 4))
        tower.blocks = torch.nn.ModuleList([tower.blocks[1]])

    assert torch.equal(answers(tmp_path / "small"), answers(large, without))


def test_with_all_layers_nothing_changes_and_its_origin_is_said(large: Path, tmp_path: Path) -> None:
    done = prune(large, tmp_path / "same", layers=5)
    assert done.layers == (0, 1, 2, 3, 4)
    assert torch.equal(answers(tmp_path / "same"), answers(large))
    origin = json.loads((tmp_path / "same" / ORIGIN).read_text())
    assert origin["layers"] == [0, 1, 2, 3, 4]
    assert len(origin["weights"]) > 8


def test_what_a_converted_one_became_is_known_as_other_weights(large: Path, tmp_path: Path) -> None:
    convert(large, tmp_path / "plain")
    prune(tmp_path / "plain", tmp_path / "small", layers=2)
    whole, small = (load_model(tmp_path / name, device="cpu", dtype="float32") for name in ("plain", "small"))
    assert (small.family, whole.family) == ("tarsier2", "tarsier2")
    assert small.weights != whole.weights


def test_a_checkpoint_as_transformers_5_writes_it_is_pruned_and_inspected(tmp_path: Path) -> None:
    teacher = REPO / "assets" / "story_teacher"  # its config has a part of its own for the text model
    prune(teacher, tmp_path / "small", layers=2)
    for folder, layers in ((teacher, 4), (tmp_path / "small", 2)):
        facts = inspect_checkpoint(folder)
        assert (facts["text_layers"], facts["fits"]) == (layers, "yes, every name and shape")


def test_tarsier_keeps_its_tower(tmp_path: Path) -> None:
    whole = tiny.tarsier1(tmp_path / "whole")
    prune(whole, tmp_path / "small", layers=1)
    config = json.loads((tmp_path / "small" / "config.json").read_text())
    assert config["text_config"]["num_hidden_layers"] == 1
    load_model(tmp_path / "small", device="cpu", dtype="float32")
    with pytest.raises(ModelError, match="last but one layer"):
        prune(whole, tmp_path / "no", layers=1, vision_layers=1)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--layers", "6"], 2, "--layers 6: the checkpoint has 5. Take 1 to 5."),
        (["--layers", "2", "--vision-layers", "9"], 2, "--vision-layers 9: the checkpoint has 2."),
    ],
)
def test_more_layers_than_there_are(
    large: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.setattr("sys.argv", ["model", "prune", str(large), str(tmp_path / "small"), *words])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == code
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []  # nothing is left behind


def test_the_command_says_which_layers_stayed(
    large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["model", "prune", str(large), str(tmp_path / "small"), "--layers", "2"])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    assert "layers 0, 4 of the text model, 2 of the tower" in capsys.readouterr().out


def test_a_checkpoint_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ModelError, match="bert"):
        prune(tmp_path, tmp_path / "out", layers=1)
