"""Marks of frames in few tokens."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from model.load import load_model
from train.small_world.make import Size, make_tarsier2
from train.small_world.marks import mark_words, with_mark_tokens
from train.small_world.vocabulary import story_tokenizer

TINY = Size(width=16, layers=1, heads=2, kv_heads=1, feed_forward=16, vision_width=16, vision_layers=1, vision_heads=2)
TEXT = "There is a red circle. <frame: 5-8> The red circle grows. <frame: 16> Then the camera zooms in."


def test_a_mark_of_several_frames_is_two_tokens_and_a_mark_of_one_is_one(tmp_path: Path) -> None:
    tokenizer = load_model(marked(tmp_path)).processor.tokenizer
    tokens = tokenizer.tokenize(TEXT)
    assert [token for token in tokens if token in mark_words()] == ["<frame: 5", "-8>", "<frame: 16>"]
    assert tokenizer.decode(tokenizer(TEXT)["input_ids"]) == TEXT


def test_other_words_keep_their_tokens_and_their_logits(tmp_path: Path) -> None:
    copy = load_model(marked(tmp_path))
    plain = load_model(tmp_path / "plain")
    known = len(story_tokenizer())
    ids = torch.tensor([plain.processor.tokenizer("The red circle grows.")["input_ids"]])
    assert copy.processor.tokenizer("The red circle grows.")["input_ids"] == ids[0].tolist()
    with torch.no_grad():
        before, after = (one.network(input_ids=ids).logits[..., :known] for one in (plain, copy))
    torch.testing.assert_close(after, before, rtol=0, atol=0)


def test_a_checkpoint_that_has_the_tokens_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has tokens for marks already"):
        with_mark_tokens(marked(tmp_path), tmp_path / "again")


def marked(folder: Path) -> Path:
    return with_mark_tokens(make_tarsier2(folder / "plain", TINY), folder / "marked")
