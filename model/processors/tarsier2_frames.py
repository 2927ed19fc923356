"""Tarsier2's pictures of one sample: shares of frames, the shrinking pixel budget, two resizes. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.errors import ModelError
from model.frames import Shown, image_frame, video_frames
from model.messages import Item, Message, media_items
from model.processors.settings import Tarsier2Settings
from model.resizing import crop_to_4_3, pad_to_square, pixel_budget, resize, smart_resize, stretch_to_square
from model.sampling import allot_frames


@dataclass(frozen=True)
class PatchRules:
    """What the checkpoint's preprocessor_config.json says about the second resize. factor: patch_size * merge_size."""

    patch_size: int = 14
    merge_size: int = 2
    temporal_patch_size: int = 2
    min_pixels: int = 3_136
    max_pixels: int = 12_845_056
    mean: tuple[float, float, float] = (0.48145466, 0.4578275, 0.40821073)
    std: tuple[float, float, float] = (0.26862954, 0.26130258, 0.27577711)

    @property
    def factor(self) -> int:
        return self.patch_size * self.merge_size


@dataclass(frozen=True)
class MediaFrames:
    """Pictures of one item at their final size.

    frames: uint8 [n, H, W, 3] RGB, each distinct temporal input once. doubled: a frame fills its temporal patch alone.
    grid: (t, h, w) in patches. first_sizes: (width, height) after the first resize.
    indices, times_us, dropped: as in `Shown`; black frames that were appended have no index.
    """

    kind: Literal["image", "video"]
    frames: NDArray[np.uint8]
    doubled: bool
    grid: tuple[int, int, int]
    first_sizes: tuple[tuple[int, int], ...]
    indices: tuple[int, ...]
    times_us: tuple[int, ...]
    dropped: tuple[int, ...]

    def num_tokens(self, merge_size: int) -> int:
        t, h, w = self.grid
        return t * h * w // merge_size**2


def sample_frames(
    messages: Sequence[Message],
    settings: Tarsier2Settings,
    rules: PatchRules,
    root: str | Path,
    seed: int | None = None,
) -> list[MediaFrames]:
    """All pictures of a sample in order. seed: of the random choices in training. Raises ModelError."""
    items = media_items(messages)
    shown = _shown(items, settings, root, Random(seed))
    per_frame = 2 if settings.double_frames else 1
    num_pictures = sum(
        per_frame * len(one.pictures) if item.kind == "video" else rules.temporal_patch_size
        for item, one in zip(items, shown, strict=True)
    )
    try:
        smallest, largest = pixel_budget(num_pictures, settings.min_pixels, settings.max_pixels)
        budget = replace(settings, min_pixels=smallest, max_pixels=largest)
        return [_sized(item, one, budget, rules) for item, one in zip(items, shown, strict=True)]
    except ValueError as error:
        raise ModelError("too_small" if "below" in str(error) else "bad_media", str(error)) from error


def _shown(items: Sequence[Item], settings: Tarsier2Settings, root: str | Path, rng: Random) -> list[Shown]:
    n_frames = settings.n_frames if isinstance(settings.n_frames, int) else rng.choice(settings.n_frames)
    videos = [item.media for item in items if item.kind == "video"]
    try:
        shares = allot_frames(
            videos, len(items) - len(videos), n_frames, settings.max_n_frames, settings.frames_divisor
        )
    except (ValueError, TypeError) as error:
        raise ModelError("bad_message", str(error)) from error
    left = iter(shares)
    return [
        image_frame(item.media, root) if item.kind == "image" else _video(item, next(left), settings, root, rng)
        for item in items
    ]


def _video(item: Item, share: int, settings: Tarsier2Settings, root: str | Path, rng: Random) -> Shown:
    if share < 1:
        raise ModelError("no_frames", "The sample holds more pictures than n_frames, so none is left for a video.")
    shown = video_frames(item.media, root, share, settings.sampler, rng if settings.training else None)
    missing = -len(shown.pictures) % settings.frames_divisor
    black = Image.new("RGB", shown.pictures[0].size)
    return replace(shown, pictures=[*shown.pictures, *[black] * missing])


def _sized(item: Item, shown: Shown, budget: Tarsier2Settings, rules: PatchRules) -> MediaFrames:
    once = {id(picture): _first_resize(picture, budget) for picture in shown.pictures}  # frames may repeat
    firsts = [once[id(picture)] for picture in shown.pictures]
    height, width = smart_resize(firsts[0].height, firsts[0].width, rules.factor, rules.min_pixels, rules.max_pixels)
    doubled = item.kind == "image" or budget.double_frames or len(firsts) == 1
    if not doubled and len(firsts) % rules.temporal_patch_size:
        raise ModelError("bad_media", f"{len(firsts)} frames do not fill temporal patches of two; double them.")
    steps = len(firsts) if doubled else len(firsts) // rules.temporal_patch_size
    pixels = {id(picture): np.asarray(resize(picture, width, height)) for picture in once.values()}
    return MediaFrames(
        kind="image" if item.kind == "image" else "video",
        frames=np.stack([pixels[id(picture)] for picture in firsts]),
        doubled=doubled,
        grid=(steps, height // rules.patch_size, width // rules.patch_size),
        first_sizes=tuple(picture.size for picture in firsts),
        indices=shown.indices,
        times_us=shown.times_us,
        dropped=shown.dropped,
    )


def _first_resize(picture: Image.Image, budget: Tarsier2Settings) -> Image.Image:
    if budget.crop:
        picture = crop_to_4_3(picture)
    if budget.pad:
        picture = pad_to_square(picture)
    if budget.stretch:
        picture = stretch_to_square(picture)
    height, width = smart_resize(picture.height, picture.width, 1, budget.min_pixels, budget.max_pixels)
    return resize(picture, width, height)
