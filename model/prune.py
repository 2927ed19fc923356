"""A smaller network out of some layers of a larger one: what a student may begin from instead of random weights.

Layers are taken evenly from the first to the last, as DistilBERT takes every second (arXiv 1910.01108, section 2); both
ends stay, since a network is hurt most by losing those (ShortGPT, arXiv 2403.03853, section 3). All else is copied.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.configs import MARKER, open_checkpoint, read_json
from model.copy_weights import copy_weights, write_json
from model.errors import ModelError
from model.hub import checkpoint_folder
from model.new_folder import new_folder
from model.weights import INDEX, shards_of, weights_id

ORIGIN = "pruned.json"  # beside the weights: of which weights they are, and which layers
_LAYER = re.compile(r"(?P<before>.*\b(?:layers|blocks)\.)(?P<number>\d+)(?P<after>\..*)")
_TOWER = re.compile(r"(^|\.)(visual|vision_tower)\.")
_SMALL_FILES = (".json", ".jinja", ".txt", ".model")
_NOT_COPIED = frozenset({"config.json", INDEX, "made.json"})  # the last: how the larger one came to be


@dataclass(frozen=True)
class Pruned:
    """What was written. layers, vision_layers: numbers, in the larger network, of those that were kept. share: of its
    bytes."""

    folder: Path
    num_bytes: int
    layers: tuple[int, ...]
    vision_layers: tuple[int, ...]
    share: float


def prune(
    source: str | Path,
    destination: str | Path,
    layers: int,
    vision_layers: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Pruned:
    """Writes a checkpoint with so many layers of the text model, and of the visual tower (None: all of it).

    Raises ModelError: an unknown layout, a destination that exists, a full disk; ValueError: not so many layers.
    """
    checkpoint = open_checkpoint(checkpoint_folder(source))
    if checkpoint.family == "other":
        raise ModelError(
            "unsupported_checkpoint",
            f"{source} is a {checkpoint.model_type} checkpoint; Tarsier and Qwen2-VL are known.",
        )
    if vision_layers is not None and checkpoint.family == "tarsier1":
        raise ModelError("unsupported_checkpoint", "Tarsier reads the last but one layer of its tower: take all of it.")
    config = _copied(checkpoint.config)
    text = config["text_config"] if "num_hidden_layers" in config.get("text_config", {}) else config
    kept = _spread(layers, _count(text, "num_hidden_layers"), "--layers")
    tower = config.get("vision_config", {})
    depth = "depth" if "depth" in tower else "num_hidden_layers"
    of_tower = _count(tower, depth)
    kept_of_tower = _spread(of_tower if vision_layers is None else vision_layers, of_tower, "--vision-layers")
    text["num_hidden_layers"], tower[depth] = len(kept), len(kept_of_tower)
    if "layer_types" in text:
        text["layer_types"] = [text["layer_types"][number] for number in kept]

    def name_of(name: str) -> str | None:
        found = _LAYER.fullmatch(name)
        if found is None:
            return name
        among, number = kept_of_tower if _TOWER.search(name) else kept, int(found["number"])
        return f"{found['before']}{among.index(number)}{found['after']}" if number in among else None

    shards = shards_of(checkpoint.folder)
    size = sum(shard.path.stat().st_size for shard in shards)
    target = Path(destination)
    with new_folder(target, size) as folder:
        _, num_bytes = copy_weights(shards, folder, name_of, progress)
        for file in sorted(checkpoint.folder.iterdir()):
            if file.is_file() and file.suffix in _SMALL_FILES and file.name not in _NOT_COPIED:
                shutil.copyfile(file, folder / file.name)
        write_json(folder / "config.json", config)
        if (folder / MARKER).is_file():
            marker = read_json(folder / MARKER)
            marker.pop("made_from_weights", None)
            write_json(folder / MARKER, marker)
        origin = {"weights": weights_id(shards), "layers": kept, "vision_layers": kept_of_tower}
        write_json(folder / ORIGIN, origin)
    return Pruned(target, num_bytes, tuple(kept), tuple(kept_of_tower), num_bytes / size)


def _copied(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config, so that its parts can be changed."""
    return {name: dict(value) if isinstance(value, dict) else value for name, value in config.items()}


def _count(config: Mapping[str, Any], name: str) -> int:
    count = config.get(name)
    if not isinstance(count, int) or count < 1:
        raise ModelError("bad_config", f"config.json says {count!r} for {name}.")
    return count


def _spread(count: int, of: int, option: str) -> list[int]:
    """So many numbers below `of`, evenly spread, the first and the last among them; one alone is the last."""
    if not 1 <= count <= of:
        raise ValueError(f"{option} {count}: the checkpoint has {of}. Take 1 to {of}.")
    return [of - 1] if count == 1 else [round(at * (of - 1) / (count - 1)) for at in range(count)]
