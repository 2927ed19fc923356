"""A tokenizer for stories: every word of the grammar is one token, and any other text is bytes."""

from __future__ import annotations

import string
from typing import Any

from media.synthetic.stories import CAMERA_ACTIONS, COLOURS, SHAPES, THING_ACTIONS

SPECIALS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>",
    "<|video_pad|>",
)  # fmt: skip
LLAVA_SPECIALS = ("<s>", "</s>", "<pad>", "<image>", "<image_newline>", "<image_new>")
SENTENCES = (
    "There is a an are nothing and . There, is, The the Then then camera before First last",
    "Describe the video in detail. Describe what happens. What is there at the start? Which event comes first?",
    "user assistant system You are a helpful assistant. USER: ASSISTANT:",
    "<frame: >",
)


def story_words() -> list[str]:
    """Texts that hold every word of the grammar, as it stands after a space."""
    words = [*COLOURS, *SHAPES, *(word for action in (*THING_ACTIONS, *CAMERA_ACTIONS) for word in action.split())]
    return [" " + word for word in sorted(set(words))] + list(SENTENCES) + list(string.digits)


def story_tokenizer(family: str = "tarsier2") -> Any:
    """A fast tokenizer: byte-level BPE whose merges make the grammar's words; equal each time it is made."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers  # noqa: PLC0415
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415

    specials = SPECIALS if family == "tarsier2" else LLAVA_SPECIALS
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=4_096,
        min_frequency=1,
        special_tokens=list(specials),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    inner.train_from_iterator(story_words(), trainer)
    named = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    if family == "tarsier1":
        named = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
        start = [("<s>", inner.token_to_id("<s>"))]
        inner.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=start)
    return PreTrainedTokenizerFast(tokenizer_object=inner, clean_up_tokenization_spaces=False, **named)
