"""A packed pass is what each sample would be alone: same loss, same gradients, same positions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from engine.catalogue import Catalogue
from train.network.attention import Spans, span_attention
from train.network.forward import PackedNetwork, base_of
from train.network.loading import load_for_training
from train.network.towers import prepare
from train.packs import packs_of
from train.reading import Reader
from train.settings import Adapter, Recipe
from train.sources import SampleSource


def prompts_of(shelf: Catalogue, recipe: Recipe, processor: Any) -> list[Any]:
    reader = Reader(SampleSource(shelf, recipe), recipe, processor, Path(shelf.url))
    return [sample.prompts[0] for batch in reader.batches(0, 2) for sample in batch.ready]


def loss_and_gradients(module: PackedNetwork, packs: list[list[Any]]) -> tuple[float, dict[str, torch.Tensor]]:
    count = sum(int(prompt.learned[1:].sum()) for pack in packs for prompt in pack)
    total = 0.0
    module.zero_grad()
    for pack in packs:
        predicted = module(pack)
        loss = functional.cross_entropy(predicted.logits, predicted.targets, reduction="sum") / count
        loss.backward()
        total += float(loss.detach())
    return total, {name: weight.grad.clone() for name, weight in module.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("family", ["tarsier1", "tarsier2"])
def test_packed_loss_and_gradients_are_those_of_each_sample_alone(
    shelf: Catalogue, checkpoints: dict[str, Path], recipe: Recipe, family: str
) -> None:
    loaded = load_for_training(checkpoints[family], "cpu")
    module = PackedNetwork(prepare(loaded.network, recipe), loaded.family, loaded.processor)
    prompts = prompts_of(shelf, recipe, loaded.processor)
    assert len({len(prompt.input_ids) for prompt in prompts}) > 2, "the samples must differ in length"
    packed, together = loss_and_gradients(module, [prompts])
    alone, apart = loss_and_gradients(module, [[prompt] for prompt in prompts])
    assert packed == pytest.approx(alone, abs=1e-5)
    assert together.keys() == apart.keys()
    for name, gradient in together.items():
        torch.testing.assert_close(gradient, apart[name], atol=1e-5, rtol=0, msg=name)


@pytest.mark.parametrize("family", ["tarsier1", "tarsier2"])
def test_packed_loss_is_the_stock_networks_own(
    shelf: Catalogue, checkpoints: dict[str, Path], recipe: Recipe, family: str
) -> None:
    loaded = load_for_training(checkpoints[family], "cpu")
    prompts = prompts_of(shelf, recipe, loaded.processor)
    inputs = loaded.processor.collate(prompts, labels=True)
    with torch.no_grad():  # the stock pass first: a packed network attends by spans from then on
        stock = loaded.network(**{name: value for name, value in inputs.items() if name != "labels"}).logits.float()
        own = PackedNetwork(loaded.network, loaded.family, loaded.processor)(prompts)
    labels = inputs["labels"][:, 1:]
    theirs = functional.cross_entropy(stock[:, :-1][labels != -100], labels[labels != -100])
    assert float(functional.cross_entropy(own.logits, own.targets)) == pytest.approx(float(theirs), abs=1e-5)


def test_gradient_checkpointing_changes_nothing(shelf: Catalogue, checkpoints: dict[str, Path], recipe: Recipe) -> None:
    from dataclasses import replace  # noqa: PLC0415

    found = []
    for on in (False, True):
        loaded = load_for_training(checkpoints["tarsier2"], "cpu")
        network = prepare(loaded.network, replace(recipe, gradient_checkpointing=on))
        module = PackedNetwork(network, loaded.family, loaded.processor)
        found.append(loss_and_gradients(module, [prompts_of(shelf, recipe, loaded.processor)]))
    assert found[0][0] == found[1][0]
    for name, gradient in found[0][1].items():
        torch.testing.assert_close(gradient, found[1][1][name], atol=1e-7, rtol=1e-5, msg=name)


@pytest.mark.parametrize("learns", ["text", "adapter"])
def test_a_frozen_tower_is_not_gone_back_through(
    shelf: Catalogue, checkpoints: dict[str, Path], recipe: Recipe, learns: str
) -> None:
    """With checkpoints of activations transformers asks for gradients of pixels, too."""
    changes: dict[str, Any] = {"adapter": Adapter(rank=2)} if learns == "adapter" else {"frozen": ("vision",)}
    recipe = replace(recipe, gradient_checkpointing=True, **changes)
    loaded = load_for_training(checkpoints["tarsier2"], "cpu")
    module = PackedNetwork(prepare(loaded.network, recipe), loaded.family, loaded.processor)
    kept: list[bool] = []
    base_of(module.network).visual.blocks[-1].register_forward_hook(lambda _m, _i, out: kept.append(out.requires_grad))
    loss_and_gradients(module, [prompts_of(shelf, recipe, loaded.processor)[:1]])
    assert kept == [False]


@pytest.mark.parametrize(
    "lengths", [(5, 3, 9), (9, 8, 8, 5, 4), (4, 4, 4), (1_030, 7)], ids=["short", "alike", "equal", "long"]
)
def test_attention_over_spans_equals_a_block_diagonal_mask(lengths: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    tokens = sum(lengths)
    query, key, value = torch.randn(1, 4, tokens, 8), torch.randn(1, 2, tokens, 8), torch.randn(1, 2, tokens, 8)
    owner = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    for causal in (True, False):
        mask = owner[:, None] == owner[None]
        mask = mask & torch.ones(tokens, tokens).tril().bool() if causal else mask
        wanted = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, enable_gqa=True)
        found, _ = span_attention(None, query, key, value, None, 8**-0.5, Spans(lengths, causal))
        torch.testing.assert_close(found, wanted.transpose(1, 2), atol=1e-5, rtol=1e-5)


def test_texts_of_similar_length_share_a_call() -> None:
    assert Spans((9, 8, 8, 5, 4, 4)).groups == [(9, 8, 8), (5, 4, 4)]  # 5 is less than three quarters of 9
    assert Spans((9, 8, 8), causal=False).groups == [(9,), (8, 8)]  # nothing hides padding
    assert Spans((2_000, 1_900, 1_900)).groups == [(2_000,), (1_900, 1_900)]


def test_packs_are_filled_best_fit_longest_first() -> None:
    # 6 opens a pack (4 left), 5 another (5 left), 5 fills it, 4 fills the first, 3 opens a third
    assert packs_of([4, 5, 6, 3, 5], 10) == [[2, 0], [1, 4], [3]]


def test_a_sample_longer_than_a_pack_goes_alone() -> None:
    assert packs_of([3, 20, 4], 10) == [[1], [2, 0]]
