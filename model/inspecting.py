"""What a checkpoint is, from its small files and headers alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from model.configs import Checkpoint, flat_config, is_original, llava_config, open_checkpoint, qwen2_vl_config
from model.errors import ModelError
from model.fit import check_fit
from model.hub import checkpoint_folder
from model.plan import BF16_BYTES
from model.processors.templates import find_template
from model.rename import is_computed, published_name
from model.shapes import qwen2_vl_shapes
from model.weights import Shard, entries, shards_of, weights_id


def inspect_checkpoint(folder: str | Path) -> dict[str, Any]:
    """Facts for a table or for JSON. Raises ModelError; a checkpoint whose weights do not fit says so under `fits`."""
    checkpoint = open_checkpoint(checkpoint_folder(folder))
    shards = shards_of(checkpoint.folder)
    sizes = Counter[str]()
    for entry in entries(shards):
        sizes[entry.dtype] += entry.end - entry.start
    parameters = sum(_numbers(entry.shape) for entry in entries(shards))
    facts: dict[str, Any] = {
        "folder": str(checkpoint.folder),
        "family": checkpoint.family,
        "layout": "original" if is_original(checkpoint) else checkpoint.model_type,
        "files": len(shards),
        "tensors": sum(len(shard.tensors) for shard in shards),
        "parameters": parameters,
        "bytes": dict(sizes),
        "weights": weights_id(shards),
        "memory_gib_bf16": round(parameters * BF16_BYTES / 2**30, 2),
    }
    return facts | _details(checkpoint) | {"fits": _fits(checkpoint, shards)}


def _numbers(shape: tuple[int, ...]) -> int:
    product = 1
    for length in shape:
        product *= length
    return product


def _details(checkpoint: Checkpoint) -> dict[str, Any]:
    if checkpoint.family == "tarsier1":
        config = llava_config(checkpoint)
        ids = {key: checkpoint.config[key] for key in ("image_token_index", "image_newline_idx", "image_new_idx")}
        return {"text_layers": config.get("text_config", {}).get("num_hidden_layers"), **ids}
    if checkpoint.family == "tarsier2":
        config = qwen2_vl_config(checkpoint) if is_original(checkpoint) else flat_config(checkpoint.config)
        return {
            "text_layers": config["num_hidden_layers"],
            "vision_layers": config["vision_config"].get("depth", 32),
            "image_token_id": config["image_token_id"],
            "chat_template": find_template(checkpoint.folder).source,
        }
    return {"architectures": checkpoint.config.get("architectures")}


def _fits(checkpoint: Checkpoint, shards: list[Shard]) -> str:
    """Whether names and shapes are those of the network; only Tarsier2 and Qwen2-VL are known without building it."""
    if checkpoint.family not in ("tarsier2", "qwen2_vl"):
        return "known when it is loaded"
    config = qwen2_vl_config(checkpoint) if is_original(checkpoint) else flat_config(checkpoint.config)
    kept = [entry for entry in entries(shards) if not is_computed(entry.name)]
    shapes = {published_name(entry.name): entry.shape for entry in kept}
    try:
        check_fit(qwen2_vl_shapes(config), {entry.name: published_name(entry.name) for entry in kept}, shapes)
    except ModelError as error:
        return f"no: {error.detail}"
    except KeyError as error:
        return f"no: the config has no {error}"
    return "yes, every name and shape"
