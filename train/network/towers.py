"""What of a network learns, and how fast: frozen towers, adapters, layer-wise learning rates."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from train.settings import Adapter, Optimiser, Recipe, Tower

# Module names of Qwen2-VL (Tarsier2) and of Llava (Tarsier).
VISION_LAYER = re.compile(r"(?:visual\.blocks|vision_tower\.(?:\w+\.)*?layers)\.(\d+)\.")


def tower_of(name: str) -> Tower:
    """The tower that a parameter belongs to; Qwen2-VL's merger is its projector."""
    if ".visual.merger." in name or ".multi_modal_projector." in name:
        return "projector"
    return "vision" if ".visual." in name or ".vision_tower." in name else "text"


def prepare(network: Any, recipe: Recipe) -> Any:
    """Freezes what the recipe freezes, adds its adapter, chooses dtypes; returns the network, perhaps wrapped.

    What learns is float32; what is frozen is in the recipe's precision.
    """
    network.requires_grad_(False)
    low = torch.bfloat16 if recipe.precision == "bfloat16" else torch.float32
    if recipe.adapter:
        network = _adapted(network.to(low), recipe.adapter, low)
    else:
        for name, weight in network.named_parameters():
            learns = tower_of(name) not in recipe.frozen
            weight.requires_grad_(learns)
            weight.data = weight.data.to(torch.float32 if learns else low)
    for weight in network.parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()
    if recipe.gradient_checkpointing:
        _recomputing(network)
    return network.train()


def _recomputing(network: Any) -> None:
    """Each layer's activations are computed again in the backward pass.

    transformers then makes embeddings, patches too, require gradients, which only reentrant checkpoints need: a frozen
    tower would be kept, computed again and gone back through for nothing.
    """
    if hasattr(network, "activation_checkpointing_enable"):  # the name from transformers 5.20 on
        network.activation_checkpointing_enable({"use_reentrant": False})
    else:
        network.gradient_checkpointing_enable({"use_reentrant": False})
    for module in network.modules():
        if getattr(module, "_require_grads_hooks", None):
            module.disable_input_require_grads()


def _adapted(network: Any, adapter: Adapter, low: torch.dtype) -> Any:
    from peft import LoraConfig, get_peft_model  # noqa: PLC0415

    wanted = rf".*language_model.*\.({'|'.join(map(re.escape, adapter.targets))})"
    config = LoraConfig(r=adapter.rank, lora_alpha=adapter.alpha, lora_dropout=adapter.dropout, target_modules=wanted)
    with warnings.catch_warnings():  # peft asks stock networks for an attribute that transformers is renaming
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        network = get_peft_model(network, config)
    if low == torch.bfloat16:
        _without_casts(network)
    return network


def _without_casts(network: Any) -> None:
    """peft would copy each layer's input into the adapter's float32, which autocast then copies back."""
    from peft.tuners.tuners_utils import BaseTunerLayer  # noqa: PLC0415

    for module in network.modules():
        if isinstance(module, BaseTunerLayer):
            module.cast_input_dtype_enabled = False  # pyright: ignore[reportAttributeAccessIssue]


def learning(network: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Names and weights that learn, in a fixed order."""
    return ((name, weight) for name, weight in network.named_parameters() if weight.requires_grad)


def groups_of(network: nn.Module, settings: Optimiser) -> list[dict[str, Any]]:
    """Parameter groups for AdamW; `lr_share` is each group's share of the schedule's rate.

    The topmost layer of the vision tower learns at vision_share, each one below slower by vision_layer_decay
    (arXiv 2501.07888, Table 12), the patch embedding as the layer below the first. Norms and biases do not decay.
    """
    named = list(learning(network))
    layers = 1 + max(
        (int(m[1]) for name, _ in network.named_parameters() if (m := VISION_LAYER.search(name))), default=0
    )
    found: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, weight in named:
        share = lr_share(name, layers, settings)
        decay = settings.weight_decay if weight.ndim > 1 else 0.0
        found.setdefault((share, decay), []).append(weight)
    return [
        {"params": weights, "lr_share": share, "lr": settings.lr * share, "weight_decay": decay}
        for (share, decay), weights in found.items()
    ]


def lr_share(name: str, layers: int, settings: Optimiser) -> float:
    """Share of the learning rate for a parameter, in a vision tower of so many layers."""
    match tower_of(name):
        case "text":
            return 1.0
        case "projector":
            return settings.projector_share
        case "vision":
            layer = VISION_LAYER.search(name)
            below = layers - 1 - int(layer[1]) if layer else layers if "embed" in name else 0
            return settings.vision_share * settings.vision_layer_decay**below
