"""Fused parts compute what the stock ones do, and nothing else of the network is touched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the extra `model` is not installed")

from transformers.models.qwen2_vl import modeling_qwen2_vl  # noqa: E402

from model.errors import ModelError  # noqa: E402
from model.fused import ROTATIONS, fuse, gated, quick_gelu, rms_norm  # noqa: E402
from model.load import LoadedModel, load_model  # noqa: E402
from tests.model import tiny  # noqa: E402

# Dynamo looks at .grad of activations on its way, and torch warns of that.
pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")


@pytest.fixture(autouse=True)
def stock_rotations(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process keeps fused is the stock function again for the tests after these."""
    for name in ROTATIONS:
        monkeypatch.setattr(modeling_qwen2_vl, name, getattr(modeling_qwen2_vl, name))


@pytest.fixture
def model(tmp_path: Path) -> LoadedModel:
    return load_model(tiny.tarsier2(tmp_path / "checkpoint", template=True))


def as_it_is(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


# Graphs for any length, with gradients, as by default; only the kernels, which need a C compiler, are torch's own.
without_kernels = partial(torch.compile, dynamic=True, backend="aot_eager")


def logits(model: LoadedModel, length: int) -> Any:
    ids = torch.arange(1, 1 + length)[None]
    return model.network(input_ids=ids, attention_mask=torch.ones_like(ids)).logits


@pytest.mark.parametrize("compile_with", [as_it_is, without_kernels])
def test_a_fused_network_says_what_the_stock_one_does(
    model: LoadedModel, compile_with: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> None:
    before = [logits(model, length) for length in (7, 12)]
    fuse(model.network, compile_with)
    for one, length in zip(before, (7, 12), strict=True):
        torch.testing.assert_close(logits(model, length), one, rtol=1e-5, atol=1e-5)


def test_every_norm_gate_and_activation_is_fused(model: LoadedModel) -> None:
    names = Counter(type(module).__name__ for module in model.network.modules())
    wanted = {"norms": names["Qwen2VLRMSNorm"], "gates": names["Qwen2MLP"], "activations": names["QuickGELUActivation"]}
    assert all(wanted.values())
    assert fuse(model.network, as_it_is) == wanted


def test_a_network_without_any_is_refused() -> None:
    with pytest.raises(ModelError, match="Linear has no norm"):
        fuse(torch.nn.Linear(2, 2), as_it_is)


def test_gradients_are_the_stock_ones(model: LoadedModel) -> None:
    weight = model.network.model.language_model.layers[0].mlp.gate_proj.weight.requires_grad_(True)
    (stock,) = torch.autograd.grad(logits(model, 9).square().sum(), weight)
    fuse(model.network, without_kernels)
    (fused,) = torch.autograd.grad(logits(model, 9).square().sum(), weight)
    torch.testing.assert_close(fused, stock, rtol=1e-4, atol=1e-5)


def test_a_norm_with_wide_weights_keeps_activations_narrow() -> None:
    # (3, 4): mean of squares 12.5, so 3 / 3.5355 = 0.8485 and 4 / 3.5355 = 1.1314; times 2
    found = rms_norm(torch.tensor([3.0, 4.0], dtype=torch.bfloat16), torch.tensor([2.0, 2.0]), 0.0)
    assert found.dtype == torch.bfloat16
    assert found.tolist() == pytest.approx([1.697, 2.263], rel=0.01)


def test_gate_and_gelu_by_hand() -> None:
    # silu(1) = 1 / (1 + e^-1) = 0.7311; 1 * sigmoid(1.702) = 0.8458
    assert float(gated(torch.tensor(1.0), torch.tensor(2.0))) == pytest.approx(1.4621, abs=1e-4)
    assert float(quick_gelu(torch.tensor(1.0))) == pytest.approx(0.8458, abs=1e-4)
