"""A checkpoint becomes a stock transformers network and its processor: `load_model(path)`.

Weights load with zero missing and zero unexpected names, or loading stops with the list. Nothing is ever executed from
a checkpoint: configs are JSON, weights are safetensors, remote code is off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from model.configs import Checkpoint, Family, is_original, llava_config, open_checkpoint, qwen2_vl_config, read_json
from model.errors import ModelError
from model.fit import check_fit
from model.hub import checkpoint_folder, model_name
from model.rename import is_computed, llava_module_name, qwen2_vl_module_name
from model.weights import Shard, shards_of, weights_id

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
ATTENTIONS = ("sdpa", "eager", "flash_attention_2")


@dataclass(frozen=True)
class LoadedModel:
    """A network that is ready to run.

    name: what it was asked for by, "owner/name" or the folder's name. network: the stock transformers module, in eval
    mode. family: "tarsier1", "tarsier2", "qwen2_vl" or "other". weights: identity of the weights. stop_ids:
    token ids that end a text.
    """

    name: str
    network: Any
    processor: Any
    family: Family
    checkpoint: Path
    weights: str
    stop_ids: tuple[int, ...]

    @property
    def device(self) -> torch.device:
        return self.network.device

    @property
    def dtype(self) -> torch.dtype:
        return self.network.dtype


def load_model(
    path: str | Path, device: str = "cpu", dtype: str = "auto", attention: str = "sdpa", settings: Any = None
) -> LoadedModel:
    """Loads a checkpoint: Tarsier, Tarsier2 (original or converted), or any video VLM that transformers knows.

    path: a folder, or "owner/name" or "owner/name@revision" on the hub.
    device: "cpu", "cuda", "cuda:1", or "auto", which spreads the layers over all GPUs. dtype: "float32", "float16",
    "bfloat16" or "auto", the checkpoint's own. attention: "sdpa", "eager" or "flash_attention_2". settings: of the
    processor. Raises ModelError; ValueError for an unknown choice.
    """
    _check_choices(device, dtype, attention)
    checkpoint = open_checkpoint(checkpoint_folder(path))
    shards = shards_of(checkpoint.folder)
    number = DTYPES[dtype] if dtype != "auto" else _own_dtype(shards)
    if checkpoint.family in ("tarsier1", "tarsier2"):
        network = _build(checkpoint, attention)
        _fill(network, shards, _module_name(checkpoint), number, "cpu" if device == "auto" else device)
        network = _spread(network) if device == "auto" else network.to(device)
    else:
        network = _stock(checkpoint, device, number, attention)
    network.eval()
    from model.processors.choose import processor_for  # noqa: PLC0415  (imports tokenizers only once weights fit)

    processor = processor_for(checkpoint, settings)
    stops = _stop_ids(network, processor.tokenizer)
    return LoadedModel(
        model_name(path), network, processor, checkpoint.family, checkpoint.folder, weights_id(shards), stops
    )


def _check_choices(device: str, dtype: str, attention: str) -> None:
    if dtype not in (*DTYPES, "auto"):
        raise ValueError(f"dtype must be one of {[*DTYPES, 'auto']}, got {dtype!r}.")
    if attention not in ATTENTIONS:
        raise ValueError(f"attention must be one of {list(ATTENTIONS)}, got {attention!r}.")
    if device != "cpu" and not torch.cuda.is_available():
        raise ValueError(f"device is {device!r}, and torch sees no GPU here. Pass device='cpu'.")


def _own_dtype(shards: list[Shard]) -> torch.dtype:
    """The dtype that most of the weights are stored in."""
    names = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
    sizes = dict.fromkeys(names, 0)
    for shard in shards:
        for entry in shard.tensors:
            if entry.dtype in sizes:
                sizes[entry.dtype] += entry.end - entry.start
    return names[max(sizes, key=lambda name: sizes[name])]


def _build(checkpoint: Checkpoint, attention: str) -> Any:
    """The stock class on the meta device; computed buffers are real."""
    from accelerate import init_empty_weights  # noqa: PLC0415
    from transformers import (  # noqa: PLC0415
        GenerationConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        Qwen2VLConfig,
        Qwen2VLForConditionalGeneration,
    )

    kind: Any
    config: Any
    try:
        if checkpoint.family == "tarsier1":
            kind, config = LlavaForConditionalGeneration, LlavaConfig(**llava_config(checkpoint))
        else:
            plain = qwen2_vl_config(checkpoint) if is_original(checkpoint) else dict(checkpoint.config)
            kind, config = Qwen2VLForConditionalGeneration, Qwen2VLConfig(**plain)
    except (TypeError, ValueError, KeyError) as error:
        raise ModelError("bad_config", f"{checkpoint.folder / 'config.json'}: {error}") from error
    config._attn_implementation = attention
    with init_empty_weights(include_buffers=False):
        network = kind(config)
    if (checkpoint.folder / "generation_config.json").is_file():
        network.generation_config = GenerationConfig(**read_json(checkpoint.folder / "generation_config.json"))
    return network


def _module_name(checkpoint: Checkpoint) -> Callable[[str], str]:
    return llava_module_name if checkpoint.family == "tarsier1" else qwen2_vl_module_name


def _fill(network: Any, shards: list[Shard], name_of: Callable[[str], str], dtype: torch.dtype, device: str) -> None:
    """Puts every tensor at its place, one file at a time. Raises ModelError("weights_do_not_fit") with the list."""
    from safetensors import safe_open  # noqa: PLC0415

    wanted = dict(network.named_parameters())
    places = {
        entry.name: name_of(entry.name) for shard in shards for entry in shard.tensors if not is_computed(entry.name)
    }
    shapes = {name_of(entry.name): entry.shape for shard in shards for entry in shard.tensors}
    check_fit({name: tuple(parameter.shape) for name, parameter in wanted.items()}, places, shapes)
    for shard in shards:
        with safe_open(shard.path, framework="pt") as file:
            for entry in shard.tensors:
                if entry.name in places:
                    tensor = file.get_tensor(entry.name).to(device=device, dtype=dtype)
                    _set(network, places[entry.name], tensor)


def _set(network: Any, name: str, tensor: torch.Tensor) -> None:
    parent, _, leaf = name.rpartition(".")
    setattr(network.get_submodule(parent), leaf, torch.nn.Parameter(tensor, requires_grad=tensor.is_floating_point()))


def _spread(network: Any) -> Any:
    """Layers over all GPUs, as accelerate balances them."""
    from accelerate import dispatch_model, infer_auto_device_map  # noqa: PLC0415

    blocks: list[str] = [*(network._no_split_modules or ())]
    return dispatch_model(network, infer_auto_device_map(network, no_split_module_classes=blocks))


def _stock(checkpoint: Checkpoint, device: str, dtype: torch.dtype, attention: str) -> Any:
    """Any other video VLM, through transformers' own loader: safetensors only, no remote code."""
    from transformers import AutoModelForImageTextToText  # noqa: PLC0415

    try:
        loaded: Any = AutoModelForImageTextToText.from_pretrained(
            checkpoint.folder,
            dtype=dtype,
            attn_implementation=attention,
            device_map="auto" if device == "auto" else None,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
        )
    except (ValueError, KeyError, OSError, RuntimeError) as error:
        raise ModelError("unsupported_checkpoint", f"{checkpoint.folder}: {error}") from error
    network, report = loaded
    missing, unexpected = sorted(report["missing_keys"]), sorted(report["unexpected_keys"])
    if missing or unexpected:
        raise ModelError("weights_do_not_fit", f"missing: {missing}; unexpected: {unexpected}.")
    return network if device == "auto" else network.to(device)


def _stop_ids(network: Any, tokenizer: Any) -> tuple[int, ...]:
    """Ids that end a text: those of generation_config.json, of the config and of the tokenizer."""
    found: list[int] = []
    for ids in (getattr(network.generation_config, "eos_token_id", None), tokenizer.eos_token_id):
        found += [] if ids is None else list(ids) if isinstance(ids, list | tuple) else [ids]
    return tuple(dict.fromkeys(found))
