"""Runs: what is killed goes on bit by bit, what is damaged is refused, what is saved loads everywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

from engine.catalogue import Catalogue
from engine.door import WrongUse
from engine.write import write
from model.load import load_model
from train import checkpoints as kept
from train.learner import Learner
from train.metrics import read
from train.run import RunOptions, train
from train.settings import Adapter, Frames, Optimiser, Part, Recipe
from train.sources import SampleSource


class Killed(BaseException):
    """What a kill looks like from inside: nothing catches it."""


@pytest.fixture
def run(shelf: Catalogue, checkpoints: dict[str, Path], tmp_path: Path) -> Callable[..., Path]:
    def start(recipe: Recipe, name: str = "out", family: str = "tarsier2", **options: Any) -> Path:
        train(shelf, recipe, RunOptions(checkpoints[family], tmp_path / name, **options), lambda _: None)
        return tmp_path / name

    return start


def losses(out: Path) -> list[float]:
    return [row["loss"] for row in read(out)]


def weights(out: Path) -> dict[str, torch.Tensor]:
    return dict(load_model(out / "model").network.state_dict())


def test_a_run_killed_ten_times_is_bit_equal_to_one_that_was_not(
    run: Callable[..., Path], recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(recipe, steps=12, checkpoint_every=1, ema=0.9)
    whole = run(recipe, "whole")
    step, seen = Learner.step, []

    def killed(self: Learner, number: int, samples: Any) -> Any:
        if len(seen) < 10 and number == len(seen) + 1:
            seen.append(number)
            raise Killed
        return step(self, number, samples)

    monkeypatch.setattr(Learner, "step", killed)
    for _ in range(10):
        with pytest.raises(Killed):
            run(recipe, "killed", resume=True)
    out = run(recipe, "killed", resume=True)
    assert losses(out) == losses(whole)
    assert [row["step"] for row in read(out)] == list(range(1, 13))
    theirs = weights(whole)
    assert all(torch.equal(weight, theirs[name]) for name, weight in weights(out).items())


def test_a_kill_between_checkpoints_repeats_the_steps_since_the_last(
    run: Callable[..., Path], recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(recipe, "whole")
    step = Learner.step

    def killed(self: Learner, number: int, samples: Any) -> Any:
        if number == 3:
            raise Killed
        return step(self, number, samples)

    monkeypatch.setattr(Learner, "step", killed)
    with pytest.raises(Killed):
        run(recipe, "killed")
    monkeypatch.undo()
    assert losses(run(recipe, "killed", resume=True)) == losses(whole)


def test_a_finished_run_is_not_run_again(run: Callable[..., Path], recipe: Recipe) -> None:
    out = run(recipe)
    before = losses(out)
    assert losses(run(recipe, resume=True)) == before
    with pytest.raises(WrongUse, match="holds a run"):
        run(recipe)


def test_another_recipe_does_not_go_on_with_a_run(run: Callable[..., Path], recipe: Recipe) -> None:
    run(recipe)
    with pytest.raises(WrongUse, match="a run with other recipe"):
        run(replace(recipe, optimiser=Optimiser(lr=1.0)), resume=True)


@pytest.mark.parametrize("damage", ["cut", "flipped", "missing", "no state"])
def test_a_damaged_checkpoint_is_refused_and_the_one_before_still_serves(
    run: Callable[..., Path], recipe: Recipe, damage: str
) -> None:
    out = run(recipe)
    newest = kept.saved(out / "checkpoints")[-1]
    file = newest / ("state.json" if damage == "no state" else "weights.safetensors")
    data = file.read_bytes()
    match damage:
        case "cut":
            file.write_bytes(data[:-7])
        case "flipped":
            file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        case _:
            file.unlink()
    with pytest.raises(kept.DamagedCheckpoint, match=r"Remove .*step-00000006 to go on from the one before it"):
        run(recipe, resume=True)
    before = losses(out)
    for left in newest.iterdir():
        left.unlink()
    newest.rmdir()
    assert losses(run(recipe, resume=True)) == before


def test_only_the_newest_checkpoints_stay(run: Callable[..., Path], recipe: Recipe) -> None:
    out = run(replace(recipe, checkpoint_every=1), keep=3)
    assert [path.name for path in kept.saved(out / "checkpoints")] == [f"step-{n:08}" for n in (4, 5, 6)]


def test_metrics_say_what_each_step_did(run: Callable[..., Path], recipe: Recipe) -> None:
    rows = read(run(recipe))
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert all(row["samples"] == 4 and row["tokens"] > row["learned_tokens"] > 0 for row in rows)
    assert all(row["seconds"] >= row["waited_seconds"] >= 0 for row in rows)
    warm = recipe.optimiser
    assert rows[0]["lr"] == pytest.approx(warm.lr / warm.warmup_steps)


def test_it_learns(run: Callable[..., Path], recipe: Recipe) -> None:
    found = losses(run(replace(recipe, steps=30, optimiser=Optimiser(lr=3e-3, warmup_steps=3))))
    assert found[-1] < found[0] - 1.5


@pytest.mark.parametrize("family", ["tarsier1", "tarsier2"])
def test_a_saved_model_is_the_trained_one_for_transformers_and_for_us(
    run: Callable[..., Path], recipe: Recipe, family: str
) -> None:
    from transformers import AutoModelForImageTextToText  # noqa: PLC0415

    out = run(replace(recipe, steps=2), family=family)
    trained = kept.load(kept.saved(out / "checkpoints")[-1])[0]["weights"]
    ours = load_model(out / "model")
    assert ours.family == family
    theirs: Any = AutoModelForImageTextToText.from_pretrained(out / "model")
    for network in (ours.network, theirs):
        own = dict(network.named_parameters())
        assert {f"network.{name}" for name in own} == trained.keys()
        assert all(torch.equal(own[name.removeprefix("network.")], weight) for name, weight in trained.items())


def test_frozen_towers_stay_as_they_were(
    run: Callable[..., Path], recipe: Recipe, checkpoints: dict[str, Path]
) -> None:
    out = run(replace(recipe, steps=2, frozen=("vision",)))
    before = dict(load_model(checkpoints["tarsier2"]).network.state_dict())
    changed = {name for name, weight in weights(out).items() if not torch.equal(weight, before[name])}
    assert not any(".visual.blocks." in name or ".patch_embed." in name for name in changed)
    assert any(".visual.merger." in name for name in changed)
    assert any(".language_model." in name for name in changed)


def test_an_adapter_is_merged_into_the_saved_model(
    run: Callable[..., Path], recipe: Recipe, checkpoints: dict[str, Path]
) -> None:
    out = run(replace(recipe, steps=3, adapter=Adapter(rank=4, alpha=8), optimiser=Optimiser(lr=1e-2)))
    tensors = kept.load(kept.saved(out / "checkpoints")[-1])[0]["weights"]
    assert all(".lora_" in name for name in tensors)
    before = dict(load_model(checkpoints["tarsier2"]).network.state_dict())
    after = weights(out)
    name = "model.language_model.layers.0.self_attn.q_proj"
    lora = {key.split(".lora_")[1][0]: weight for key, weight in tensors.items() if name in key}
    added = lora["B"] @ lora["A"] * (8 / 4)  # alpha / rank
    torch.testing.assert_close(after[f"{name}.weight"], before[f"{name}.weight"] + added)
    assert torch.equal(after["model.visual.patch_embed.proj.weight"], before["model.visual.patch_embed.proj.weight"])


def test_bfloat16_keeps_what_learns_in_float32(run: Callable[..., Path], recipe: Recipe) -> None:
    out = run(replace(recipe, steps=2, precision="bfloat16", gradient_checkpointing=True))
    tensors = kept.load(kept.saved(out / "checkpoints")[-1])[0]
    assert {weight.dtype for weight in tensors["weights"].values()} == {torch.float32}


def test_the_running_mean_becomes_the_model(run: Callable[..., Path], recipe: Recipe) -> None:
    out = run(replace(recipe, steps=3, ema=0.5))
    mean = kept.load(kept.saved(out / "checkpoints")[-1])[0]["mean"]
    assert all(torch.equal(weight, mean[f"network.{name}"]) for name, weight in weights(out).items())


def test_frames_kept_on_disk_change_no_loss(run: Callable[..., Path], recipe: Recipe) -> None:
    recipe = replace(recipe, mixture=(Part("stories", epochs=2),), steps=None, batch=12)
    plain, cached = run(recipe, "plain"), run(recipe, "cached", cache_bytes=10**8)
    assert len(list((cached / "frames").glob("*.safetensors"))) == 24
    assert losses(cached) == losses(plain)


def test_decoding_ahead_changes_no_loss(run: Callable[..., Path], recipe: Recipe) -> None:
    recipe = replace(recipe, steps=3, frames=Frames(n_frames=4, random_frames=True))
    assert losses(run(recipe, "ahead", workers=1)) == losses(run(recipe, "between"))


def test_a_sample_that_cannot_be_read_is_noted_and_left_out(
    shelf: Catalogue, checkpoints: dict[str, Path], recipe: Recipe, tmp_path: Path
) -> None:
    with shelf.connect() as connection:
        rows = connection.sql("select * from samples order by sample_id limit 8").to_arrow_table().to_pylist()
    own = Catalogue.open(tmp_path / "catalogue", create=True)
    for number, row in enumerate(rows):
        messages = json.loads(row["messages"])
        video = messages[0]["content"][0]["video"]
        video["video_file"] = "gone.mp4" if number == 0 else f"{shelf.url}/{video['video_file']}"
        row["messages"] = json.dumps(messages)
    write(own, {"samples": rows}, stage="test")
    out = tmp_path / "out"
    train(own, replace(recipe, steps=2), RunOptions(checkpoints["tarsier2"], out), lambda _: None)
    unread = pq.read_table(out / "unread.parquet").to_pylist()
    assert [(row["sample_id"], row["reason"]) for row in unread] == [(rows[0]["sample_id"], "missing_media")]
    assert sorted(row["samples"] for row in read(out)) == [3, 4]
    assert sorted(row["unread"] for row in read(out)) == [0, 1]


def test_a_dataset_that_is_not_there_is_named(run: Callable[..., Path], recipe: Recipe) -> None:
    with pytest.raises(WrongUse, match="dataset 'nothing' has no samples in split 'train'"):
        run(replace(recipe, mixture=(Part("nothing"),)))


def test_a_batch_can_be_named_and_is_always_the_same(shelf: Catalogue, recipe: Recipe) -> None:
    source = SampleSource(shelf, recipe)
    names = source.names(3)
    assert names == SampleSource(shelf, recipe).names(3)
    assert len(names) == 4
    assert names != SampleSource(shelf, replace(recipe, seed=1)).names(3)
    one_epoch = [sample_id for step in range(6) for sample_id, _ in source.names(step)]
    assert sorted(one_epoch) == sorted(source.ids())
    assert {turn for _, turn in source.names(6)} == {1}  # the second pass
