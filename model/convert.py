"""Tarsier2's checkpoint becomes a plain Qwen2-VL one, which every engine of today reads.

Weights are renamed while their bytes are copied, one file after the other; no network is built and torch is not needed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from model.configs import MARKER, Checkpoint, is_original, open_checkpoint, qwen2_vl_config, read_json
from model.copy_weights import copy_weights, write_json
from model.errors import ModelError
from model.fit import check_fit
from model.hub import checkpoint_folder
from model.new_folder import new_folder
from model.processors.templates import find_template
from model.rename import is_computed, published_name
from model.shapes import qwen2_vl_shapes
from model.weights import Shard, shards_of, weights_id

TOKENIZER_FILES = (
    "tokenizer.json", "vocab.json", "merges.txt", "added_tokens.json", "special_tokens_map.json", "tokenizer.model",
)  # fmt: skip

# Qwen2-VL's form of a prompt, for servers that put the visual tokens in themselves.
SERVER_TEMPLATE = """\
{%- if messages[0].role != "system" -%}
{{- "<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n" -}}
{%- endif -%}
{%- for message in messages -%}
  {{- "<|im_start|>" + message.role + "\\n" -}}
  {%- if message.content is string -%}{{- message.content -}}
  {%- else -%}
    {%- for item in message.content -%}
      {%- if "image" in item or "image_url" in item or item.type == "image" -%}
        {{- "<|vision_start|><|image_pad|><|vision_end|>" -}}
      {%- elif "video" in item or "video_url" in item or item.type == "video" -%}
        {{- "<|vision_start|><|video_pad|><|vision_end|>" -}}
      {%- elif "text" in item -%}{{- item.text -}}
      {%- endif -%}
    {%- endfor -%}
  {%- endif -%}
  {{- "<|im_end|>\\n" -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- "<|im_start|>assistant\\n" -}}{%- endif -%}
"""


@dataclass(frozen=True)
class Converted:
    """What was written. weights: identity of the original's weights. template: where the chat template was found."""

    folder: Path
    num_tensors: int
    num_bytes: int
    weights: str
    template: str


def convert(source: str | Path, destination: str | Path, progress: Callable[[int], None] = lambda _: None) -> Converted:
    """Writes a plain Qwen2-VL checkpoint; the folder appears whole or not at all. progress: bytes written so far.

    Raises ModelError: not a Tarsier2 checkpoint, weights that do not fit, a destination that exists, a full disk.
    """
    checkpoint = open_checkpoint(checkpoint_folder(source))
    if checkpoint.family != "tarsier2" or not is_original(checkpoint):
        raise ModelError("unsupported_checkpoint", f"{source} is {_what(checkpoint)}; only Tarsier2 needs converting.")
    target = Path(destination)
    config = qwen2_vl_config(checkpoint)
    shards = shards_of(checkpoint.folder)
    _check(config, shards)
    with new_folder(target, sum(shard.path.stat().st_size for shard in shards)) as folder:
        identity = weights_id(shards)
        num_tensors, num_bytes = copy_weights(shards, folder, _new_name, progress)
        template = find_template(checkpoint.folder)
        text = template.text if template.source != "fallback" else ""
        _write_small_files(checkpoint, config, folder, identity, text)
    return Converted(target, num_tensors, num_bytes, identity, template.source)


def _what(checkpoint: Checkpoint) -> str:
    return "converted already" if checkpoint.family == "tarsier2" else f"a {checkpoint.model_type} checkpoint"


def _new_name(name: str) -> str | None:
    return None if is_computed(name) else published_name(name)


def _check(config: dict[str, Any], shards: list[Shard]) -> None:
    """Names and shapes, from the headers alone."""
    kept = [entry for shard in shards for entry in shard.tensors if not is_computed(entry.name)]
    shapes = {published_name(entry.name): entry.shape for entry in kept}
    check_fit(qwen2_vl_shapes(config), {entry.name: published_name(entry.name) for entry in kept}, shapes)


def _write_small_files(
    checkpoint: Checkpoint, config: dict[str, Any], folder: Path, identity: str, template: str
) -> None:
    source = checkpoint.folder
    write_json(folder / "config.json", config)
    write_json(folder / "generation_config.json", _generation(source, config))
    image, video = _processors(source)
    write_json(folder / "preprocessor_config.json", image)
    write_json(folder / "video_preprocessor_config.json", video)
    for name in TOKENIZER_FILES:
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)
    if (source / "tokenizer_config.json").is_file():
        tokenizer = read_json(source / "tokenizer_config.json")
        tokenizer = {key: value for key, value in tokenizer.items() if key not in ("auto_map", "processor_class")}
        tokenizer["chat_template"] = SERVER_TEMPLATE
        write_json(folder / "tokenizer_config.json", tokenizer | {"processor_class": "Qwen2VLProcessor"})
    (folder / "chat_template.jinja").write_text(SERVER_TEMPLATE, encoding="utf-8")
    write_json(
        folder / MARKER,
        {"family": "tarsier2", "made_from_weights": identity, "chat_template": template, "frames": "doubled"},
    )


def _generation(source: Path, config: dict[str, Any]) -> dict[str, Any]:
    path = source / "generation_config.json"
    known = read_json(path) if path.is_file() else {}
    defaults = {key: config[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id") if key in config}
    return defaults | {key: value for key, value in known.items() if key != "transformers_version"}


def _processors(source: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """preprocessor_config.json of pictures and of videos; a video takes the same pixels a frame as a picture."""
    from model.processors.choose import patch_rules  # noqa: PLC0415

    rules = asdict(patch_rules(source))
    common = {
        "do_convert_rgb": True, "do_normalize": True, "do_rescale": True, "do_resize": True, "resample": 3,
        "rescale_factor": 1 / 255, "image_mean": rules["mean"], "image_std": rules["std"],
        "patch_size": rules["patch_size"], "merge_size": rules["merge_size"],
        "temporal_patch_size": rules["temporal_patch_size"], "processor_class": "Qwen2VLProcessor",
        "size": {"shortest_edge": rules["min_pixels"], "longest_edge": rules["max_pixels"]},
    }  # fmt: skip
    old_names = {"min_pixels": rules["min_pixels"], "max_pixels": rules["max_pixels"]}
    image = common | old_names | {"image_processor_type": "Qwen2VLImageProcessor"}
    video = common | {
        "video_processor_type": "Qwen2VLVideoProcessor", "do_sample_frames": False, "cap_pixels_per_frame": False
    }  # fmt: skip
    return image, video
