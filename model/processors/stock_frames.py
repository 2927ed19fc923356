"""Pictures of one sample for a stock processor, at their own size. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from model.errors import ModelError
from model.frames import Shown, image_frame, video_frames
from model.messages import Message, media_items
from model.sampling import Sampler, allot_frames


@dataclass(frozen=True)
class StockSettings:
    """n_frames: of a whole sample, shared out as Tarsier2 does. Sizes are the checkpoint's own processor's."""

    n_frames: int = 16
    max_n_frames: int = 256
    sampler: Sampler = "v1"

    def __post_init__(self) -> None:
        if self.n_frames < 1:
            raise ValueError(f"n_frames must be >= 1, got {self.n_frames}.")


def shown_frames(messages: Sequence[Message], settings: StockSettings, root: str | Path) -> list[Shown]:
    """All pictures of a sample in order. Raises ModelError."""
    items = media_items(messages)
    videos = [item.media for item in items if item.kind == "video"]
    try:
        shares = allot_frames(videos, len(items) - len(videos), settings.n_frames, settings.max_n_frames)
    except (ValueError, TypeError) as error:
        raise ModelError("bad_message", str(error)) from error
    left = iter(shares)
    return [
        image_frame(item.media, root)
        if item.kind == "image"
        else video_frames(item.media, root, max(1, next(left)), settings.sampler, None)
        for item in items
    ]
