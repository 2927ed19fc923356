"""The first Tarsier's processor: messages in, what `LlavaForConditionalGeneration` takes out, equal to the original's.

A frame becomes rows of `<image>` ids, each closed by the newline id, and the image-new id at its end; both are ordinary
rows of the embedding table, so the stock network computes the original without any code of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from model.errors import ModelError
from model.frames import Shown, frames_by, image_frame
from model.messages import Item, Message, parse_messages
from model.processors.settings import Tarsier1Settings
from model.resizing import pad_to_square, resize, stretch_to_square
from model.sampling import Selection, uniform_tarsier1

IGNORED = -100
MARKER = re.compile("<image>|<video>")


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
class FrameIds:
    """Token ids that stand for one frame; they differ between the 7B and the 34B."""

    image: int
    newline: int
    new: int

    def of_frame(self, rows: int) -> list[int]:
        """24 rows of 24 patches are 601 ids."""
        return ([self.image] * rows + [self.newline]) * rows + [self.new]


@dataclass(frozen=True)
class Tarsier1Prompt:
    """One sample, unpadded. input_ids: int64 [L], expanded. learned: bool [L]. frames: uint8 [n, side, side, 3]."""

    input_ids: NDArray[np.int64]
    learned: NDArray[np.bool_]
    frames: NDArray[np.uint8]
    text: str
    shown: list[Shown] = field(default_factory=list)


class Tarsier1Processor:
    """Callable: `processor(messages, root=DIR)` gives tensors on the CPU; the network moves them."""

    def __init__(
        self,
        tokenizer: Any,
        rules: FrameRules,
        ids: FrameIds,
        separator: str,
        settings: Tarsier1Settings | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.rules = rules
        self.ids = ids
        self.separator = separator  # between turns: </s> of the 7B, <|endoftext|> of the 34B
        self.settings = settings or Tarsier1Settings()

    def __call__(
        self,
        messages: Sequence[Mapping[str, Any]] | Mapping[str, Any],
        *,
        root: str | Path = ".",
        generation: bool = False,
        labels: bool = False,
        settings: Tarsier1Settings | None = None,
    ) -> dict[str, torch.Tensor]:
        """Tensors of one sample. The arguments are those of Tarsier2Processor. Raises ModelError."""
        return self.collate([self.prompt(messages, root=root, generation=generation, settings=settings)], labels=labels)

    def prompt(
        self,
        messages: Sequence[Mapping[str, Any]] | Mapping[str, Any],
        *,
        root: str | Path = ".",
        generation: bool = False,
        settings: Tarsier1Settings | None = None,
    ) -> Tarsier1Prompt:
        """One sample with its frames as uint8. Raises ModelError."""
        chosen = settings or self.settings
        parsed = parse_messages(messages)
        shown = [_shown(item, chosen, root) for message in parsed for item in message.content if item.kind != "text"]
        pictures = [picture for one in shown for picture in one.pictures]
        frames = [np.asarray(self._square(picture, chosen.pad)) for picture in pictures]
        pixels = np.stack(frames) if frames else np.zeros((0, self.rules.side, self.rules.side, 3), np.uint8)
        parts = chat_text(parsed, [len(one.pictures) for one in shown], self.separator, generation=generation)
        return self._tokens(parts, pixels, shown, chosen.max_tokens)

    def collate(self, prompts: Sequence[Tarsier1Prompt], *, labels: bool = False) -> dict[str, torch.Tensor]:
        """A batch, padded on the left: input_ids, attention_mask, position_ids [B, L]; pixel_values
        [F, 3, side, side] where there are pictures; labels [B, L] if asked for."""
        longest = max(len(prompt.input_ids) for prompt in prompts)
        ids = np.full((len(prompts), longest), self.tokenizer.pad_token_id, dtype=np.int64)
        mask, targets = np.zeros_like(ids), np.full_like(ids, IGNORED)
        for row, prompt in enumerate(prompts):
            start = longest - len(prompt.input_ids)
            ids[row, start:], mask[row, start:] = prompt.input_ids, 1
            targets[row, start:] = np.where(prompt.learned, prompt.input_ids, IGNORED)
        positions = np.maximum(mask.cumsum(axis=1) - 1, 0)
        batch = {"input_ids": ids, "attention_mask": mask, "position_ids": positions}
        if labels:
            batch["labels"] = targets
        tensors = {name: torch.from_numpy(array) for name, array in batch.items()}
        frames = np.concatenate([prompt.frames for prompt in prompts])
        if len(frames):
            tensors["pixel_values"] = self.pixel_values(frames)
        return tensors

    def pixel_values(self, frames: NDArray[np.uint8]) -> torch.Tensor:
        """float32 [n, 3, side, side] of uint8 [n, side, side, 3]."""
        scaled = torch.from_numpy(frames).to(torch.float32).div_(255.0)
        normalised = scaled.sub_(torch.tensor(self.rules.mean)).div_(torch.tensor(self.rules.std))
        return normalised.permute(0, 3, 1, 2).contiguous()

    def using(self, **changes: Any) -> Tarsier1Processor:
        """This processor with other settings, by the names of Tarsier1Settings."""
        settings = replace(self.settings, **changes)
        return Tarsier1Processor(self.tokenizer, self.rules, self.ids, self.separator, settings)

    def _square(self, picture: Image.Image, pad: bool) -> Image.Image:
        """A square first (stretched, or padded with CLIP's mean colour), then CLIP's side."""
        mean = [int(value * 255) for value in self.rules.mean]
        square = pad_to_square(picture, (mean[0], mean[1], mean[2])) if pad else stretch_to_square(picture)
        return resize(square, self.rules.side, self.rules.side)

    def _tokens(
        self, parts: Sequence[tuple[str, bool]], frames: NDArray[np.uint8], shown: list[Shown], limit: int
    ) -> Tarsier1Prompt:
        text = "".join(part for part, _ in parts)
        encoded = self.tokenizer(text, return_offsets_mapping=True)
        per_frame = self.ids.of_frame(self.rules.rows)
        spans = _learned_spans(parts)
        ids: list[int] = []
        learned: list[bool] = []
        for token, (start, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
            own = per_frame if token == self.ids.image else [token]
            ids += own
            learned += [end > start and any(a <= start and end <= b for a, b in spans)] * len(own)
        num_slots = encoded["input_ids"].count(self.ids.image)
        if num_slots != len(frames):
            raise ModelError(
                "bad_message", f"The text has {num_slots} places for {len(frames)} pictures: {text[:200]!r}."
            )
        if len(ids) > limit:
            raise ModelError("too_long", f"{len(ids)} tokens with {len(frames)} frames; the limit is {limit}.")
        return Tarsier1Prompt(np.array(ids), np.array(learned, dtype=bool), frames, text, shown)


def chat_text(
    messages: Sequence[Message], num_frames: Sequence[int], separator: str, *, generation: bool
) -> list[tuple[str, bool]]:
    """The prompt as (text, whether it is the assistant's) parts.

    num_frames: of each picture or video in order. Markers in the text are where the pictures go, otherwise they go first
    with a line break after them; markers left over in later turns are taken out. A text that already reads
    `USER: … ASSISTANT: …` is kept.
    """
    turns = [message for message in messages if message.role != "system"]
    system = "".join(message.text + " " for message in messages if message.role == "system")
    left = iter(num_frames)
    parts: list[tuple[str, bool]] = [(system, False)] if system else []
    for number, message in enumerate(turns):
        last = number == len(turns) - 1
        if message.role == "user":
            text = _user_text(message, left, later=number > 0)
            opening = " ASSISTANT: " if generation or not last else ""
            parts.append((text if _reads_whole(text) else f"USER: {text}{opening}", False))
        else:
            text = message.text.lstrip()
            parts.append((text if last and generation else text + separator, True))
    return parts


def _reads_whole(text: str) -> bool:
    """Whether a text is a whole prompt already."""
    return "ASSISTANT:" in text.partition("USER:")[2]


def _user_text(message: Message, left: Iterator[int], *, later: bool) -> str:
    frames = ["<image>" * next(left) for item in message.content if item.kind != "text"]
    text = message.text
    if not frames:
        bare = MARKER.sub("", text)
        return bare.strip() if later else bare
    if MARKER.search(text):
        return _into_markers(text, frames)
    pictures = "".join(frames)
    if _reads_whole(text):
        before, _, after = text.partition("USER:")
        return f"{before}USER: {pictures}\n{after.lstrip()}"
    return pictures + ("" if text.startswith("\n") else "\n") + text


def _into_markers(text: str, frames: Sequence[str]) -> str:
    """Pictures at their markers: one marker takes all, otherwise as many markers as there are items or frames."""
    markers = MARKER.findall(text)
    if len(markers) == 1:
        return MARKER.sub("".join(frames), text)
    slots = list(frames) if len(markers) == len(frames) else ["<image>"] * "".join(frames).count("<image>")
    if len(markers) != len(slots):
        raise ModelError(
            "bad_message", f"{len(markers)} markers for {len(frames)} pictures or videos in {text[:120]!r}."
        )
    following = iter(slots)
    return MARKER.sub(lambda _: next(following), text)


def _learned_spans(parts: Sequence[tuple[str, bool]]) -> list[tuple[int, int]]:
    """Character spans of the assistant's parts."""
    spans, at = [], 0
    for text, own in parts:
        if own:
            spans.append((at, at + len(text)))
        at += len(text)
    return spans


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
    if "video_file" not in item and length <= n:
        return Selection(tuple(range(start, end + 1)))
    return Selection(tuple(uniform_tarsier1(length, n, start)))
