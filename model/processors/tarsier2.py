"""Tarsier2's processor: messages in, what `Qwen2VLForConditionalGeneration` takes out, equal to the original's."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from model.errors import ModelError
from model.messages import Message, parse_messages
from model.positions import PADDING_POSITION, mrope_positions
from model.processors.settings import Tarsier2Settings
from model.processors.tarsier2_frames import MediaFrames, PatchRules, sample_frames
from model.processors.templates import ChatTemplate

log = logging.getLogger("longtake.model")
IGNORED = -100


@dataclass(frozen=True)
class Prompt:
    """One sample, ready but unpadded.

    input_ids: int64 [L]. position_ids: int64 [3, L]. learned: bool [L], the assistant's tokens.
    media: the pictures in order.
    """

    input_ids: NDArray[np.int64]
    position_ids: NDArray[np.int64]
    learned: NDArray[np.bool_]
    media: list[MediaFrames] = field(default_factory=list)

    @property
    def indices(self) -> tuple[int, ...]:
        return tuple(index for one in self.media for index in one.indices)

    @property
    def times_us(self) -> tuple[int, ...]:
        return tuple(time for one in self.media for time in one.times_us)


class Tarsier2Processor:
    """Callable: `processor(messages, root=DIR)` gives tensors on the CPU; the network moves them.

    settings: frames and pixels; replace it for other choices. template: the chat template and where it came from.
    """

    def __init__(
        self,
        tokenizer: Any,
        template: ChatTemplate,
        rules: PatchRules,
        image_token_id: int,
        settings: Tarsier2Settings | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.template = template
        self.rules = rules
        self.image_token_id = image_token_id
        self.settings = settings or Tarsier2Settings()

    def __call__(
        self,
        messages: Sequence[Mapping[str, Any]] | Mapping[str, Any],
        *,
        root: str | Path = ".",
        generation: bool = False,
        labels: bool = False,
        settings: Tarsier2Settings | None = None,
        seed: int | None = None,
    ) -> dict[str, torch.Tensor]:
        """Tensors of one sample: messages or a row that holds them. Paths are relative to root.

        generation: end with the assistant's opening, or leave a last assistant turn open to be continued.
        labels: add "labels", -100 outside the assistant's text. seed: of random choices. Raises ModelError.
        """
        prompt = self.prompt(messages, root=root, generation=generation, settings=settings, seed=seed)
        return self.collate([prompt], labels=labels)

    def prompt(
        self,
        messages: Sequence[Mapping[str, Any]] | Mapping[str, Any],
        *,
        root: str | Path = ".",
        generation: bool = False,
        settings: Tarsier2Settings | None = None,
        seed: int | None = None,
    ) -> Prompt:
        """One sample with its frames as uint8, for who batches and normalises elsewhere. Raises ModelError."""
        media = self.job(messages, root=root, settings=settings, seed=seed)()
        return self.prompt_from(messages, media, generation=generation, settings=settings)

    def job(
        self,
        messages: Sequence[Mapping[str, Any]] | Mapping[str, Any],
        *,
        root: str | Path = ".",
        settings: Tarsier2Settings | None = None,
        seed: int | None = None,
    ) -> Callable[[], list[MediaFrames]]:
        """The part of `prompt` that reads and resizes pictures, to be called wherever; it pickles and needs no
        torch."""
        chosen = (settings or self.settings).for_row(messages)
        return partial(sample_frames, parse_messages(messages), chosen, self.rules, root, seed)

    def prompt_from(
        self,
        messages: Sequence[Mapping[str, Any]] | Mapping[str, Any],
        media: list[MediaFrames],
        *,
        generation: bool = False,
        settings: Tarsier2Settings | None = None,
    ) -> Prompt:
        """The rest of `prompt`: token ids and positions. Raises ModelError("too_long")."""
        limit = (settings or self.settings).max_tokens
        parsed = parse_messages(messages)
        last_is_open = generation and parsed[-1].role == "assistant"
        encoded = self.tokenizer.apply_chat_template(
            _for_template(parsed),
            chat_template=self.template.text,
            tokenize=True,
            return_dict=True,
            return_assistant_tokens_mask="generation" in self.template.text,
            add_generation_prompt=generation and not last_is_open,
            strip_final_eos=last_is_open,
        )
        one_each = np.asarray(encoded["input_ids"], dtype=np.int64)
        masks = np.asarray(encoded.get("assistant_masks", np.zeros(len(one_each))), dtype=bool)
        grids = [one.grid for one in media]
        visual = [one.num_tokens(self.rules.merge_size) for one in media]
        num_visual, counts = sum(visual), np.ones(len(one_each), dtype=np.int64)
        places = np.flatnonzero(one_each == self.image_token_id)
        if len(places) != len(media):
            raise ModelError("bad_message", f"The text itself holds the token of a picture, id {self.image_token_id}.")
        counts[places] = visual
        ids, learned = np.repeat(one_each, counts), np.repeat(masks, counts)
        kept = ids[:limit]
        if int((kept == self.image_token_id).sum()) != num_visual:
            raise ModelError("too_long", f"{len(ids)} tokens, {num_visual} of them visual; the limit is {limit}.")
        if len(kept) < len(ids):
            log.warning("A prompt of %d tokens was cut off after %d.", len(ids), limit)
        positions = mrope_positions(kept.tolist(), grids, frozenset([self.image_token_id]), self.rules.merge_size)
        return Prompt(kept, positions, learned[:limit], media)

    def collate(self, prompts: Sequence[Prompt], *, labels: bool = False) -> dict[str, torch.Tensor]:
        """A batch, padded on the left: input_ids, attention_mask [B, L]; position_ids [3, B, L]; pixel_values [P, 1176]
        and image_grid_thw [N, 3] where there are pictures; labels [B, L] if asked for."""
        longest = max(len(prompt.input_ids) for prompt in prompts)
        ids = np.full((len(prompts), longest), self.tokenizer.pad_token_id, dtype=np.int64)
        mask = np.zeros((len(prompts), longest), dtype=np.int64)
        positions = np.full((3, len(prompts), longest), PADDING_POSITION, dtype=np.int64)
        targets = np.full((len(prompts), longest), IGNORED, dtype=np.int64)
        for row, prompt in enumerate(prompts):
            start = longest - len(prompt.input_ids)
            ids[row, start:] = prompt.input_ids
            mask[row, start:] = 1
            positions[:, row, start:] = prompt.position_ids
            targets[row, start:] = np.where(prompt.learned, prompt.input_ids, IGNORED)
        batch = {"input_ids": ids, "attention_mask": mask, "position_ids": positions}
        if labels:
            batch["labels"] = targets
        tensors = {name: torch.from_numpy(array) for name, array in batch.items()}
        media = [one for prompt in prompts for one in prompt.media]
        if media:
            tensors["pixel_values"] = torch.cat([pixel_values(one, self.rules) for one in media])
            tensors["image_grid_thw"] = torch.tensor([one.grid for one in media])
        return tensors

    def using(self, **changes: Any) -> Tarsier2Processor:
        """This processor with other settings, by the names of Tarsier2Settings."""
        return Tarsier2Processor(
            self.tokenizer, self.template, self.rules, self.image_token_id, replace(self.settings, **changes)
        )


def _for_template(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """For the template each picture is one token, which stands for all of its own: to write and to read eight thousand
    of them takes longer than the rest of a prompt."""
    return [
        {
            "role": message.role,
            "content": [
                {"type": "text", "text": item.text}
                if item.kind == "text"
                else {"type": item.kind, "num_vision_tokens": 1}
                for item in message.content
            ],
        }
        for message in messages
    ]


def pixel_values(media: MediaFrames, rules: PatchRules, device: torch.device | str = "cpu") -> torch.Tensor:
    """float32 [t * h * w, 3 * 2 * 14 * 14]: patches in the order of Qwen2-VL's image processor.

    Blocks of merge_size x merge_size patches stay together, so that the merger can join neighbours in memory.
    device: where they are computed; frames travel there as uint8, an eighth of the doubled patches.
    """
    scaled = torch.from_numpy(media.frames).to(device).to(torch.float32).div_(255.0)
    mean, std = torch.tensor(rules.mean, device=device), torch.tensor(rules.std, device=device)
    normalised = scaled.sub_(mean).div_(std)
    depth = rules.temporal_patch_size
    if media.doubled:
        normalised = normalised.repeat_interleave(depth, dim=0)
    t, h, w = media.grid
    size, merge = rules.patch_size, rules.merge_size
    blocks = normalised.reshape(t, depth, h // merge, merge, size, w // merge, merge, size, 3)
    return blocks.permute(0, 2, 5, 3, 6, 8, 1, 4, 7).reshape(t * h * w, 3 * depth * size * size)
