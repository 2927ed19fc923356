"""Prompts as data, and pieces of clips."""

from __future__ import annotations

from pathlib import Path

import pytest

from recaption.prompts import load_prompts
from recaption.spans import Event, events_of, joined, segments_of, times_of, windows_of
from schemas.spans import Span


def test_a_file_of_ones_own_adds_prompts_and_wins(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('["tarsier.dense"]\nkind = "dense"\ntext = "What is it?"\n["mine"]\nkind = "mine"\ntext = "Well?"\n')
    prompts = load_prompts(own)
    assert prompts["tarsier.dense"].text == "What is it?"
    assert prompts["mine"].kind == "mine"
    assert prompts["tarsier.dense"].identity != load_prompts()["tarsier.dense"].identity


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no toml", "is no TOML file"),
        ('["x"]\nkind = "dense"\n', r"lacks \['text'\]"),
        ('["x"]\nkind = "dense"\ntext = "t"\ncolour = 1\n', r"has \['colour'\]"),
        ('["x"]\nkind = "dense"\ntext = "t"\nmin_words = "many"\n', "min_words of prompt x is 'many'"),
        ('["x"]\nkind = "dense"\ntext = "t"\nmin_words = 5\nmax_words = 2\n', "min_words must lie between"),
        ("x = 1\n", "'x' is no prompt"),
    ],
)
def test_a_prompt_file_that_cannot_be_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "own.toml").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_prompts(tmp_path / "own.toml")


def test_dollar_signs_of_a_caption_are_no_placeholders() -> None:
    assert "a sign says $5 $captions" in load_prompts()["lvd2m.rewrite"].about("a sign says $5 $captions")


def test_segments_are_thirty_seconds_and_a_rest() -> None:
    spans = segments_of(Span(5_000_000, 70_000_000), 30_000_000)
    assert [(s.start_us, s.end_us) for s in spans] == [
        (5_000_000, 35_000_000), (35_000_000, 65_000_000), (65_000_000, 70_000_000),
    ]  # fmt: skip


def test_a_rest_of_under_a_second_belongs_to_the_piece_before_it() -> None:
    assert segments_of(Span(0, 30_900_000), 30_000_000) == [Span(0, 30_900_000)]
    assert len(segments_of(Span(0, 31_000_000), 30_000_000)) == 2
    assert segments_of(Span(0, 500_000), 30_000_000) == [Span(0, 500_000)]


def test_windows_are_the_fewest_of_equal_length() -> None:
    spans = windows_of(Span(0, 130_000_000), 60_000_000)  # 130 s: three of 43.3 s
    assert [round(s.seconds, 1) for s in spans] == [43.3, 43.3, 43.3]
    assert windows_of(Span(0, 60_000_000), 60_000_000) == [Span(0, 60_000_000)]


def test_one_text_is_joined_as_it_is() -> None:
    assert joined(["only"]) == "only"
    assert joined(["a", "b"]) == "Caption 1: a\nCaption 2: b"


@pytest.mark.parametrize(
    "text",
    ["<frame: 1> A man sits. <frame: 2-4> He rises.", "A man sits. <frame: 1> He rises. <frame: 2-4>"],
    ids=["before", "after"],
)
def test_marks_stand_before_events_or_after_them(text: str) -> None:
    assert events_of(text, 4) == [Event("A man sits.", 1, 1), Event("He rises.", 2, 4)]


@pytest.mark.parametrize(
    "text", ["A man sits.", "<frame: 1-9> A man sits.", "<frame: 3-2> A man sits.", "A. <frame: 1> B. <frame: 2> C."]
)
def test_marks_that_do_not_hold_give_no_events(text: str) -> None:
    assert events_of(text, 4) == []


def test_an_event_lasts_until_the_frame_after_its_last() -> None:
    times = [0, 1_000_000, 2_000_000]
    assert times_of(Event("x", 1, 2), times, 2_500_000) == Span(0, 2_000_000)
    assert times_of(Event("x", 3, 3), times, 2_500_000) == Span(2_000_000, 2_500_000)
