"""Distillation from end to end: captions that keep a teacher's tokens, and answers that the student writes itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from typer.testing import CliRunner

from engine.catalogue import Catalogue
from engine.door import WrongUse
from engine.write import write
from model.captioner import CaptionRequest
from model.engines.transformers_engine import EngineSettings, TransformersCaptioner
from model.errors import ModelError
from model.load import load_model
from recaption.cli import app as recaption
from train.build_samples import SampleRule, build_samples
from train.learner import Learner
from train.metrics import read
from train.network.forward import PackedNetwork
from train.network.loading import load_for_training
from train.network.towers import prepare
from train.own_answers import OwnAnswers
from train.reading import Reader
from train.run import RunOptions, train
from train.settings import Distil, OnPolicy, Part, Recipe
from train.small_world.make import make_tarsier2
from train.small_world.shelf import add_stories
from train.sources import SampleSource

from .conftest import TINY


@pytest.fixture(scope="module")
def captioned(tmp_path_factory: pytest.TempPathFactory, checkpoints: dict[str, Path]) -> Catalogue:
    """Four stories that `recaption` captioned with the tiny network, eight likeliest tokens kept."""
    catalogue = Catalogue.open(tmp_path_factory.mktemp("captioned") / "catalogue", create=True)
    add_stories(catalogue, range(4))
    words = ["run", "-c", catalogue.url, "--model", str(checkpoints["tarsier2"]), "--gates", "off",
             "--top-logprobs", "8", "--max-new-tokens", "12", "--workers", "0"]  # fmt: skip
    done = CliRunner().invoke(recaption, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    with catalogue.connect() as connection:
        kinds = connection.execute("select kind, count(top_ids) from captions group by 1 order by 1").fetchall()
    (own,) = [kind for kind, count in kinds if count == 4]
    build_samples(catalogue, SampleRule("taught", kinds=(own,)))
    return catalogue


@pytest.fixture
def taught(recipe: Recipe) -> Recipe:
    return replace(recipe, mixture=(Part("taught"),), steps=2, objective="logit_kd", distil=Distil(share=1.0))


def test_a_student_that_is_the_teacher_has_nothing_to_learn_from_what_recaption_kept(
    captioned: Catalogue, checkpoints: dict[str, Path], taught: Recipe, tmp_path: Path
) -> None:
    train(captioned, taught, RunOptions(checkpoints["tarsier2"], tmp_path / "out"), lambda _: None)
    rows = read(tmp_path / "out")
    assert [row["samples"] for row in rows] == [4, 4]
    assert rows[0]["loss"] == pytest.approx(0, abs=1e-5)
    assert rows[0]["grad_norm"] < 1e-3


def test_another_student_comes_nearer_to_what_recaption_kept(
    captioned: Catalogue, taught: Recipe, tmp_path: Path
) -> None:
    other = make_tarsier2(tmp_path / "other", TINY, seed=5)
    asked = replace(taught, steps=12, optimiser=replace(taught.optimiser, warmup_steps=1, lr=3e-3))
    train(captioned, asked, RunOptions(other, tmp_path / "out"), lambda _: None)
    losses = [row["loss"] for row in read(tmp_path / "out")]
    assert losses[-1] < losses[0] / 2


def test_kept_tokens_of_another_tokenizer_are_refused_with_what_they_read(
    captioned: Catalogue, checkpoints: dict[str, Path], taught: Recipe, tmp_path: Path
) -> None:
    with pytest.raises(
        ModelError, match=r"the tokens that its caption keeps read .* with the student's tokenizer, its"
    ):
        train(captioned, taught, RunOptions(checkpoints["tarsier1"], tmp_path / "out"), lambda _: None)


def test_a_caption_without_kept_tokens_is_noted_and_says_how_to_keep_them(
    captioned: Catalogue, checkpoints: dict[str, Path], taught: Recipe, tmp_path: Path
) -> None:
    own = Catalogue.open(tmp_path / "catalogue", create=True)
    with captioned.connect() as connection:
        tables = {name: connection.sql(f"select * from {name}").to_arrow_table().to_pylist()
                  for name in ("samples", "captions")}  # fmt: skip
    for row in tables["samples"]:
        row["messages"] = row["messages"].replace("media/stories", f"{captioned.url}/media/stories")
    for row in tables["captions"]:
        if row["caption_id"] in tables["samples"][0]["caption_ids"]:
            row["top_ids"] = None
    write(own, tables, stage="test")
    train(own, taught, RunOptions(checkpoints["tarsier2"], tmp_path / "out"), lambda _: None)
    unread = pq.read_table(tmp_path / "out" / "unread.parquet").to_pylist()
    assert {(row["sample_id"], row["reason"]) for row in unread} == {(tables["samples"][0]["sample_id"], "no_logprobs")}
    assert "--top-logprobs" in unread[0]["detail"]


def on_policy(recipe: Recipe, teacher: Path, **settings: Any) -> Recipe:
    return replace(
        recipe, objective="on_policy_kd", distil=Distil(str(teacher), share=1.0),
        on_policy=OnPolicy(**{"share": 0.5, "max_new_tokens": 8, "rows": 3, **settings}),
    )  # fmt: skip


@pytest.mark.parametrize("family", ["tarsier1", "tarsier2"])
def test_the_students_answers_are_those_that_its_captioner_writes(
    shelf: Catalogue, checkpoints: dict[str, Path], recipe: Recipe, family: str
) -> None:
    recipe = replace(on_policy(recipe, checkpoints[family], share=1.0, temperature=0), gradient_checkpointing=True)
    loaded = load_for_training(checkpoints[family], "cpu")
    source = SampleSource(shelf, recipe)
    (batch,) = Reader(source, recipe, loaded.processor, Path(shelf.url)).batches(0, 1)
    module = PackedNetwork(prepare(loaded.network, recipe), loaded.family, loaded.processor)
    assert recipe.on_policy is not None
    found = OwnAnswers(module, loaded, recipe.on_policy, recipe.pack_tokens)(batch.ready)
    assert module.training
    asked = [
        CaptionRequest(one.sample_id, source.sample(shown.number).messages[:1], root=shelf.url, max_new_tokens=8)
        for one, shown in zip(batch.ready, source.shown(0), strict=True)
    ]
    captioner = TransformersCaptioner(load_model(checkpoints[family]), EngineSettings(workers=0))
    written = {answer.request_id: list(answer.output_ids) for answer in captioner.caption(asked)}
    for one in found:
        (prompt,) = one.prompts
        assert prompt.input_ids[prompt.learned].tolist() == written[one.sample_id]


def test_a_student_that_is_its_own_teacher_learns_nothing_from_its_answers(
    shelf: Catalogue, checkpoints: dict[str, Path], recipe: Recipe, tmp_path: Path
) -> None:
    asked = replace(on_policy(recipe, checkpoints["tarsier2"]), steps=1)
    train(shelf, asked, RunOptions(checkpoints["tarsier2"], tmp_path / "out"), lambda _: None)
    assert read(tmp_path / "out")[0]["loss"] == pytest.approx(0, abs=1e-6)


def test_own_answers_are_the_same_after_a_kill(
    shelf: Catalogue, checkpoints: dict[str, Path], recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_tarsier2(tmp_path / "other", TINY, seed=5)
    asked = replace(on_policy(recipe, other), steps=5)
    train(shelf, asked, RunOptions(checkpoints["tarsier2"], tmp_path / "whole"), lambda _: None)
    step = Learner.step

    def killed(self: Learner, number: int, samples: Any) -> Any:
        if number == 3:
            raise KeyboardInterrupt
        return step(self, number, samples)

    monkeypatch.setattr(Learner, "step", killed)
    with pytest.raises(KeyboardInterrupt):
        train(shelf, asked, RunOptions(checkpoints["tarsier2"], tmp_path / "killed"), lambda _: None)
    monkeypatch.undo()
    train(shelf, asked, RunOptions(checkpoints["tarsier2"], tmp_path / "killed", resume=True), lambda _: None)
    whole, gone_on = read(tmp_path / "whole"), read(tmp_path / "killed")
    assert [row["loss"] for row in gone_on] == [row["loss"] for row in whole]
    assert whole[0]["loss"] > 0


def test_on_policy_needs_a_teacher_at_hand(
    shelf: Catalogue, checkpoints: dict[str, Path], recipe: Recipe, tmp_path: Path
) -> None:
    asked = replace(recipe, objective="on_policy_kd", distil=Distil(share=1.0), on_policy=OnPolicy())
    with pytest.raises(WrongUse, match="needs a teacher that is at hand: --teacher"):
        train(shelf, asked, RunOptions(checkpoints["tarsier2"], tmp_path / "out"), lambda _: None)
    assert not torch.is_inference_mode_enabled()
