"""Any other video VLM: its own transformers processor, fed with frames that were sampled and decoded here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from model.errors import ModelError
from model.frames import Shown
from model.messages import Item, Message, media_items, parse_messages
from model.processors.stock_frames import StockSettings, shown_frames


@dataclass(frozen=True)
class StockPrompt:
    """One sample before the processor. frames: uint8 [n, H, W, 3] of each video; fps: of those frames, about."""

    text: str
    images: list[NDArray[np.uint8]] = field(default_factory=list)
    videos: list[NDArray[np.uint8]] = field(default_factory=list)
    fps: list[float] = field(default_factory=list)
    indices: tuple[int, ...] = ()
    times_us: tuple[int, ...] = ()


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
        shown = self.job(messages, root=root, settings=settings)()
        return self.prompt_from(messages, shown, generation=generation)

    def job(
        self,
        messages: Sequence[Mapping[str, Any]] | Mapping[str, Any],
        *,
        root: str | Path = ".",
        settings: StockSettings | None = None,
    ) -> Callable[[], list[Shown]]:
        """The part of `prompt` that reads pictures, to be called wherever; it pickles and needs no torch."""
        return partial(shown_frames, parse_messages(messages), settings or self.settings, root)

    def prompt_from(
        self,
        messages: Sequence[Mapping[str, Any]] | Mapping[str, Any],
        shown: list[Shown],
        *,
        generation: bool = False,
        settings: StockSettings | None = None,
    ) -> StockPrompt:
        """The rest of `prompt`."""
        parsed = parse_messages(messages)
        items = media_items(parsed)
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
        text = self._text(parsed, shown, generation=generation)
        indices = tuple(index for one in shown for index in one.indices)
        return StockPrompt(text, images, videos, rates, indices, tuple(time for one in shown for time in one.times_us))

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
