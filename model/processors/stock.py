"""Any other video VLM: its own transformers processor, fed with frames that were sampled and decoded here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from model.errors import ModelError
from model.frames import Shown, image_frame, video_frames
from model.messages import Item, Message, media_items, parse_messages
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


@dataclass(frozen=True)
class StockPrompt:
    """One sample before the processor. frames: uint8 [n, H, W, 3] of each video; fps: of those frames, about."""

    text: str
    images: list[NDArray[np.uint8]] = field(default_factory=list)
    videos: list[NDArray[np.uint8]] = field(default_factory=list)
    fps: list[float] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)


class StockProcessor:
    """Callable like Tarsier2Processor. processor: transformers' own."""

    def __init__(self, processor: Any, settings: StockSettings | None = None) -> None:
        self.processor = processor
        self.tokenizer = processor.tokenizer
        self.settings = settings or StockSettings()
        self.tokenizer.padding_side = "left"
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self._takes_videos = getattr(processor, "video_processor", None) is not None

    def __call__(
        self,
        messages: Sequence[Mapping[str, Any]] | Mapping[str, Any],
        *,
        root: str | Path = ".",
        generation: bool = False,
        settings: StockSettings | None = None,
    ) -> dict[str, torch.Tensor]:
        """Tensors of one sample. Raises ModelError."""
        return self.collate([self.prompt(messages, root=root, generation=generation, settings=settings)])

    def prompt(
        self,
        messages: Sequence[Mapping[str, Any]] | Mapping[str, Any],
        *,
        root: str | Path = ".",
        generation: bool = False,
        settings: StockSettings | None = None,
    ) -> StockPrompt:
        """One sample with its frames as uint8. Raises ModelError."""
        chosen = settings or self.settings
        parsed = parse_messages(messages)
        items = media_items(parsed)
        shown = self._shown(items, chosen, root)
        images: list[NDArray[np.uint8]] = []
        videos: list[NDArray[np.uint8]] = []
        rates: list[float] = []
        for item, one in zip(items, shown, strict=True):
            frames = [np.asarray(picture) for picture in one.pictures]
            if item.kind == "video" and self._takes_videos:
                videos.append(np.stack(frames))
                rates.append(_rate(one))
            else:
                images += frames
        return StockPrompt(self._text(parsed, shown, generation=generation), images, videos, rates, shown)

    def collate(self, prompts: Sequence[StockPrompt]) -> dict[str, torch.Tensor]:
        """A batch, padded on the left, with the keys that this network's processor makes."""
        media: dict[str, Any] = {}
        if any(prompt.images for prompt in prompts):
            media["images"] = [prompt.images for prompt in prompts if prompt.images]
        if any(prompt.videos for prompt in prompts):
            media["videos"] = [list(video) for prompt in prompts for video in prompt.videos]
            media["video_metadata"] = [
                _metadata(video, fps)
                for prompt in prompts
                for video, fps in zip(prompt.videos, prompt.fps, strict=True)
            ]
            media["do_sample_frames"] = False
        texts = [prompt.text for prompt in prompts]
        return dict(self.processor(text=texts, padding=True, return_tensors="pt", **media))

    def using(self, **changes: Any) -> StockProcessor:
        """This processor with other settings, by the names of StockSettings."""
        return StockProcessor(self.processor, replace(self.settings, **changes))

    def _shown(self, items: Sequence[Item], settings: StockSettings, root: str | Path) -> list[Shown]:
        videos = [item.media for item in items if item.kind == "video"]
        try:
            shares = allot_frames(videos, len(items) - len(videos), settings.n_frames, settings.max_n_frames)
        except (ValueError, TypeError) as error:
            raise ModelError("bad_message", str(error)) from error
        left = iter(shares)
        rng: Random | None = None
        return [
            image_frame(item.media, root)
            if item.kind == "image"
            else video_frames(item.media, root, max(1, next(left)), settings.sampler, rng)
            for item in items
        ]

    def _text(self, messages: Sequence[Message], shown: Sequence[Shown], *, generation: bool) -> str:
        left = iter(shown)
        turns = [
            {"role": message.role, "content": [part for item in message.content for part in self._parts(item, left)]}
            for message in messages
        ]
        is_open = generation and messages[-1].role == "assistant"
        if is_open and not messages[-1].text:
            turns, is_open = turns[:-1], False
        try:
            return self.processor.apply_chat_template(
                turns,
                tokenize=False,
                add_generation_prompt=generation and not is_open,
                continue_final_message=is_open,
            )
        except ValueError as error:
            raise ModelError("bad_config", f"no chat template: {error}") from error

    def _parts(self, item: Item, left: Any) -> list[dict[str, str]]:
        if item.kind == "text":
            return [{"type": "text", "text": item.text}]
        one: Shown = next(left)
        if item.kind == "video" and not self._takes_videos:
            return [{"type": "image"}] * len(one.pictures)
        return [{"type": item.kind}]


def _rate(shown: Shown) -> float:
    """Frames a second of what is shown; 1 where the pictures have no clock."""
    if len(shown.times_us) < 2 or shown.times_us[-1] <= shown.times_us[0]:
        return 1.0
    return float(Fraction((len(shown.times_us) - 1) * 1_000_000, shown.times_us[-1] - shown.times_us[0]))


def _metadata(video: NDArray[np.uint8], fps: float) -> Any:
    from transformers.video_utils import VideoMetadata  # noqa: PLC0415

    num, height, width = video.shape[:3]
    return VideoMetadata(
        total_num_frames=num,
        fps=fps,
        width=width,
        height=height,
        duration=num / fps,
        frames_indices=list(range(num)),
    )
