"""The arithmetic that a training step needs, counted from the network's sizes: what MFU is a share of.

A multiply and an add are two operations. What gradient checkpointing computes again is not counted, nor norms,
activations and the optimiser (as in PaLM's MFU, arXiv 2204.02311, appendix B).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model.plan import NetworkSizes
from train.settings import Recipe


@dataclass(frozen=True)
class SampleSize:
    """grids: (t, h, w) in patches of each picture or video. tokens: of the whole text. learned: of them."""

    grids: tuple[tuple[int, int, int], ...]
    tokens: int
    learned: int


def step_flop(sizes: NetworkSizes, samples: Sequence[SampleSize], recipe: Recipe) -> float:
    """Operations of one forward and backward pass over the samples, of a Qwen2-VL (Tarsier2).

    What learns takes the forward pass twice more: gradients of inputs and of weights. Below the lowest weight that
    learns there is no backward pass; through frozen weights there is only that of the inputs.
    """
    return sum(_of_sample(sizes, sample, recipe) for sample in samples)


def _of_sample(sizes: NetworkSizes, sample: SampleSize, recipe: Recipe) -> float:
    patches = sum(t * h * w for t, h, w in sample.grids)
    looks = sum(t * (h * w) ** 2 for t, h, w in sample.grids)
    vision = 2 * patches * (sizes.patch_inputs * sizes.vision_width + sizes.vision_layers * sizes.vision_layer_weights)
    vision += 4 * looks * sizes.vision_width * sizes.vision_layers  # each frame looks at itself
    projector = 2 * (patches // sizes.merge) * sizes.projector
    products = 2 * sample.tokens * sizes.text_layers * sizes.text_layer_weights
    products += 2 * sample.learned * sizes.text_width * sizes.vocabulary
    attention = 2 * sample.tokens**2 * sizes.text_width * sizes.text_layers  # causal: half of the square
    if recipe.adapter:
        return vision + projector + 2 * products + 3 * attention
    learns = {tower for tower in ("vision", "projector", "text") if tower not in recipe.frozen}
    below = bool(learns & {"vision", "projector"})
    text = (1 + ("text" in learns) + (below or "text" in learns)) * products
    text += (3 if below or "text" in learns else 1) * attention
    joined = (1 + ("projector" in learns) + ("vision" in learns)) * projector
    return text + joined + (3 if "vision" in learns else 1) * vision
