"""The configs of the original checkpoints, read as JSON and translated; AutoConfig takes them for something else.

Names of remote code (`auto_map`) are never resolved, attention implementations of the original are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from model.errors import ModelError

Family = Literal["tarsier1", "tarsier2", "qwen2_vl", "other"]
MARKER = "longtake.json"  # beside a converted checkpoint: which family it was made from

TEXT_KEYS = (
    "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
    "num_key_value_heads", "hidden_act", "max_position_embeddings", "initializer_range", "rms_norm_eps",
    "attention_dropout", "bos_token_id", "eos_token_id", "pad_token_id",
)  # fmt: skip
VISION_KEYS = (
    "depth", "embed_dim", "hidden_size", "hidden_act", "mlp_ratio", "num_heads", "in_channels", "patch_size",
    "spatial_merge_size", "temporal_patch_size", "initializer_range",
)  # fmt: skip
TOKEN_KEYS = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
QWEN2_VL_ROPE_THETA = 1_000_000.0  # what the original's text config falls back to
NOT_ARCHITECTURE = ("_attn_implementation_autoset", "attn_implementation", "auto_map", "torch_dtype", "architectures")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint folder that was looked at. config: its config.json. family: how it is to be loaded."""

    folder: Path
    config: Mapping[str, Any]
    family: Family

    @property
    def model_type(self) -> str:
        return str(self.config.get("model_type"))


def open_checkpoint(folder: str | Path) -> Checkpoint:
    """Reads config.json and tells the family. Raises ModelError: no folder, no config, or no known layout."""
    folder = Path(folder)
    if not (folder / "config.json").is_file():
        raise ModelError("missing_checkpoint", f"{folder} holds no config.json.")
    config = read_json(folder / "config.json")
    return Checkpoint(folder, config, _family(folder, config))


def flat_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A Qwen2-VL config with the text model's keys at the top, as published; transformers 5 writes them apart."""
    return {**config, **config.get("text_config", {})}


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises ModelError("bad_config")."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError("bad_config", f"{path}: {error}") from error
    if not isinstance(value, dict):
        raise ModelError("bad_config", f"{path} is a {type(value).__name__}, not an object.")
    return value


def _family(folder: Path, config: Mapping[str, Any]) -> Family:
    if "TarsierForConditionalGeneration" in (config.get("architectures") or ()):
        inner = (config.get("text_config") or {}).get("model_type", "llama")
        if inner in ("qwen2_vl", "llama"):
            return "tarsier2" if inner == "qwen2_vl" else "tarsier1"
        raise ModelError(
            "unsupported_checkpoint",
            f"{folder}: Tarsier over a text model {inner!r}; 'llama' and 'qwen2_vl' are known.",
        )
    if not config.get("model_type"):
        raise ModelError("unsupported_checkpoint", f"{folder}/config.json names no model_type.")
    if config["model_type"] == "qwen2_vl":
        marker = folder / MARKER
        return "tarsier2" if marker.is_file() and read_json(marker).get("family") == "tarsier2" else "qwen2_vl"
    return "other"


def is_original(checkpoint: Checkpoint) -> bool:
    """Whether names and config are still those of the original, not of a converted checkpoint."""
    return checkpoint.model_type == "llava" and checkpoint.family in ("tarsier1", "tarsier2")


def qwen2_vl_config(checkpoint: Checkpoint) -> dict[str, Any]:
    """A flat Qwen2-VL config.json out of Tarsier2's nested one. Raises ModelError("bad_config")."""
    config, where = checkpoint.config, checkpoint.folder / "config.json"
    text = _section(config, "text_config", where)
    vision = _vision_section(config, text, where)
    if config.get("projection_head") not in (None, "MLP"):
        raise ModelError("unsupported_checkpoint", f"{where}: a projection head {config['projection_head']!r}.")
    rope = text.get("rope_scaling") or text.get("rope_parameters") or {}
    if "mrope_section" not in rope:
        raise ModelError("bad_config", f"{where}: text_config.rope_scaling has no mrope_section.")
    image_token = text.get("image_token_id", config.get("image_token_index"))
    if config.get("image_token_index", image_token) != image_token:
        raise ModelError("bad_config", f"{where}: image_token_index and text_config.image_token_id differ.")
    flat = {key: text[key] for key in TEXT_KEYS if key in text}
    flat |= {key: text[key] for key in TOKEN_KEYS if text.get(key) is not None} | {"image_token_id": image_token}
    flat["vision_config"] = {"model_type": "qwen2_vl"} | {key: vision[key] for key in VISION_KEYS if key in vision}
    width = flat["vision_config"].setdefault("hidden_size", flat.get("hidden_size"))
    if width != flat.get("hidden_size"):
        raise ModelError(
            "bad_config", f"{where}: the vision tower gives {width} channels, the text model takes others."
        )
    return flat | {
        "model_type": "qwen2_vl",
        "architectures": ["Qwen2VLForConditionalGeneration"],
        "rope_theta": text.get("rope_theta", rope.get("rope_theta", QWEN2_VL_ROPE_THETA)),
        "rope_scaling": {"type": "mrope", "mrope_section": list(rope["mrope_section"])},
        "tie_word_embeddings": bool(text.get("tie_word_embeddings", False)),
        "use_sliding_window": False,  # the original never applies one
        "torch_dtype": config.get("torch_dtype") or text.get("torch_dtype") or "bfloat16",
    }


def llava_config(checkpoint: Checkpoint) -> dict[str, Any]:
    """A Llava config out of the first Tarsier's, without what misleads. Raises ModelError("bad_config")."""
    config, where = checkpoint.config, checkpoint.folder / "config.json"
    for key in ("image_newline_idx", "image_new_idx"):
        if not isinstance(config.get(key), int):
            raise ModelError("bad_config", f"{where}: {key} is missing; it differs between sizes and is not guessed.")
    sections = {
        name: {key: value for key, value in (config.get(name) or {}).items() if key not in NOT_ARCHITECTURE}
        for name in ("text_config", "vision_config")
    }
    sections = {name: section for name, section in sections.items() if section}
    keys = ("image_token_index", "projector_hidden_act", "vision_feature_select_strategy", "vision_feature_layer")
    return {key: config[key] for key in keys if key in config} | sections | {"tie_word_embeddings": False}


def _section(config: Mapping[str, Any], name: str, where: Path) -> Mapping[str, Any]:
    section = config.get(name)
    if not isinstance(section, dict):
        raise ModelError("bad_config", f"{where}: {name} is missing.")
    return section


def _vision_section(config: Mapping[str, Any], text: Mapping[str, Any], where: Path) -> Mapping[str, Any]:
    """At the top level or inside the text config; where both are, they must agree."""
    outer, inner = config.get("vision_config"), text.get("vision_config")
    if isinstance(outer, dict) and isinstance(inner, dict):
        clash = [key for key in VISION_KEYS if key in outer and key in inner and outer[key] != inner[key]]
        if clash:
            raise ModelError("bad_config", f"{where}: the two vision_config differ in {clash}.")
        return {**inner, **outer}
    section = outer if isinstance(outer, dict) else inner
    if not isinstance(section, dict):
        raise ModelError("bad_config", f"{where}: vision_config is missing.")
    return section
