"""The network that is to learn, out of any checkpoint of Tarsier's or Qwen2-VL's architecture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from engine.door import WrongUse
from model.configs import open_checkpoint
from model.load import LoadedModel, load_model
from model.processors.choose import processor_for


def load_for_training(path: str | Path, device: str) -> LoadedModel:
    """A loaded model whose processor is Tarsier's or Tarsier2's.

    A plain Qwen2-VL checkpoint is taken as what Tarsier2 begins from: one block of doubled frames a video.
    Raises ModelError; WrongUse for other networks.
    """
    loaded = load_model(path, device=device)
    if loaded.family == "other":
        raise WrongUse(f"{path} is a {type(loaded.network).__name__}; Tarsier, Tarsier2 and Qwen2-VL can be trained.")
    if loaded.family != "qwen2_vl":
        return loaded
    checkpoint = replace(open_checkpoint(path), family="tarsier2")
    return replace(loaded, family="tarsier2", processor=processor_for(checkpoint))
