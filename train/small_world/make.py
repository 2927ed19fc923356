"""Untrained checkpoints of Tarsier2's and Tarsier's architectures, as small as one likes, by seed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.configs import MARKER
from model.processors.templates import TURNS
from train.small_world.vocabulary import story_tokenizer

# Neighbours in a picture of 2 x 2 tokens must differ by a visible angle; with Qwen2-VL's 1e6 the slow axes would turn
# by less than a thousandth of a radian, and a network this small never finds out where a thing is.
ROPE_THETA = 8.0


@dataclass(frozen=True)
class Size:
    """How large a network is. width and layers of the text model; vision_width and vision_layers of the tower."""

    width: int = 128
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    feed_forward: int = 384
    vision_width: int = 96
    vision_layers: int = 3
    vision_heads: int = 4
    picture: int = 56  # side in pixels of what Tarsier's tower sees; Tarsier2's takes any


TEACHER = Size(width=128, layers=4, feed_forward=384, vision_width=64, vision_layers=3)
STUDENT = Size(width=64, layers=3, feed_forward=144, vision_width=40, vision_layers=2, vision_heads=2)


def make_tarsier2(folder: Path, size: Size, seed: int = 0) -> Path:
    """An untrained Tarsier2 in plain Qwen2-VL layout, with a tokenizer for stories. Returns the folder."""
    import torch  # noqa: PLC0415
    from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration  # noqa: PLC0415

    words = story_tokenizer()
    token = words.convert_tokens_to_ids
    pairs = size.width // size.heads // 2
    space = pairs * 5 // 16
    make: Any = Qwen2VLConfig
    config = make(
        vocab_size=_rounded(len(words)), hidden_size=size.width, intermediate_size=size.feed_forward,
        num_hidden_layers=size.layers, num_attention_heads=size.heads, num_key_value_heads=size.kv_heads,
        rms_norm_eps=1e-6, max_position_embeddings=4_096, bos_token_id=None, eos_token_id=token("<|im_end|>"),
        pad_token_id=token("<|endoftext|>"), tie_word_embeddings=False, rope_theta=ROPE_THETA,
        rope_scaling={"type": "mrope", "mrope_section": [pairs - 2 * space, space, space]},
        image_token_id=token("<|image_pad|>"), video_token_id=token("<|video_pad|>"),
        vision_start_token_id=token("<|vision_start|>"), vision_end_token_id=token("<|vision_end|>"),
        vision_config={
            "depth": size.vision_layers, "embed_dim": size.vision_width, "hidden_size": size.width,
            "num_heads": size.vision_heads, "mlp_ratio": 4, "in_channels": 3, "patch_size": 14,
            "spatial_merge_size": 2, "temporal_patch_size": 2, "hidden_act": "quick_gelu",
        },
    )  # fmt: skip
    torch.manual_seed(seed)
    network = Qwen2VLForConditionalGeneration(config)
    _narrow(network, seed)
    rules = {
        "image_processor_type": "Qwen2VLImageProcessor", "patch_size": 14, "merge_size": 2, "temporal_patch_size": 2,
        "size": {"shortest_edge": 3_136, "longest_edge": 12_845_056},
    }  # fmt: skip
    _write(folder, network, words, rules)
    marker = {"family": "tarsier2", "chat_template": TURNS, "frames": "doubled"}
    (folder / MARKER).write_text(json.dumps(marker, indent=2) + "\n")
    return folder


def make_tarsier1(folder: Path, size: Size, seed: int = 0) -> Path:
    """An untrained Tarsier (CLIP tower, two-layer projector, Llama) with a tokenizer for stories."""
    import torch  # noqa: PLC0415
    from transformers import LlavaConfig, LlavaForConditionalGeneration  # noqa: PLC0415

    words = story_tokenizer("tarsier1")
    token = words.convert_tokens_to_ids
    config = LlavaConfig(
        vision_config={
            "model_type": "clip_vision_model", "hidden_size": size.vision_width,
            "intermediate_size": 4 * size.vision_width, "num_hidden_layers": size.vision_layers,
            "num_attention_heads": size.vision_heads, "image_size": size.picture, "patch_size": 14,
            "projection_dim": size.vision_width,
        },
        text_config={
            "model_type": "llama", "vocab_size": _rounded(len(words)), "hidden_size": size.width,
            "intermediate_size": size.feed_forward, "num_hidden_layers": size.layers,
            "num_attention_heads": size.heads, "num_key_value_heads": size.kv_heads,
            "max_position_embeddings": 4_096, "bos_token_id": token("<s>"), "eos_token_id": token("</s>"),
            "pad_token_id": token("<pad>"),
        },
        image_token_index=token("<image>"),
        vision_feature_layer=-2,
    )  # fmt: skip
    torch.manual_seed(seed)
    network = LlavaForConditionalGeneration(config)
    _narrow(network, seed)
    rules = {"crop_size": {"height": size.picture, "width": size.picture}, "size": {"shortest_edge": size.picture}}
    _write(folder, network, words, rules)
    own = {
        "architectures": ["TarsierForConditionalGeneration"],
        "image_newline_idx": token("<image_newline>"),
        "image_new_idx": token("<image_new>"),
    }
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | own, indent=2) + "\n")
    return folder


def _rounded(words: int) -> int:
    """Rows of the embedding table: more than words, as real checkpoints have."""
    return -(-words // 64) * 64


def _narrow(network: Any, seed: int) -> None:
    """Starts as a narrow network needs: the stock's 0.02 is for wide ones.

    Variance 1 / inputs; what is added to the residual stream divided by the root of how often something is added;
    embeddings large enough that a token is not drowned by the first layer's output.
    """
    import torch  # noqa: PLC0415

    generator = torch.Generator().manual_seed(seed)
    adding = ("o_proj.weight", "down_proj.weight", "out_proj.weight", "attn.proj.weight", "fc2.weight")
    added = sum(name.endswith(adding) for name, _ in network.named_parameters())
    for name, weight in network.named_parameters():
        if weight.ndim > 1:
            scale = weight[0].numel() ** -0.5
            if "embed_tokens" in name:
                scale = 0.5
            elif name.endswith(adding):
                scale *= added**-0.5
            weight.data.normal_(0.0, scale, generator=generator)


def _write(folder: Path, network: Any, words: Any, rules: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    network.generation_config.eos_token_id = words.eos_token_id
    network.save_pretrained(folder)
    words.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(rules, indent=2) + "\n")
