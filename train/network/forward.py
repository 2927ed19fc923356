"""One pass over a pack of samples: Tarsier2, Qwen2-VL and Tarsier, with gradients, without padding.

The stock modules run through their own `forward`, so that gradient checkpointing, adapters and sharding hook in as they
do everywhere; only attention is told which tokens belong together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model.processors.tarsier2 import pixel_values
from train.network.attention import Spans, attend_by_spans


@dataclass(frozen=True)
class Predicted:
    """What a pack predicts. logits: float32 [N, vocabulary], before each learned token, in order. targets: int64 [N].

    rows: int64 [N], the number of the sample in the pack that each belongs to.
    """

    logits: Tensor
    targets: Tensor
    rows: Tensor


class PackedNetwork(torch.nn.Module):
    """A network's packed pass. network: the stock module, perhaps inside adapters; family: as `LoadedModel` says."""

    def __init__(self, network: Any, family: str, processor: Any) -> None:
        super().__init__()
        if family not in ("tarsier1", "tarsier2"):
            raise ValueError(
                f"training knows Tarsier, Tarsier2 and what is converted from them, got a checkpoint of family "
                f"{family!r}."
            )
        self.network = network
        self._family = family
        self._processor = processor
        base = base_of(network)
        attend_by_spans([base.language_model] if family == "tarsier1" else [base.language_model, base.visual])

    def forward(self, prompts: Sequence[Any]) -> Predicted:
        """Logits before each learned token of the prompts (`Prompt` or `Tarsier1Prompt`), packed in this order.

        The head sees no other token: over a vocabulary of 152,064 that is what would fill the memory.
        """
        base = base_of(self.network)
        targets, places, rows = _targets(prompts)
        hidden = base.language_model(
            inputs_embeds=self._embedded(base, prompts),
            position_ids=self._positions(base, prompts),
            use_cache=False,
            spans=Spans(tuple(len(prompt.input_ids) for prompt in prompts)),
        ).last_hidden_state
        device = hidden.device
        logits = stock_of(self.network).lm_head(hidden[0, places.to(device)]).float()
        return Predicted(logits, targets.to(device), rows.to(device))

    def _embedded(self, base: Any, prompts: Sequence[Any]) -> Tensor:
        ids = torch.from_numpy(np.concatenate([prompt.input_ids for prompt in prompts]))
        device = base.language_model.device
        embedded = base.language_model.embed_tokens(ids.to(device))
        features = self._features(base, prompts, device)
        if features is not None:
            places = (ids == base.config.image_token_id).nonzero()[:, 0].to(device)
            embedded = embedded.index_copy(0, places, features.to(embedded.dtype))
        return embedded[None].to(_computed_in(device, embedded.dtype))

    def _features(self, base: Any, prompts: Sequence[Any], device: torch.device) -> Tensor | None:
        """[visual tokens, D] of all prompts in order."""
        if self._family == "tarsier1":
            frames = [prompt.frames for prompt in prompts if len(prompt.frames)]
            if not frames:
                return None
            pixels = self._processor.pixel_values(np.concatenate(frames)).to(device, base.dtype)
            return torch.cat(list(base.get_image_features(pixels).pooler_output)).flatten(0, -2)
        media = [one for prompt in prompts for one in prompt.media]
        if not media:
            return None
        rules = self._processor.rules
        pixels = torch.cat([pixel_values(one, rules, device).to(base.dtype) for one in media])
        grids = torch.tensor([one.grid for one in media], device=device)
        slices = tuple(h * w for t, h, w in (one.grid for one in media) for _ in range(t))
        whole = torch.tensor([0, sum(slices)], dtype=torch.int32, device=device)
        with torch.autocast(device.type, enabled=torch.is_autocast_enabled(device.type) and _learns(base.visual)):
            return base.visual(pixels, grids, cu_seqlens=whole, spans=Spans(slices, causal=False)).pooler_output

    def _positions(self, base: Any, prompts: Sequence[Any]) -> Tensor:
        device = base.language_model.device
        if self._family == "tarsier1":
            return torch.cat([torch.arange(len(prompt.input_ids)) for prompt in prompts])[None].to(device)
        return torch.cat([torch.from_numpy(prompt.position_ids) for prompt in prompts], dim=1)[:, None].to(device)


def base_of(network: Any) -> Any:
    """The module that holds `language_model` and the vision tower, through peft's wrappers."""
    return stock_of(network).model


def stock_of(network: Any) -> Any:
    """The stock network inside adapters and wrappers for several processes."""
    if hasattr(network, "get_base_model"):
        return network.get_base_model()
    return network


def _learns(tower: torch.nn.Module) -> bool:
    """A frozen tower is stored in what it computes in: autocast would only widen its norms."""
    return any(weight.requires_grad for weight in tower.parameters())


def _computed_in(device: torch.device, stored: torch.dtype) -> torch.dtype:
    """What activations are kept in between the layers: autocast's dtype where it is on."""
    return torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else stored


def _targets(prompts: Sequence[Any]) -> tuple[Tensor, Tensor, Tensor]:
    """Learned ids, the places of the tokens before them in the pack, and the sample each belongs to."""
    ids, places, rows = [], [], []
    start = 0
    for number, prompt in enumerate(prompts):
        own = np.flatnonzero(prompt.learned[1:])  # the first token of a sample has nothing before it
        ids.append(prompt.input_ids[own + 1])
        places.append(own + start)
        rows.append(np.full(len(own), number))
        start += len(prompt.input_ids)
    return tuple(torch.from_numpy(np.concatenate(one).astype(np.int64)) for one in (ids, places, rows))  # pyright: ignore
