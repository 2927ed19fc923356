"""Qwen2-VL's vision tower over uint8 frames: normalised on the device, doubled frames folded, slices side by side.

A doubled frame meets the two temporal taps of the patch embedding with the same pixels, so the taps can be added once
instead of moving and convolving the frame twice. Everything after that runs through the stock modules' weights.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from model.processors.tarsier2_frames import MediaFrames, PatchRules

SLICES = 64  # frames of one size that go through the tower together


def media_features(visual: Any, media: list[MediaFrames], rules: PatchRules) -> list[Tensor]:
    """Features of each item, [tokens, D], in the tower's dtype. Frames of one size share their passes."""
    if not media:
        return []
    device, dtype = visual.get_device(), visual.get_dtype()
    groups: dict[tuple[int, int, bool], list[int]] = {}
    for number, one in enumerate(media):
        groups.setdefault((one.grid[1], one.grid[2], one.doubled), []).append(number)
    found: list[Tensor | None] = [None] * len(media)
    for (height, width, doubled), numbers in groups.items():
        weight = _patch_weight(visual, doubled).to(dtype)
        slices = torch.cat([_patches(media[n], rules, device, dtype) for n in numbers])
        joined = torch.cat(
            [_tower(visual, functional.linear(part, weight), height, width) for part in slices.split(SLICES)]
        )
        sizes = [media[n].num_tokens(rules.merge_size) for n in numbers]
        for number, features in zip(numbers, joined.split(sizes), strict=True):
            found[number] = features
    return [features for features in found if features is not None]


def _patch_weight(visual: Any, folded: bool) -> Tensor:
    """[embed, 3 * 14 * 14] with both taps added, or [embed, 3 * 2 * 14 * 14]."""
    weight = visual.patch_embed.proj.weight
    return weight.float().sum(dim=2).flatten(1) if folded else weight.flatten(1)


def _patches(media: MediaFrames, rules: PatchRules, device: torch.device, dtype: torch.dtype) -> Tensor:
    """[slices, h * w, inputs]: what `pixel_values` makes, without the second copy of a doubled frame."""
    frames = torch.from_numpy(media.frames)
    if device.type == "cuda":
        frames = frames.pin_memory().to(device, non_blocking=True)
    scaled = frames.to(torch.float32).div_(255.0)
    mean, std = torch.tensor(rules.mean, device=device), torch.tensor(rules.std, device=device)
    normalised = scaled.sub_(mean).div_(std).to(dtype)
    t, h, w = media.grid
    size, merge = rules.patch_size, rules.merge_size
    depth = 1 if media.doubled else rules.temporal_patch_size
    blocks = normalised.reshape(t, depth, h // merge, merge, size, w // merge, merge, size, 3)
    return blocks.permute(0, 2, 5, 3, 6, 8, 1, 4, 7).reshape(t, h * w, 3 * depth * size * size)


def _tower(visual: Any, hidden: Tensor, height: int, width: int) -> Tensor:
    """Blocks and merger over slices of one size, [S, N, C] -> [S * N / 4, D]; each slice attends to itself."""
    from transformers.models.qwen2_vl import modeling_qwen2_vl as stock  # noqa: PLC0415
    from transformers.vision_utils import get_vision_position_ids  # noqa: PLC0415

    grid = torch.tensor([[1, height, width]], device=hidden.device)
    places = get_vision_position_ids(grid, visual.spatial_merge_size)
    cos, sin = visual.rotary_pos_emb(hidden, places)
    slices, length, channels = hidden.shape
    for block in visual.blocks:
        heads = block.attn.num_heads
        qkv = block.attn.qkv(block.norm1(hidden)).view(slices, length, 3, heads, channels // heads)
        query, key = stock.apply_rotary_pos_emb_vision(qkv[:, :, 0], qkv[:, :, 1], cos, sin)
        seen = functional.scaled_dot_product_attention(
            query.transpose(1, 2), key.transpose(1, 2), qkv[:, :, 2].transpose(1, 2), scale=block.attn.scaling
        )
        hidden = hidden + block.attn.proj(seen.transpose(1, 2).reshape(slices, length, channels))
        hidden = hidden + block.mlp(block.norm2(hidden))
    return visual.merger(hidden.reshape(-1, channels))
