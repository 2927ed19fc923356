"""Tiny checkpoints with random weights, in the layouts that real ones have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

SPECIALS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>",
    "<|video_pad|>",
    "<image>", "<video>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>", "<img>", "</img>",
    "<IMG_CONTEXT>", "<s>", "</s>", "<pad>", "<image_newline>", "<image_new>",
)  # fmt: skip
VOCABULARY = 288  # more rows than tokens, as real ones have
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.content is string %}{{ m.content }}{% else %}"
    "{% for c in m.content %}{% if c.type == 'image' %}IMAGE{% elif c.type == 'video' %}VIDEO"
    "{% else %}{{ c.text }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def token(name: str) -> int:
    """Bytes first, then the special tokens."""
    return 256 + SPECIALS.index(name)


def tokenizer(bos: bool = False, eos: str = "<|im_end|>", **named: str) -> Any:
    """A byte-level tokenizer: one token a byte, and the special ones of every family."""
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE({character: i for i, character in enumerate(alphabet)}, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens(list(SPECIALS))
    if bos:
        from tokenizers.processors import TemplateProcessing  # noqa: PLC0415

        inner.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", token("<s>"))])
    pad = "<pad>" if bos else "<|endoftext|>"
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        eos_token=eos,
        pad_token=pad,
        extra_special_tokens=named,
        clean_up_tokenization_spaces=False,
    )


def random_weights(network: Any, seed: int = 0) -> dict[str, torch.Tensor]:
    """Weights large enough that texts differ and no two logits tie."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(tensor.shape, generator=generator) * (0.2 if tensor.ndim > 1 else 0.05)
        + (1.0 if tensor.ndim == 1 and "norm" in name and "weight" in name else 0.0)
        for name, tensor in network.state_dict().items()
    }


def tarsier2(folder: Path, *, layers: int = 2, width: int = 32, shards: int = 1, template: bool = False) -> Path:
    """A Tarsier2 checkpoint in the original layout."""
    from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration  # noqa: PLC0415

    vision = {"depth": 2, "embed_dim": 32, "hidden_size": width, "num_heads": 2, "mlp_ratio": 2, "in_channels": 3,
              "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2,
              "hidden_act": "quick_gelu"}  # fmt: skip
    text = {"vocab_size": VOCABULARY, "hidden_size": width, "intermediate_size": 2 * width, "num_hidden_layers": layers,
            "num_attention_heads": 4, "num_key_value_heads": 2, "rms_norm_eps": 1e-6,
            "max_position_embeddings": 4096, "bos_token_id": None, "eos_token_id": token("<|im_end|>")}  # fmt: skip
    rope = {"type": "mrope", "mrope_section": [1, 1, 2] if width == 32 else [width // 32, width // 32, width // 16]}
    make: Any = Qwen2VLConfig
    ids = {"image_token_id": token("<|image_pad|>"), "video_token_id": token("<|video_pad|>"),
           "vision_start_token_id": token("<|vision_start|>"),
           "vision_end_token_id": token("<|vision_end|>")}  # fmt: skip
    network = Qwen2VLForConditionalGeneration(
        make(**text, **ids, rope_scaling=dict(rope), rope_theta=5000.0, vision_config=dict(vision))
    )
    config = {
        "architectures": ["TarsierForConditionalGeneration"], "model_type": "llava", "projection_head": None,
        "image_token_index": ids["image_token_id"], "image_newline_idx": 32002,
        "text_config": {**text, **ids, "model_type": "qwen2_vl", "rope_scaling": rope, "rope_theta": 5000.0,
                        "attn_implementation": "flash_attention_2",
                        "auto_map": {"AutoConfig": "evil/repo--code.Config"}},
        "vision_config": {**vision, "model_type": "qwen2_vl", "auto_map": {"AutoModel": "evil/repo--code.Model"}},
    }  # fmt: skip
    weights = {original_name(name): tensor for name, tensor in random_weights(network).items()}
    size = {"min_pixels": 3136, "max_pixels": 12845056}
    write(folder, config, weights, tokenizer(), {"size": size, "patch_size": 14, "merge_size": 2}, shards)
    if template:
        from model.processors.templates import FALLBACK  # noqa: PLC0415

        (folder / "chat_template.json").write_text(json.dumps({"chat_template": FALLBACK}))
    return folder


def original_name(name: str) -> str:
    """Tarsier2's name of a module's weight."""
    for prefix, replacement in (
        ("model.visual.", "vision_tower."),
        ("model.language_model.", "language_model.model."),
        ("lm_head.", "language_model.lm_head."),
    ):
        if name.startswith(prefix):
            return replacement + name[len(prefix) :]
    raise AssertionError(name)


def tarsier1(folder: Path) -> Path:
    """A checkpoint of the first Tarsier in the original layout: frames of 2 x 2 patches."""
    from transformers import LlavaConfig, LlavaForConditionalGeneration  # noqa: PLC0415

    vision = {"model_type": "clip_vision_model", "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 3,
              "num_attention_heads": 2, "image_size": 28, "patch_size": 14, "projection_dim": 16}  # fmt: skip
    text = {"model_type": "llama", "vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 64,
            "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4}  # fmt: skip
    network = LlavaForConditionalGeneration(
        LlavaConfig(vision_config=dict(vision), text_config=dict(text), image_token_index=token("<image>"))
    )
    names = {"model.vision_tower.": "vision_tower.vision_model.",
    "model.multi_modal_projector.": "multi_modal_projector.",
             "model.language_model.": "language_model.model.", "lm_head.": "language_model.lm_head."}  # fmt: skip
    weights = {}
    for name, tensor in random_weights(network).items():
        (prefix,) = [one for one in names if name.startswith(one)]
        weights[names[prefix] + name[len(prefix) :]] = tensor
    config = {
        "architectures": ["TarsierForConditionalGeneration"], "model_type": "llava",
        "image_token_index": token("<image>"),
        "image_newline_idx": token("<image_newline>"), "image_new_idx": token("<image_new>"),
        "vision_feature_layer": -2, "vision_feature_select_strategy": "default",
        "text_config": text, "vision_config": vision,
    }  # fmt: skip
    rules = {"crop_size": {"height": 28, "width": 28}, "size": {"shortest_edge": 28}}
    write(folder, config, weights, tokenizer(bos=True, eos="</s>"), rules)
    return folder


def write(
    folder: Path, config: dict[str, Any], weights: dict[str, Any], words: Any, rules: dict[str, Any], shards: int = 1
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    words.save_pretrained(folder)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "preprocessor_config.json").write_text(json.dumps(rules))
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": words.eos_token_id}))
    if shards == 1:
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        return
    names = sorted(weights)
    files = {
        name: f"model-{i * shards // len(names) + 1:05}-of-{shards:05}.safetensors" for i, name in enumerate(names)
    }
    for file in sorted(set(files.values())):
        save_file({name: weights[name] for name in names if files[name] == file}, folder / file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": files}))


STOCK_KINDS = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "smolvlm", "internvl", "llava_onevision")


def stock(folder: Path, kind: str) -> Path:
    """A tiny checkpoint of another video VLM, saved by transformers itself."""
    import tests.model.tiny_stock as makers  # noqa: PLC0415

    network, processor = getattr(makers, kind)()
    network.load_state_dict(random_weights(network))
    network.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
