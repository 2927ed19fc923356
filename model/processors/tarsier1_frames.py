"""The first Tarsier's pictures of one sample: its choice of frames, a square, CLIP's size. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.frames import Shown, frames_by, image_frame
from model.messages import Item, Message, is_video, media_items
from model.processors.settings import Tarsier1Settings
from model.resizing import pad_to_square, resize, stretch_to_square
from model.sampling import Selection, uniform_tarsier1


@dataclass(frozen=True)
class FrameRules:
    """Of CLIP's preprocessor_config.json: side of the square picture, side of a patch, mean and deviation."""

    side: int = 336
    patch_size: int = 14
    mean: tuple[float, float, float] = (0.48145466, 0.4578275, 0.40821073)
    std: tuple[float, float, float] = (0.26862954, 0.26130258, 0.27577711)

    @property
    def rows(self) -> int:
        return self.side // self.patch_size


@dataclass(frozen=True)
class SquareFrames:
    """pixels: uint8 [n, side, side, 3] of all items. num_frames: of each item. indices, times_us: as in `Shown`."""

    pixels: NDArray[np.uint8]
    num_frames: tuple[int, ...]
    indices: tuple[int, ...]
    times_us: tuple[int, ...]


def square_frames(
    messages: Sequence[Message], settings: Tarsier1Settings, rules: FrameRules, root: str | Path
) -> SquareFrames:
    """All pictures of a sample in order. Raises ModelError."""
    shown = [_shown(item, settings, root) for item in media_items(messages)]
    pictures = [picture for one in shown for picture in one.pictures]
    squares = {id(picture): np.asarray(_square(picture, rules, settings.pad)) for picture in pictures}
    frames = [squares[id(picture)] for picture in pictures]
    return SquareFrames(
        np.stack(frames) if frames else np.zeros((0, rules.side, rules.side, 3), np.uint8),
        tuple(len(one.pictures) for one in shown),
        tuple(index for one in shown for index in one.indices),
        tuple(time for one in shown for time in one.times_us),
    )


def _square(picture: Image.Image, rules: FrameRules, pad: bool) -> Image.Image:
    """A square first (stretched, or padded with CLIP's mean colour), then CLIP's side."""
    mean = [int(value * 255) for value in rules.mean]
    square = pad_to_square(picture, (mean[0], mean[1], mean[2])) if pad else stretch_to_square(picture)
    return resize(square, rules.side, rules.side)


def _shown(item: Item, settings: Tarsier1Settings, root: str | Path) -> Shown:
    if item.kind == "image":
        return image_frame(item.media, root)
    return frames_by(item.media, root, lambda total, fps, keys: select_tarsier1(total, fps, keys, settings.n_frames))


def select_tarsier1(total: int, fps: float | None, item: Mapping[str, Any], n: int) -> Selection:
    """Always n frames of a video, between `start_time` and `end_time` (seconds) if given; of a list at most n."""
    if "frame_indices" in item:
        asked = [int(i) for i in item["frame_indices"]]
        return Selection(tuple(i for i in asked if 0 <= i < total), tuple(i for i in asked if not 0 <= i < total))
    start, end = int(item.get("start_frame", 0)), int(item.get("end_frame", total - 1))
    if item.get("start_time") is not None or item.get("end_time") is not None:
        if not fps:
            raise ValueError("start_time and end_time count seconds, and these pictures have no frame rate.")
        start = int(fps * item.get("start_time", 0))
        end = int(fps * item["end_time"]) if item.get("end_time") is not None else total - 1
    start, end = min(max(start, 0), total - 1), min(max(end, 0), total - 1)
    length = end - start + 1
    if not is_video(item) and length <= n:
        return Selection(tuple(range(start, end + 1)))
    return Selection(tuple(uniform_tarsier1(length, n, start)))
