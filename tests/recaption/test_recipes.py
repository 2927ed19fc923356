"""LVD-2M's hierarchy, questions, and events with frames."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.catalogue import Catalogue
from model.captioner import CaptionRequest
from recaption.stage import run_step
from tests.recaption.conftest import (
    Toy,
    add_video,
    media_of,
    refusing,
    rows_of,
    run_all,
    sentence,
    steps,
    text_of,
)

LONG = "The camera stands still at first and then moves to the left along the wall."


def hierarchy(request: CaptionRequest, number: int) -> str:
    text = text_of(request)
    if "PROMPT:" in text:
        return f"PROMPT: {sentence(number)}"
    return f"CAPTION: {sentence(number)}" if "CAPTION:" in text else f"{sentence(number)} {LONG}"


@pytest.fixture
def two_clips(catalogue: Catalogue, short_video: Path) -> Catalogue:
    """One clip of one piece, and one of two where pieces are 2 s long."""
    add_video(catalogue, short_video, [(0, 1), (1, 4)])
    return catalogue


def test_segments_are_joined_refined_and_rewritten(two_clips: Catalogue) -> None:
    toy = Toy(hierarchy)
    wanted = steps("lvd2m", window_us=2_000_000)
    run_all(two_clips, wanted, toy)
    assert [step.name for step in wanted] == ["caption", "refine", "rewrite"]
    long_clip = "clip_id in (select clip_id from clips where start_us > 0)"
    rows = {(r["kind"], r["segment"]): r for r in rows_of(two_clips, f"from captions where {long_clip}")}
    raw, refined, rewritten = rows["raw", None], rows["refined", None], rows["rewritten", None]
    segments = [rows["segment", 0], rows["segment", 1]]
    assert [(s["segment_start_us"], s["segment_end_us"]) for s in segments] == [
        (1_000_000, 3_000_000), (3_000_000, 4_000_000),
    ]  # fmt: skip
    assert raw["text"] == f"Caption 1: {segments[0]['text']}\nCaption 2: {segments[1]['text']}"
    assert raw["parents"] == [segment["caption_id"] for segment in segments]
    assert (refined["parents"], refined["prompt_id"]) == ([raw["caption_id"]], "lvd2m.refine.many")
    assert (rewritten["parents"], rewritten["prompt_id"]) == ([refined["caption_id"]], "lvd2m.rewrite")
    assert not refined["text"].startswith("CAPTION")
    (short,) = rows_of(two_clips, "from caption where kind = 'refined' and start_us = 0")
    assert short["prompt_id"] == "lvd2m.refine.one"
    (clip,) = rows_of(two_clips, f"select raw_caption, refined_caption, rewritten_caption from clip where {long_clip}")
    assert (clip["raw_caption"], clip["refined_caption"]) == (raw["text"], refined["text"])
    assert clip["rewritten_caption"] == rewritten["text"]


def test_a_grid_is_one_picture_of_the_segment(two_clips: Catalogue) -> None:
    toy = Toy(hierarchy)
    run_step_of(two_clips, toy, "lvd2m")
    assert [media_of(request)[0]["grid"] for request in toy.asked] == [[2, 3], [2, 3]]
    other = Toy(hierarchy)
    run_step_of(two_clips, other, "lvd2m", grid=False)
    assert [request.n_frames for request in other.asked] == [6, 6]
    assert all("grid" not in media_of(request)[0] for request in other.asked)


def run_step_of(catalogue: Catalogue, toy: Toy, name: str, **choices: object) -> None:
    from recaption.stage import Scope  # noqa: PLC0415

    run_step(catalogue, steps(name, **choices)[0], Scope(), toy)


def test_a_refiner_that_fails_leaves_its_clip_due(two_clips: Catalogue) -> None:
    wanted = steps("lvd2m")
    run_all(two_clips, wanted[:1], Toy(hierarchy))
    failing = Toy(lambda request, n: refusing(request, "server_error") if n == 0 else hierarchy(request, n))
    run_all(two_clips, wanted[1:], failing)
    assert [(r["stage"], r["reason"]) for r in rows_of(two_clips, "from rejects")] == [("refine", "server_error")]
    again = Toy(hierarchy)
    run_all(two_clips, wanted, again)
    assert len(again.asked) == 2  # refined, then rewritten
    assert rows_of(two_clips, "select count(*) as n from captions where kind = 'rewritten'")[0]["n"] == 2
    assert rows_of(two_clips, "from rejects") == []


def test_questions_become_answers_that_sql_can_select_by(two_clips: Catalogue) -> None:
    answers = iter(["GOOD", "Answer: BAD.", "I would say GOOD", "*GOOD*"])
    toy = Toy(lambda request, n: next(answers))
    run_all(two_clips, steps("semantic"), toy)
    assert {request.n_frames for request in toy.asked} == {8}
    rows = rows_of(two_clips, "select question_id, answer, raw_text from answers order by clip_id, question_id desc")
    assert [(r["question_id"], r["answer"]) for r in rows] == [
        ("lvd2m.variation", "GOOD"), ("lvd2m.content", "BAD"), ("lvd2m.variation", "GOOD"), ("lvd2m.content", "GOOD"),
    ]  # fmt: skip
    good = rows_of(
        two_clips,
        "select clip_id from clip where clip_id in "
        "(select clip_id from answers group by clip_id having bool_and(answer = 'GOOD'))",
    )
    assert len(good) == 1
    again = Toy()
    run_all(two_clips, steps("semantic"), again)
    assert again.asked == []


def test_an_answer_without_a_choice_is_asked_again_and_then_null(two_clips: Catalogue) -> None:
    toy = Toy(lambda request, n: "GOOD or BAD, who knows" if "variation" in text_of(request) else "GOOD")
    run_all(two_clips, steps("semantic"), toy)
    rows = rows_of(two_clips, "select answer, raw_text from answers where question_id = 'lvd2m.variation'")
    assert [(row["answer"], row["raw_text"]) for row in rows] == [(None, "GOOD or BAD, who knows")] * 2
    assert len(toy.asked) == 2 * (3 + 1)


def test_a_question_that_fails_is_a_reject_of_the_clip(two_clips: Catalogue) -> None:
    run_all(two_clips, steps("semantic"), Toy(lambda request, n: refusing(request, "timeout") if not n else "GOOD"))
    assert [row["reason"] for row in rows_of(two_clips, "from rejects")] == ["timeout"]
    assert rows_of(two_clips, "select count(*) as n from answers")[0]["n"] == 2


def test_events_have_the_times_of_their_frames(two_clips: Catalogue) -> None:
    text = "<frame: 1> A man in a coat sits on the bench. <frame: 2> He stands up and walks to the {}."
    toy = Toy(lambda request, n: text.format("door" if n else "tree"))
    run_all(two_clips, steps("grounded"), toy)
    (row,) = rows_of(two_clips, "from caption where start_us = 0")
    assert row["kind"] == "grounded"
    assert row["event_start_us"] == [0, 500_000]  # the toy's frames
    assert row["event_end_us"] == [500_000, 1_000_000]  # to the next frame, and to the clip's end
    assert row["event_texts"][0] == "A man in a coat sits on the bench."


def test_a_text_without_events_is_tried_again(two_clips: Catalogue) -> None:
    toy = Toy()
    run_all(two_clips, steps("grounded"), toy)
    assert {row["reason"] for row in rows_of(two_clips, "from rejects")} == {"no_events"}
    assert len(toy.asked) == 6
