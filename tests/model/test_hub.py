"""Checkpoints by their name on the hub, against a server that speaks its protocol."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra `model` is not installed")

import huggingface_hub.constants as settings

from model.errors import ModelError
from model.hub import checkpoint_folder, model_name
from model.load import load_model
from model.planning import plan_lines
from tests.model import tiny
from tests.model.hub_server import hub

NAME = "somebody/Tarsier2-tiny"


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    folder = tiny.tarsier2(tmp_path / "there")
    (folder / "pytorch_model.bin").write_bytes(b"never fetched")
    (folder / "modeling_tarsier.py").write_text("raise SystemExit")
    with hub({NAME: folder}) as (address, paths):
        monkeypatch.setenv("HF_ENDPOINT", address)
        monkeypatch.setattr(settings, "HF_HUB_CACHE", str(tmp_path / "cache"))
        yield paths


def test_a_name_on_the_hub_loads_and_names_the_model(asked: list[str]) -> None:
    model = load_model(NAME)
    assert (model.family, model.name) == ("tarsier2", NAME)


def test_neither_pickles_nor_code_are_fetched(asked: list[str]) -> None:
    folder = checkpoint_folder(NAME)
    assert not list(folder.glob("*.bin")) and not list(folder.glob("*.py"))
    assert not [path for path in asked if path.endswith((".bin", ".py"))]


def test_a_plan_needs_no_weights(asked: list[str]) -> None:
    plan_lines(NAME, "H200", 4, (640, 360), 460_800, 20)
    assert not [path for path in asked if path.endswith(".safetensors")]


def test_a_name_that_is_nowhere_is_said(asked: list[str]) -> None:
    with pytest.raises(ModelError, match="no folder here and not on the hub"):
        checkpoint_folder("somebody/else")


def test_a_hub_that_cannot_be_reached_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match="missing_checkpoint"):
        checkpoint_folder(NAME)


def test_a_folder_that_is_there_is_never_looked_up(asked: list[str], tmp_path: Path) -> None:
    assert checkpoint_folder(tmp_path / "there") == tmp_path / "there"
    assert not asked


def test_a_model_is_called_by_its_folder_and_a_trained_one_by_its_run(tmp_path: Path) -> None:
    (tmp_path / "student" / "model").mkdir(parents=True)
    assert model_name(tmp_path / "student" / "model") == "student"
    assert model_name(tmp_path / "student") == "student"
    assert model_name("owner/name") == "owner/name"
