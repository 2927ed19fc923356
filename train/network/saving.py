"""The trained model as a checkpoint that `from_pretrained`, serving engines and `model.load` read."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model.configs import MARKER, is_original, open_checkpoint
from model.convert import convert
from model.load import LoadedModel
from model.processors.templates import find_template
from model.rename import is_computed, llava_module_name, qwen2_vl_module_name
from model.weights import INDEX, SINGLE, TensorEntry, entries, shards_of
from train.network.forward import stock_of
from train.parallel import whole

DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
WEIGHTS = (".safetensors", ".bin", ".pt", ".pth")


def save_model(loaded: LoadedModel, network: Any, target: Path, *, write: bool = True) -> None:
    """Writes the network (adapters merged into a copy) to `target`, in the layout and dtypes of where it came from.

    A Tarsier2 in its original layout, which only longtake reads, becomes a plain Qwen2-VL one. The folder appears
    whole or not at all, and replaces an older one. write: false for processes that only help to put split weights
    together. Raises OSError, ModelError.
    """
    weights = merged_weights(network)
    if not write:
        return
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    plain = part.with_name(part.name + ".plain")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        _small_files(loaded, part)
        _weights(loaded, weights, part)
        checkpoint = open_checkpoint(part)
        if checkpoint.family == "tarsier2" and is_original(checkpoint):
            convert(part, plain)
            shutil.rmtree(part)
            plain.rename(part)
        shutil.rmtree(target, ignore_errors=True)
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(plain, ignore_errors=True)


def merged_weights(network: Any) -> Mapping[str, Tensor]:
    """Weights of the stock network by their module names, on the CPU; LoRA's products added. The network is kept."""
    stock = stock_of(network)
    found: dict[str, Tensor] = {}
    for name, module in stock.named_modules():
        if hasattr(module, "lora_A"):
            added = sum(module.get_delta_weight(adapter) for adapter in module.active_adapters)
            found[f"{name}.weight"] = whole(module.base_layer.weight.detach().float() + added).cpu()
            if module.base_layer.bias is not None:
                found[f"{name}.bias"] = whole(module.base_layer.bias.detach()).cpu()
    for name, weight in stock.named_parameters():
        if ".lora_" not in name and ".base_layer." not in name:
            found[name] = whole(weight.detach()).cpu()
    return found


def _small_files(loaded: LoadedModel, folder: Path) -> None:
    """Everything of the source but its weights; a marker where a plain Qwen2-VL learned Tarsier2's way."""
    for file in loaded.checkpoint.iterdir():
        if file.is_file() and file.suffix not in WEIGHTS and file.name != INDEX:
            shutil.copyfile(file, folder / file.name)
    checkpoint = open_checkpoint(loaded.checkpoint)
    if loaded.family == "tarsier2" and checkpoint.family == "qwen2_vl":
        template = find_template(loaded.checkpoint)
        marker = {"family": "tarsier2", "frames": "doubled", "chat_template": template.text}
        (folder / MARKER).write_text(json.dumps(marker, indent=2) + "\n")


def _weights(loaded: LoadedModel, weights: Mapping[str, Tensor], folder: Path) -> None:
    """File by file as in the source, under the source's names."""
    from safetensors.torch import save_file  # noqa: PLC0415

    name_of = llava_module_name if loaded.family == "tarsier1" else qwen2_vl_module_name
    shards = shards_of(loaded.checkpoint)
    kept = {entry.name for entry in entries(shards) if not is_computed(entry.name)}
    places = {}
    for number, shard in enumerate(shards):
        name = SINGLE if len(shards) == 1 else f"model-{number + 1:05}-of-{len(shards):05}.safetensors"
        own = [entry for entry in shard.tensors if entry.name in kept]
        save_file(
            {entry.name: _as_stored(weights[name_of(entry.name)], entry) for entry in own},
            folder / name,
            metadata={"format": "pt"},
        )
        places |= {entry.name: name for entry in own}
    if len(shards) > 1:
        size = sum((folder / name).stat().st_size for name in set(places.values()))
        index = {"metadata": {"total_size": size}, "weight_map": places}
        (folder / INDEX).write_text(json.dumps(index, indent=1) + "\n")


def _as_stored(weight: Tensor, entry: TensorEntry) -> Tensor:
    return weight.to(DTYPES[entry.dtype]).reshape(entry.shape).contiguous()
