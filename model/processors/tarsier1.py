"""The first Tarsier's processor: messages in, what `LlavaForConditionalGeneration` takes out, equal to the original's.

A frame becomes rows of `<image>` ids, each closed by the newline id, and the image-new id at its end; both are ordinary
rows of the embedding table, so the stock network computes the original without any code of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from model.errors import ModelError
from model.messages import Message, parse_messages
from model.processors.settings import Tarsier1Settings
from model.processors.tarsier1_frames import FrameRules, SquareFrames, square_frames

IGNORED = -100
MARKER = re.compile("<image>|<video>")


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
    indices: tuple[int, ...] = ()
    times_us: tuple[int, ...] = ()


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
        frames = self.job(messages, root=root, settings=settings)()
        return self.prompt_from(messages, frames, generation=generation, settings=settings)

    def job(
        self,
        messages: Sequence[Mapping[str, Any]] | Mapping[str, Any],
        *,
        root: str | Path = ".",
        settings: Tarsier1Settings | None = None,
    ) -> Callable[[], SquareFrames]:
        """The part of `prompt` that reads and resizes pictures, to be called wherever; it pickles and needs no
        torch."""
        return partial(square_frames, parse_messages(messages), settings or self.settings, self.rules, root)

    def prompt_from(
        self,
        messages: Sequence[Mapping[str, Any]] | Mapping[str, Any],
        frames: SquareFrames,
        *,
        generation: bool = False,
        settings: Tarsier1Settings | None = None,
    ) -> Tarsier1Prompt:
        """The rest of `prompt`."""
        parsed = parse_messages(messages)
        parts = chat_text(parsed, frames.num_frames, self.separator, generation=generation)
        return self._tokens(parts, frames, (settings or self.settings).max_tokens)

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

    def _tokens(self, parts: Sequence[tuple[str, bool]], frames: SquareFrames, limit: int) -> Tarsier1Prompt:
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
        if num_slots != len(frames.pixels):
            raise ModelError(
                "bad_message", f"The text has {num_slots} places for {len(frames.pixels)} pictures: {text[:200]!r}."
            )
        if len(ids) > limit:
            raise ModelError("too_long", f"{len(ids)} tokens with {len(frames.pixels)} frames; the limit is {limit}.")
        return Tarsier1Prompt(
            np.array(ids), np.array(learned, dtype=bool), frames.pixels, text, frames.indices, frames.times_us
        )


def chat_text(
    messages: Sequence[Message], num_frames: Sequence[int], separator: str, *, generation: bool
) -> list[tuple[str, bool]]:
    """The prompt as (text, whether it is the assistant's) parts.

    num_frames: of each picture or video in order. Markers in the text are where the pictures go, otherwise they go
    first with a line break after them; markers left over in later turns are taken out. A text that already reads
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
