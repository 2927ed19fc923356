"""Operations of a training step, beside the plan of a clip's forward pass."""

from __future__ import annotations

from dataclasses import replace

import pytest

from model.plan import GPUS, clip_plan, qwen2_vl_sizes
from train.network.flops import SampleSize, step_flop
from train.recipes import lora, tarsier2_sft1
from train.settings import Recipe

SEVEN = {
    "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28,
    "num_key_value_heads": 4, "vocab_size": 152_064,
    "vision_config": {"depth": 32, "embed_dim": 1280, "num_heads": 16, "mlp_ratio": 4},
}  # fmt: skip
SIZES = qwen2_vl_sizes(SEVEN)
GRID = (16, 36, 64)  # 9,216 visual tokens
CLIP = SampleSize((GRID,), 9_216 + 40, 0)  # nothing learned: no head
PLAN = clip_plan(SIZES, GRID, GPUS["H200"], text_tokens=40, new_tokens=0)
FORWARD = (PLAN.vision_tflop + PLAN.prefill_tflop) * 1e12


def test_a_step_in_which_everything_learns_is_three_forward_passes() -> None:
    assert step_flop(SIZES, [CLIP, CLIP], tarsier2_sft1()) == pytest.approx(6 * FORWARD)


def test_the_head_counts_where_something_is_learned() -> None:
    with_answer = step_flop(SIZES, [replace(CLIP, learned=200)], tarsier2_sft1())
    assert with_answer - 3 * FORWARD == pytest.approx(3 * 2 * 200 * 3584 * 152_064)


@pytest.mark.parametrize(
    ("recipe", "least", "most"),
    [
        (replace(tarsier2_sft1(), frozen=("vision",)), 2.2, 2.8),  # the tower, a third of the pass, runs once
        (replace(tarsier2_sft1(), frozen=("vision", "projector")), 2.2, 2.8),
        (replace(tarsier2_sft1(), frozen=("text",)), 2.3, 2.6),  # through the text model, whose weights get none
        (lora(), 1.7, 1.9),
    ],
    ids=["tower", "tower and projector", "text", "adapter"],
)
def test_what_is_frozen_has_no_gradients_of_its_weights(recipe: Recipe, least: float, most: float) -> None:
    assert least < step_flop(SIZES, [CLIP], recipe) / FORWARD < most
