"""Small element-wise parts of a stock network, each compiled into one kernel: norms, gates, rotations.

Run one operation at a time, they read and write activations ten times as often as they need to; on a GPU that is a
third of a pass at the 7B shape. Linear layers, attention, adapters and hooks stay as they are.
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.errors import ModelError

Function = Callable[..., Any]
ROTATIONS = ("apply_rotary_pos_emb", "apply_rotary_pos_emb_vision")


def compiled(function: Function) -> Function:
    """By torch.compile, for any length: packs differ. Needs a C compiler, and on a GPU Triton."""
    return torch.compile(function, dynamic=True)


def fuse(network: nn.Module, compile_with: Callable[[Function], Function] = compiled) -> Counter[str]:
    """Changes the modules of a Qwen2-VL or Llama-like network in place; returns how many of each kind.

    Values differ from the stock ones by rounding only: norms give the dtype that they were given, also where their
    weights are of a wider one. compile_with: for tests. The rotations are functions of the modelling file and stay
    fused for every network of its kind in this process. Raises ModelError where there is nothing to fuse.
    """
    norm, gate, quick = (compile_with(one) for one in (rms_norm, gated, quick_gelu))
    changed: Counter[str] = Counter()
    for module in network.modules():
        name = type(module).__name__
        if name.endswith("RMSNorm"):
            module.forward = partial(_norm_forward, module, norm)
            changed["norms"] += 1
        elif name.endswith("MLP") and _is_gated_silu(module):
            module.forward = partial(_mlp_forward, module, gate)
            changed["gates"] += 1
        elif name == "QuickGELUActivation":
            module.forward = quick
            changed["activations"] += 1
    if not changed:
        raise ModelError("not_fusable", f"{type(network).__name__} has no norm, gate or activation that is known here.")
    for file in {type(module).__module__ for module in network.modules() if ".modeling_" in type(module).__module__}:
        _fuse_rotations(importlib.import_module(file), compile_with)
    return changed


def rms_norm(hidden: Tensor, weight: Tensor, eps: float) -> Tensor:
    """hidden [..., D] -> the same shape and dtype; the mean of squares in float32 (arXiv 1910.07467)."""
    wide = hidden.float()
    wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + eps)
    return (weight * wide.to(hidden.dtype)).to(hidden.dtype)


def gated(gate: Tensor, up: Tensor) -> Tensor:
    """SwiGLU's product (arXiv 2002.05202)."""
    return functional.silu(gate) * up


def quick_gelu(hidden: Tensor) -> Tensor:
    """CLIP's approximation of GELU."""
    return hidden * torch.sigmoid(1.702 * hidden)


def _norm_forward(module: Any, norm: Function, hidden_states: Tensor) -> Tensor:
    return norm(hidden_states, module.weight, module.variance_epsilon)


def _mlp_forward(module: Any, gate: Function, x: Tensor) -> Tensor:
    return module.down_proj(gate(module.gate_proj(x), module.up_proj(x)))


def _is_gated_silu(module: nn.Module) -> bool:
    parts = all(hasattr(module, name) for name in ("gate_proj", "up_proj", "down_proj"))
    return parts and type(getattr(module, "act_fn", None)).__name__ in ("SiLU", "SiLUActivation")  # torch's, the stock


def _fuse_rotations(modelling: Any, compile_with: Callable[[Function], Function]) -> None:
    for name in ROTATIONS:
        stock = getattr(modelling, name, None)
        if stock is not None and not hasattr(stock, "stock"):
            fused = partial(_called, compile_with(stock))
            fused.stock = stock  # pyright: ignore[reportAttributeAccessIssue]
            setattr(modelling, name, fused)


def _called(function: Function, *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)
