"""A checkpoint of the small world whose tokenizer writes a mark of frames in two tokens."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from train.small_world.card import CARD

MOST_FRAMES = 16  # that a grounded sample names


def mark_words(n_frames: int = MOST_FRAMES) -> list[str]:
    """`<frame: 1`, `-1>` and `<frame: 1>` of every frame: the parts that any mark is one or two of."""
    numbers = range(1, n_frames + 1)
    return [part.format(number) for part in ("<frame: {}", "-{}>", "<frame: {}>") for number in numbers]


def with_mark_tokens(source: Path, folder: Path, seed: int = 0) -> Path:
    """A copy of a Tarsier2 checkpoint in which each of `mark_words` is a token of its own. Returns the folder.

    The small world's tokenizer spells a mark in 7 to 11 tokens where an event takes 5 to 8; Qwen2-VL's takes about 7
    where an event of its captions takes 15 to 25. Two and a space are the like here.
    The new rows of its embeddings are random ones, as large as the others on average; those of its head are zero, so
    that it says of anything else what it said. Raises ValueError: the tokenizer has such tokens already.
    """
    import torch  # noqa: PLC0415
    from tokenizers import AddedToken  # noqa: PLC0415
    from transformers import PreTrainedTokenizerFast, Qwen2VLForConditionalGeneration  # noqa: PLC0415

    tokenizer = PreTrainedTokenizerFast.from_pretrained(source)
    known = len(tokenizer)
    words = mark_words()
    if tokenizer.add_tokens([AddedToken(word, normalized=False) for word in words]) < len(words):
        raise ValueError(f"{source} has tokens for marks already: use it as it is.")
    network: Any = Qwen2VLForConditionalGeneration.from_pretrained(source)
    rows = max(network.get_input_embeddings().weight.shape[0], -(-len(tokenizer) // 64) * 64)
    network.resize_token_embeddings(rows, mean_resizing=False)
    embedded = network.get_input_embeddings().weight.data
    generator = torch.Generator().manual_seed(seed)
    embedded[known:] = torch.randn(embedded[known:].shape, generator=generator) * embedded[:known].std()
    network.get_output_embeddings().weight.data[known:] = 0
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns(CARD))
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
