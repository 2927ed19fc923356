"""Every weight of a Qwen2-VL by its published name, computed from the config: what a checkpoint must hold, unbuilt."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

Shapes = dict[str, tuple[int, ...]]


def qwen2_vl_shapes(config: Mapping[str, Any]) -> Shapes:
    """Names and shapes for a flat Qwen2-VL config. Raises KeyError for a config without sizes."""
    shapes = _vision(config["vision_config"], config["hidden_size"]) | _text(config)
    if not config.get("tie_word_embeddings"):
        shapes["lm_head.weight"] = (config["vocab_size"], config["hidden_size"])
    return shapes


def num_parameters(shapes: Shapes) -> int:
    """How many numbers they are."""
    return sum(prod(shape) for shape in shapes.values())


def vision_sizes(vision: Mapping[str, Any]) -> dict[str, int]:
    """Sizes of the vision tower; what the config leaves out is what Qwen2-VL's code falls back to."""
    defaults = {"depth": 32, "embed_dim": 1280, "num_heads": 16, "mlp_ratio": 4, "in_channels": 3, "patch_size": 14,
                "spatial_merge_size": 2, "temporal_patch_size": 2}  # fmt: skip
    return {name: int(vision.get(name, value)) for name, value in defaults.items()}


def _vision(vision: Mapping[str, Any], out: int) -> Shapes:
    size = vision_sizes(vision)
    width, hidden = size["embed_dim"], size["embed_dim"] * size["mlp_ratio"]
    joined = width * size["spatial_merge_size"] ** 2
    shapes: Shapes = {
        "visual.patch_embed.proj.weight": (
            width, size["in_channels"], size["temporal_patch_size"], size["patch_size"], size["patch_size"]
        ),
        "visual.merger.ln_q.weight": (width,), "visual.merger.ln_q.bias": (width,),
        "visual.merger.mlp.0.weight": (joined, joined), "visual.merger.mlp.0.bias": (joined,),
        "visual.merger.mlp.2.weight": (out, joined), "visual.merger.mlp.2.bias": (out,),
    }  # fmt: skip
    for block in range(size["depth"]):
        at = f"visual.blocks.{block}"
        for norm in ("norm1", "norm2"):
            shapes |= {f"{at}.{norm}.weight": (width,), f"{at}.{norm}.bias": (width,)}
        layers = {"attn.qkv": (3 * width, width), "attn.proj": (width, width),
                  "mlp.fc1": (hidden, width), "mlp.fc2": (width, hidden)}  # fmt: skip
        for name, shape in layers.items():
            shapes |= {f"{at}.{name}.weight": shape, f"{at}.{name}.bias": shape[:1]}
    return shapes


def _text(config: Mapping[str, Any]) -> Shapes:
    width, inner = config["hidden_size"], config["intermediate_size"]
    heads = config["num_attention_heads"]
    head = width // heads
    keys = head * (config.get("num_key_value_heads") or heads)
    shapes: Shapes = {"model.embed_tokens.weight": (config["vocab_size"], width), "model.norm.weight": (width,)}
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}"
        shapes |= {
            f"{at}.input_layernorm.weight": (width,), f"{at}.post_attention_layernorm.weight": (width,),
            f"{at}.self_attn.q_proj.weight": (width, width), f"{at}.self_attn.q_proj.bias": (width,),
            f"{at}.self_attn.k_proj.weight": (keys, width), f"{at}.self_attn.k_proj.bias": (keys,),
            f"{at}.self_attn.v_proj.weight": (keys, width), f"{at}.self_attn.v_proj.bias": (keys,),
            f"{at}.self_attn.o_proj.weight": (width, width),
            f"{at}.mlp.gate_proj.weight": (inner, width), f"{at}.mlp.up_proj.weight": (inner, width),
            f"{at}.mlp.down_proj.weight": (width, inner),
        }  # fmt: skip
    return shapes
