"""Losses by worked examples."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.catalogue import Catalogue
from engine.door import WrongUse
from train.choosing import _preference
from train.network.forward import Predicted
from train.network.schedule import RunningMean, lr_at
from train.network.towers import groups_of, lr_share, tower_of
from train.objectives import (
    check_vocabulary,
    chosen_loss,
    generalised_jsd_loss,
    kept_logprobs_loss,
    live_teacher_loss,
    preference_loss,
    sequence_logprobs,
    text_loss,
)
from train.recipes import RECIPES, recipe_named, tarsier2_dpo, tarsier2_sft1
from train.settings import Distil, Frames, OnPolicy, Optimiser, Part, Preference, Recipe

LOGITS = torch.log(torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]]))


def predicted(logits: torch.Tensor = LOGITS, targets: tuple[int, ...] = (0, 1), rows: tuple[int, ...] = (0, 0)) -> Any:
    return Predicted(logits, torch.tensor(targets), torch.tensor(rows))


def test_text_loss_is_the_sum_of_negative_log_probabilities() -> None:
    assert float(text_loss(predicted())) == pytest.approx(-math.log(0.5) - math.log(0.8))


def test_kept_logprobs_cost_nothing_where_the_student_agrees() -> None:
    top_ids = torch.tensor([[0, 1], [1, 0]])
    agreeing = torch.log(torch.tensor([[0.5, 0.25], [0.8, 0.1]]))
    assert float(kept_logprobs_loss(predicted(), top_ids, agreeing)) == pytest.approx(0, abs=1e-6)


def test_kept_logprobs_are_a_kl_with_one_bin_for_the_rest() -> None:
    # teacher 0.6 on id 0 and 0.4 elsewhere, student 0.5 and 0.5
    found = kept_logprobs_loss(predicted(LOGITS[:1], (0,), (0,)), torch.tensor([[0]]), torch.log(torch.tensor([[0.6]])))
    assert float(found) == pytest.approx(0.6 * math.log(0.6 / 0.5) + 0.4 * math.log(0.4 / 0.5), abs=1e-6)


def test_kept_logprobs_that_are_certain_have_finite_gradients() -> None:
    logits = torch.tensor([[40.0, 0.0, 0.0]], requires_grad=True)
    loss = kept_logprobs_loss(predicted(logits, (0,), (0,)), torch.tensor([[0, 1]]), torch.tensor([[0.0, -50.0]]))
    loss.backward()
    assert torch.isfinite(loss)
    assert logits.grad is not None
    assert bool(torch.isfinite(logits.grad).all())


def test_a_live_teacher_with_more_padding_rows_teaches_the_same() -> None:
    teacher = torch.log(torch.tensor([[0.6, 0.2, 0.2], [0.1, 0.8, 0.1]]))
    padded = torch.cat([teacher, torch.full((2, 5), -3.0)], dim=1)
    wanted = sum(p * math.log(p / q) for p, q in zip((0.6, 0.2, 0.2), (0.5, 0.25, 0.25), strict=True))
    assert float(live_teacher_loss(predicted(), teacher, 1.0)) == pytest.approx(wanted, abs=1e-6)
    assert float(live_teacher_loss(predicted(), padded, 1.0)) == pytest.approx(wanted, abs=1e-6)


def test_the_generalised_divergence_goes_from_one_kl_to_the_other() -> None:
    p, q = (0.6, 0.2, 0.2), (0.5, 0.25, 0.25)  # teacher, student

    def kl(one: Any, other: Any) -> float:
        return sum(a * math.log(a / b) for a, b in zip(one, other, strict=True))

    own, teacher = predicted(LOGITS[:1], (0,), (0,)), torch.log(torch.tensor([p]))
    assert float(generalised_jsd_loss(own, teacher, 0.0, 1.0)) == pytest.approx(kl(p, q), abs=1e-6)
    assert float(generalised_jsd_loss(own, teacher, 1.0, 1.0)) == pytest.approx(kl(q, p), abs=1e-6)
    m = [0.25 * a + 0.75 * b for a, b in zip(p, q, strict=True)]
    wanted = 0.25 * kl(p, m) + 0.75 * kl(q, m)
    assert float(generalised_jsd_loss(own, teacher, 0.25, 1.0)) == pytest.approx(wanted, abs=1e-6)


def test_dpo_is_the_papers_equation() -> None:
    # pair 1: the policy gains log 2 on the chosen and loses log 2 on the rejected; pair 2 the other way round
    policy = torch.tensor([-1.0, -5.0, -3.0, -2.0])
    reference = policy - torch.tensor([math.log(2), -math.log(2), -math.log(2), math.log(2)])
    found = preference_loss(policy, reference, beta=0.5)
    # margins: 0.5 * 2 log 2 = log 2 and -log 2; -log sigmoid(log 2) = log 1.5, -log sigmoid(-log 2) = log 3
    assert float(found.total) == pytest.approx(math.log(1.5) + math.log(3))
    assert found.parts == {"margin": pytest.approx(0, abs=1e-6), "chosen_preferred": 1.0}


def test_log_probabilities_are_summed_by_sample() -> None:
    found = sequence_logprobs(predicted(rows=(1, 0)), 2)
    assert found.tolist() == pytest.approx([math.log(0.8), math.log(0.5)])


def test_the_chosen_answers_own_loss_is_a_mean_over_its_tokens() -> None:
    # pair 1: two tokens of 0.5 and 0.8 beside one of 0.25; pair 2: one token of 0.1 beside one of 0.8
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]]))[[0, 1, 0, 1, 1]]
    both = predicted(logits, targets=(0, 1, 2, 2, 1), rows=(0, 0, 1, 2, 3))
    policy = sequence_logprobs(both, 4)
    wanted = -(math.log(0.5) + math.log(0.8)) / 2 - math.log(0.1)
    assert float(chosen_loss(policy, both)) == pytest.approx(wanted)
    # beside DPO, whose loss is log 2 a pair where nothing was learned yet
    total = _preference(Preference(sft_share=0.5), lambda _, policy: policy)(both, [None, None])  # type: ignore[list-item]
    assert float(total.total) == pytest.approx(2 * math.log(2) + 0.5 * wanted)
    assert total.parts["chosen_loss"] == pytest.approx(wanted)


def test_a_negative_share_of_the_chosen_answers_loss_is_refused() -> None:
    with pytest.raises(ValueError, match="sft_share must be >= 0, got -1"):
        Preference(sft_share=-1)


class Words:
    def __init__(self, *words: str) -> None:
        self._words = words

    def get_vocab(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self._words)}


def test_another_vocabulary_is_refused_with_the_first_difference() -> None:
    check_vocabulary(Words("a", "b"), Words("a", "b"))
    with pytest.raises(ValueError, match=r"2 tokens differ, the first is 'b' \(student: 1, teacher: 2.*from captions"):
        check_vocabulary(Words("a", "b"), Words("a", "c", "b"))


def test_the_rate_rises_to_its_peak_and_falls_as_a_cosine() -> None:
    settings = Optimiser(lr=1.0, warmup_steps=4, final_share=0.1)
    assert [lr_at(step, 14, settings) for step in (0, 3, 4)] == [0.25, 1.0, 1.0]
    assert lr_at(9, 14, settings) == pytest.approx(0.55)  # half way: 0.1 + 0.9 * 0.5
    assert lr_at(14, 14, settings) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("network.model.visual.blocks.31.mlp.fc1.weight", 1.0),  # the topmost of 32
        ("network.model.visual.blocks.30.mlp.fc1.weight", 0.9),
        ("network.model.visual.blocks.0.norm1.weight", 0.9**31),
        ("network.model.visual.patch_embed.proj.weight", 0.9**32),
        ("network.model.visual.merger.mlp.0.weight", 1.0),
        ("network.model.language_model.layers.0.mlp.up_proj.weight", 1.0),
        ("network.model.vision_tower.encoder.layers.30.mlp.fc1.weight", 0.9),
        ("network.lm_head.weight", 1.0),
    ],
)
def test_each_layer_of_the_tower_learns_slower_than_the_one_above(name: str, share: float) -> None:
    assert lr_share(name, 32, Optimiser(vision_layer_decay=0.9)) == pytest.approx(share)


def test_norms_and_biases_do_not_decay() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.LayerNorm(3))
    groups = groups_of(network, Optimiser(weight_decay=0.1))
    assert sorted((group["weight_decay"], len(group["params"])) for group in groups) == [(0.0, 3), (0.1, 1)]


def test_towers_are_known_by_name() -> None:
    assert tower_of("model.visual.merger.ln_q.weight") == "projector"
    assert tower_of("model.multi_modal_projector.linear_1.weight") == "projector"
    assert tower_of("model.vision_tower.pre_layrnorm.weight") == "vision"
    assert tower_of("model.language_model.norm.weight") == "text"


def test_the_running_mean_forgets_its_start() -> None:
    network = torch.nn.Linear(1, 1, bias=False)
    network.weight.data.fill_(0.0)
    mean = RunningMean(network, 0.9)
    network.weight.data.fill_(1.0)
    mean.update(network, 0)  # decay (1 + 0) / (10 + 0) = 0.1
    assert float(mean.weights["weight"]) == pytest.approx(0.9)
    mean.swap(network)
    assert float(network.weight.detach()) == pytest.approx(0.9)


def test_the_published_numbers_are_in_the_recipes() -> None:
    sft, dpo = tarsier2_sft1(), tarsier2_dpo()
    assert (sft.batch, sft.steps, sft.optimiser.lr, sft.optimiser.warmup_steps) == (64, 5_000, 2e-5, 250)
    assert (sft.optimiser.betas, sft.optimiser.eps, sft.optimiser.weight_decay) == ((0.9, 0.999), 1e-6, 0.01)
    assert (sft.frames.n_frames, sft.frames.max_pixels, sft.optimiser.vision_layer_decay) == (16, 460_800, 0.9)
    assert dpo.preference is not None
    assert (dpo.steps, dpo.optimiser.lr, dpo.preference.beta, dpo.adapter) == (1_000, 1e-6, 0.1, None)
    assert recipe_named("tarsier2_sft2").optimiser.lr == 2e-6
    assert recipe_named("recap").mixture == (Part("recap", epochs=2.0),)


def test_every_recipe_is_named_as_its_function_and_says_what_it_is() -> None:
    for name in RECIPES:
        assert recipe_named(name).name == name
        assert recipe_named(name).about
    with pytest.raises(WrongUse, match=r"recipe must be one of tarsier_stage1, .*, got 'tarsier3'"):
        recipe_named("tarsier3")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"batch": 0}, "batch must be >= 1"),
        ({"frozen": ("vision", "projector", "text")}, "nothing would learn"),
        ({"frozen": ("tail",)}, "frozen may hold"),
        ({"objective": "dpo"}, "go together"),
        ({"distil": Distil()}, "go together"),
        ({"ema": 1.0}, "ema must be in"),
        ({"on_policy": OnPolicy()}, "go together"),
        ({"objective": "on_policy_kd", "distil": Distil(share=0.5), "on_policy": OnPolicy()}, "the share of `distil`"),
        (
            {"objective": "dpo", "preference": Preference(), "frames": Frames(random_frames=True)},
            "random ones need an adapter",
        ),
    ],
)
def test_settings_that_make_no_run_are_refused(recipe: Recipe, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        replace(recipe, **changes)


def test_recipes_that_learn_the_same_share_a_fingerprint(recipe: Recipe) -> None:
    assert replace(recipe, name="other", checkpoint_every=1).fingerprint == recipe.fingerprint
    assert replace(recipe, seed=1).fingerprint != recipe.fingerprint


def test_a_teacher_whose_tokens_the_student_has_not_is_refused(
    shelf: Catalogue, checkpoints: dict[str, Path], recipe: Recipe, tmp_path: Path
) -> None:
    from train.run import RunOptions, train  # noqa: PLC0415

    asked = replace(recipe, objective="logit_kd", distil=Distil(teacher=str(checkpoints["tarsier1"])))
    with pytest.raises(WrongUse, match="the teacher's vocabulary is not the student's"):
        train(shelf, asked, RunOptions(checkpoints["tarsier2"], tmp_path / "out"), lambda _: None)


def test_a_live_teacher_that_is_the_student_leaves_nothing_to_learn(
    shelf: Catalogue, checkpoints: dict[str, Path], recipe: Recipe, tmp_path: Path
) -> None:
    from train.metrics import read  # noqa: PLC0415
    from train.run import RunOptions, train  # noqa: PLC0415

    asked = replace(recipe, steps=1, objective="logit_kd", distil=Distil(str(checkpoints["tarsier2"]), share=1.0))
    train(shelf, asked, RunOptions(checkpoints["tarsier2"], tmp_path / "out"), lambda _: None)
    assert read(tmp_path / "out")[0]["loss"] == pytest.approx(0, abs=1e-6)
