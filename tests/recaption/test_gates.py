"""Each gate by its name: what it turns away, and what comes close and is fit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recaption.alike import bands_of
from recaption.gates import REASONS, judge, measure, words_of
from recaption.prompts import Prompt, load_prompts

PROMPT = Prompt("p", "Tell what happens in this video from its beginning to its end.", "dense", min_words=5)
GOOD = "A man in a red coat walks across the street while two cars wait, and the camera turns to follow him."


def reason_of(text: str, finish: str = "stop", prompt: Prompt = PROMPT) -> str | None:
    return judge(text, finish, prompt, measure(text, prompt)).reason


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "A picture frame hangs on the wall, and a woman opens the window frame to let in the cat.",
        "The first scene is dark. The man says that he cannot see his keys, and a child brings them to him.",
        "The dog runs and runs and runs, and then it jumps over the fence and into the water.",
        "A sign reads 'sorry, we are closed'; a woman stands before it and then walks away with her dog.",
    ],
)
def test_plain_descriptions_pass(text: str) -> None:
    assert reason_of(text) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("  \n", "empty"),
        ("I'm sorry, but I can't help with that.", "refusal"),
        ("As an AI language model, I do not look at videos, but a man may be walking here.", "refusal"),
        ("I cannot view the video that you sent, so here is a guess about what it is.", "refusal"),
        ("A man walks in the park " + "and he walks in the park " * 12, "repetition"),
        (GOOD + " sut" * 40, "repetition"),
        ("utsutsut" * 20, "repetition"),
        ("A dog sits in the grass. " * 5, "repetition"),
        ("Tell what happens in this video from its beginning to its end. A man walks.", "prompt_echo"),
        ("Ein Mann geht langsam durch den Park und setzt sich dann auf eine Bank neben dem Baum.", "wrong_language"),
        ("一个男人穿过街道,然后他停下来看着两辆汽车。", "wrong_language"),
        ("In the first frame a man stands at the door, and in the last frame he is gone from it.", "mentions_frames"),
        ("The sequence of images shows a man who walks to the door and opens it.", "mentions_frames"),
        ("Caption 2 says that the man walks to the door and opens it for the dog.", "mentions_frames"),
        ("A man walks.", "too_short"),
    ],
)
def test_an_unfit_text_is_turned_away_by_name(text: str, reason: str) -> None:
    assert reason_of(text) == reason


def test_a_text_that_ended_at_the_limit_is_truncated() -> None:
    assert reason_of(GOOD, "length") == "truncated"


def test_a_text_beyond_the_most_words_is_too_long() -> None:
    assert reason_of(GOOD, prompt=replace(PROMPT, max_words=20)) == "too_long"  # it has 21


def test_a_prompt_may_allow_frames_and_any_language() -> None:
    free = replace(PROMPT, about_frames=True, language="")
    assert reason_of("In the first frame a man stands at the door of a house.", prompt=free) is None
    assert reason_of("Ein Mann geht langsam durch den Park und setzt sich dann auf die Bank.", prompt=free) is None


def test_every_reason_has_its_meaning() -> None:
    assert all(REASONS.values())


def test_the_text_hash_knows_no_case_digits_or_marks() -> None:
    one, other = "On 12 May, a Man walks.", "on 7 may a man walks"
    assert measure(one, PROMPT).text_hash == measure(other, PROMPT).text_hash
    assert measure("on 7 may a woman walks", PROMPT).text_hash != measure(other, PROMPT).text_hash


def shared_bands(one: str, other: str) -> int:
    return len(set(bands_of(words_of(one))) & set(bands_of(words_of(other))))


def test_texts_that_say_nearly_the_same_share_bands_and_others_none() -> None:
    base = "a black screen with nothing to see on it for the whole time and no sound at all from anywhere in the room"
    assert shared_bands(f"{base} here", f"{base} there") >= 2
    assert shared_bands(base, base) == 8
    assert shared_bands(base, GOOD) == 0


def test_every_own_prompt_can_be_read_and_names_itself() -> None:
    prompts = load_prompts()
    assert {"tarsier.dense", "lvd2m.segment.grid", "lvd2m.refine.one", "lvd2m.variation"} <= set(prompts)
    assert all(name == prompt.prompt_id for name, prompt in prompts.items())
