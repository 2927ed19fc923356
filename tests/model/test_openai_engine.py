"""The engine that asks servers, against one that behaves and one that does not."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from model.captioner import CaptionRequest, CaptionResult
from model.engines.openai_engine import OpenAICaptioner, ServerBroken, ServerSettings
from model.processors.settings import Tarsier2Settings
from tests.model.server import Server, good, serving, text_of

QUICK = ServerSettings(workers=0, first_wait=0.01, seconds=5, most=4, start=2)
FRAMES = np.stack([np.full((56, 84, 3), level, np.uint8) for level in (10, 120, 240)])


def ask(text: str = "What?", **options: Any) -> CaptionRequest:
    return CaptionRequest(text, [{"role": "user", "content": text}], **options)


def asked(server: Server, *requests: CaptionRequest, settings: ServerSettings = QUICK) -> list[CaptionResult]:
    return list(OpenAICaptioner(server.url, "tarsier2", api_key="key", settings=settings).caption(requests))


def test_every_request_gets_one_answer() -> None:
    with serving(lambda body, _: good(text_of(body).upper())) as server:
        results = asked(server, *[ask(f"clip {i}") for i in range(20)])
    assert {result.request_id: result.text for result in results} == {f"clip {i}": f"CLIP {i}" for i in range(20)}
    assert {(result.prompt_tokens, result.output_tokens, result.finish_reason) for result in results} == {
        (100, 10, "stop")
    }
    assert results[0].provenance["model_returned"] == "served-model"


def test_doubled_frames_travel_as_one_video() -> None:
    video = {"type": "video", "video": {"frames": FRAMES}}
    request = CaptionRequest("a", [{"role": "user", "content": [video, {"type": "text", "text": "What?"}]}])
    with serving(lambda *_: good()) as server:
        (result,) = asked(server, request, settings=ServerSettings(workers=0, quality=None))
    (part, text) = server.asked[0]["messages"][0]["content"]
    head, _, frames = part["video_url"]["url"].partition(",")
    assert head == "data:video/jpeg;base64"
    levels = [np.asarray(Image.open(io.BytesIO(base64.b64decode(one))))[0, 0, 0] for one in frames.split(",")]
    assert levels == [10, 10, 120, 120, 240, 240]
    assert text == {"type": "text", "text": "What?"}
    assert result.frame_indices == (0, 1, 2)
    assert result.provenance["frames_doubled"]


def test_clouds_get_each_frame_once_as_a_picture() -> None:
    request = CaptionRequest("a", [{"role": "user", "content": [{"type": "video", "video": {"frames": FRAMES}}]}])
    settings = ServerSettings(workers=0, form="images", frames=Tarsier2Settings(n_frames=2))
    with serving(lambda *_: good()) as server:
        asked(server, request, settings=settings)
    parts = server.asked[0]["messages"][0]["content"]
    assert [part["type"] for part in parts] == ["image_url", "image_url"]
    assert parts[0]["image_url"]["url"].startswith("data:image/jpeg;base64,")


def test_a_video_url_is_passed_on() -> None:
    video = {"type": "video", "video": {"video_file": "https://example.org/a.mp4"}}
    with serving(lambda *_: good()) as server:
        asked(server, CaptionRequest("a", [{"role": "user", "content": [video]}]),
              settings=ServerSettings(workers=0, form="video_url"))  # fmt: skip
    assert server.asked[0]["messages"][0]["content"] == [
        {"type": "video_url", "video_url": {"url": "https://example.org/a.mp4"}}
    ]


def test_an_answer_that_was_begun_is_continued() -> None:
    messages = [{"role": "user", "content": "A or B?"}, {"role": "assistant", "content": "Answer: ("}]
    with serving(lambda *_: good("B)")) as server:
        asked(server, CaptionRequest("a", messages))
    assert server.asked[0]["continue_final_message"]
    assert not server.asked[0]["add_generation_prompt"]
    assert server.asked[0]["messages"][-1] == {"role": "assistant", "content": "Answer: ("}


def test_a_schema_and_logprobs_are_asked_for() -> None:
    schema = {"type": "object", "properties": {"good": {"type": "boolean"}}}
    top = [{"token": "{", "logprob": -0.1}, {"token": "[", "logprob": -3.0}]
    logprobs = {"content": [{"token": "{", "logprob": -0.1, "top_logprobs": top}]}
    with serving(lambda *_: good('{"good": true}', logprobs=logprobs)) as server:
        (result,) = asked(server, ask(json_schema=schema, top_logprobs=2))
    assert server.asked[0]["response_format"]["json_schema"]["schema"] == schema
    assert result.logprobs[0].top == (("{", -0.1), ("[", -3.0))


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        ((429, {"retry-after": "0.01"}, "slow down"), "rate_limited"),
        ((500, {}, "oops"), "server_error"),
        ((200, {}, "<html>"), "bad_answer"),
        ((200, {}, '{"choices": []}'), "bad_answer"),
        (good(text=None), "bad_answer"),  # pyright: ignore[reportArgumentType]
        (0.0, "connection"),
    ],
    ids=["429", "500", "no json", "no choice", "no text", "hang-up"],
)
def test_what_may_pass_is_tried_again(first: Any, reason: str) -> None:
    with serving(lambda _, number: first if number == 0 else good()) as server:
        captioner = OpenAICaptioner(server.url, "m", settings=QUICK)
        (result,) = captioner.caption([ask()])
    assert result.text == "A cat jumps."
    assert captioner.ledger.retries == {reason: 1}


def test_silence_is_a_timeout() -> None:
    settings = ServerSettings(workers=0, first_wait=0.01, seconds=0.2, tries=2)
    with serving(lambda *_: 1.0) as server:
        (result,) = asked(server, ask(), settings=settings)
    assert (result.error, len(server.asked)) == ("timeout", 2)


def test_what_cannot_pass_is_not_tried_again() -> None:
    with serving(lambda *_: (400, {}, "too many tokens")) as server:
        (result,) = asked(server, ask())
    assert (result.error, len(server.asked)) == ("refused", 1)
    assert result.text is None
    assert "too many tokens" in str(result.detail)


def test_tries_end() -> None:
    with serving(lambda *_: (503, {}, "")) as server:
        (result,) = asked(server, ask(), settings=ServerSettings(workers=0, first_wait=0.001, tries=3))
    assert (result.error, len(server.asked)) == ("unavailable", 3)


def test_being_turned_away_for_the_number_of_calls_counts_a_tenth_of_a_try() -> None:
    with serving(lambda *_: (429, {"retry-after": "0"}, "")) as server:
        (result,) = asked(server, ask(), settings=ServerSettings(workers=0, tries=1))
    assert (result.error, len(server.asked)) == ("rate_limited", 10)


def test_an_answer_that_breaks_its_schema_is_asked_for_again() -> None:
    with serving(lambda _, number: good("Sure! Here it is" if number == 0 else "{}")) as server:
        (result,) = asked(server, ask(json_schema={"type": "object"}))
    assert result.text == "{}"


@pytest.mark.parametrize("status", [401, 404])
def test_a_run_that_cannot_succeed_stops(status: int) -> None:
    with serving(lambda *_: (status, {}, "no")) as server:
        captioner = OpenAICaptioner(server.url, "m", settings=QUICK)
        with pytest.raises(ServerBroken, match=f"HTTP {status}"):
            list(captioner.caption([ask(f"{i}") for i in range(50)]))
    assert len(server.asked) < 50


def test_a_bad_clip_fails_alone() -> None:
    gone = CaptionRequest("gone", [{"role": "user", "content": [{"type": "video", "video": "gone.mp4"}]}])
    with serving(lambda *_: good()) as server:
        results = asked(server, ask("one"), gone, ask("two"))
    assert {result.request_id: result.error for result in results} == {
        "one": None,
        "gone": "missing_media",
        "two": None,
    }


def test_no_more_run_at_once_than_allowed() -> None:
    with serving(lambda *_: good()) as server:
        asked(server, *[ask(f"{i}") for i in range(30)], settings=ServerSettings(workers=0, start=3, most=3))
    assert server.most_at_once <= 3


def test_nothing_is_sent_beyond_the_budget() -> None:
    # 100 tokens read and 10 written at 1000 and 10000 USD a million are 0.1 + 0.1 USD.
    settings = ServerSettings(workers=0, start=1, most=1, usd_read=1000, usd_written=10_000, budget_usd=0.3)
    with serving(lambda *_: good()) as server:
        captioner = OpenAICaptioner(server.url, "m", settings=settings)
        results = list(captioner.caption([ask(f"{i}") for i in range(5)]))
    assert [result.error for result in results] == [None, None, "budget", "budget", "budget"]
    assert captioner.ledger.usd == pytest.approx(0.4)


def test_who_stops_reading_stops_the_calls() -> None:
    with serving(lambda *_: good()) as server:
        captioner = OpenAICaptioner(server.url, "m", settings=QUICK)
        results = captioner.caption(ask(f"{i}") for i in range(10_000))
        next(results)
        results.close()  # pyright: ignore[reportAttributeAccessIssue]
        assert len(server.asked) < 200


def test_the_body_is_json() -> None:
    with serving(lambda *_: good()) as server:
        asked(server, ask('ünïcode \u2028 "quotes" \0'))
    assert json.dumps(server.asked[0])
