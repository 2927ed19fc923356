"""Names of weights: the original checkpoints', the published Qwen2-VL layout's, and those of the modules in memory."""

from __future__ import annotations

from collections.abc import Iterable

# First match wins. `published`: what Qwen2-VL was released with in 2024 and every engine reads.
TARSIER2_TO_PUBLISHED = (
    ("vision_tower.", "visual."),
    ("language_model.model.", "model."),
    ("language_model.lm_head.", "lm_head."),
)
PUBLISHED_TO_MODULE = (
    ("model.visual.", "model.visual."),
    ("model.language_model.", "model.language_model."),
    ("visual.", "model.visual."),
    ("model.", "model.language_model."),
)
# transformers >= 5 has no level `vision_model` in CLIP's tower.
TARSIER1_TO_MODULE = (
    ("vision_tower.vision_model.", "model.vision_tower."),
    ("vision_tower.", "model.vision_tower."),
    ("multi_modal_projector.", "model.multi_modal_projector."),
    ("language_model.model.", "model.language_model."),
    ("language_model.lm_head.", "lm_head."),
)
# Buffers that older versions saved and that are computed from the config today.
COMPUTED = ("rotary_emb.inv_freq", "rotary_pos_emb.inv_freq", "embeddings.position_ids")


def renamed(name: str, rules: Iterable[tuple[str, str]]) -> str:
    """The name under the first rule whose prefix fits, else the name itself."""
    for prefix, replacement in rules:
        if name.startswith(prefix):
            return replacement + name[len(prefix) :]
    return name


def published_name(name: str) -> str:
    """Tarsier2's name in the published Qwen2-VL layout."""
    return renamed(name, TARSIER2_TO_PUBLISHED)


def qwen2_vl_module_name(name: str) -> str:
    """The name in memory of a weight that has Tarsier2's, the published or the module's own name."""
    return renamed(published_name(name), PUBLISHED_TO_MODULE)


def llava_module_name(name: str) -> str:
    """The name in memory of a weight of the first Tarsier."""
    return renamed(name, TARSIER1_TO_MODULE)


def is_computed(name: str) -> bool:
    """Whether this is a buffer that is computed, not loaded."""
    return name.endswith(COMPUTED)
