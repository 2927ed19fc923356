"""The processor of a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from model.configs import Checkpoint, is_original, llava_config, qwen2_vl_config, read_json
from model.errors import ModelError
from model.processors.tarsier2_frames import PatchRules
from model.processors.templates import find_template


def processor_for(checkpoint: Checkpoint, settings: Any = None) -> Any:
    """Tarsier's and Tarsier2's own processor, or the stock one of any other network. Raises ModelError."""
    if checkpoint.family == "tarsier2":
        from model.processors.tarsier2 import Tarsier2Processor  # noqa: PLC0415

        config = qwen2_vl_config(checkpoint) if is_original(checkpoint) else checkpoint.config
        return Tarsier2Processor(
            load_tokenizer(checkpoint.folder),
            find_template(checkpoint.folder),
            patch_rules(checkpoint.folder),
            int(config["image_token_id"]),
            settings,
        )
    if checkpoint.family == "tarsier1":
        return _tarsier1(checkpoint, settings)
    return _stock(checkpoint, settings)


def _stock(checkpoint: Checkpoint, settings: Any) -> Any:
    from transformers import AutoProcessor  # noqa: PLC0415

    from model.processors.stock import StockProcessor  # noqa: PLC0415

    try:
        processor = AutoProcessor.from_pretrained(checkpoint.folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError("unsupported_checkpoint", f"{checkpoint.folder}: no processor: {error}") from error
    if not hasattr(processor, "tokenizer"):
        raise ModelError("unsupported_checkpoint", f"{checkpoint.folder}: only a {type(processor).__name__} is there.")
    return StockProcessor(processor, settings)


def _tarsier1(checkpoint: Checkpoint, settings: Any) -> Any:
    from model.processors.tarsier1 import FrameIds, Tarsier1Processor  # noqa: PLC0415
    from model.processors.tarsier1_frames import FrameRules  # noqa: PLC0415

    config = checkpoint.config
    vision = llava_config(checkpoint).get("vision_config", {})
    tokenizer = load_tokenizer(checkpoint.folder)
    default = FrameRules()
    path = checkpoint.folder / "preprocessor_config.json"
    raw = read_json(path) if path.is_file() else {}
    crop, size = raw.get("crop_size", {}), raw.get("size", {})
    side = crop.get("height", crop) if isinstance(crop, dict) and crop else size.get("shortest_edge", default.side)
    rules = FrameRules(
        side=int(side if raw else vision.get("image_size", default.side)),
        patch_size=vision.get("patch_size", default.patch_size),
        mean=tuple(raw.get("image_mean", default.mean)),
        std=tuple(raw.get("image_std", default.std)),
    )
    ids = FrameIds(config["image_token_index"], config["image_newline_idx"], config["image_new_idx"])
    return Tarsier1Processor(tokenizer, rules, ids, tokenizer.eos_token, settings)


def narrow(processor: Any, changes: Mapping[str, Any]) -> None:
    """Changes settings of a processor; None leaves the default. Raises ValueError for a setting that it has not."""
    given = {name: value for name, value in changes.items() if value is not None}
    known = {field.name for field in fields(processor.settings)}
    if unknown := set(given) - known:
        raise ValueError(f"{', '.join(sorted(unknown))}: this checkpoint's processor has {', '.join(sorted(known))}.")
    processor.settings = replace(processor.settings, **given)


def load_tokenizer(folder: Path) -> Any:
    """The checkpoint's fast tokenizer, padding on the left. Raises ModelError("bad_config")."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast  # noqa: PLC0415

    try:
        if (folder / "tokenizer.json").is_file():
            tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
        else:
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError("bad_config", f"{folder}: its tokenizer cannot be read: {error}") from error
    tokenizer.padding_side = "left"
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def patch_rules(folder: Path) -> PatchRules:
    """What preprocessor_config.json says, in any of the forms that versions wrote. Raises ModelError("bad_config")."""
    path = folder / "preprocessor_config.json"
    if not path.is_file():
        return PatchRules()
    raw = read_json(path)
    size = raw.get("size") or {}
    default = PatchRules()
    return PatchRules(
        patch_size=raw.get("patch_size", default.patch_size),
        merge_size=raw.get("merge_size", default.merge_size),
        temporal_patch_size=raw.get("temporal_patch_size", default.temporal_patch_size),
        min_pixels=size.get("min_pixels", size.get("shortest_edge", raw.get("min_pixels", default.min_pixels))),
        max_pixels=size.get("max_pixels", size.get("longest_edge", raw.get("max_pixels", default.max_pixels))),
        mean=tuple(raw.get("image_mean", default.mean)),
        std=tuple(raw.get("image_std", default.std)),
    )
