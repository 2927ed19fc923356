"""Conversations, the terminal's and the page's."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from model.captioner import CaptionRequest, CaptionResult, failed
from recaption.chat import converse
from recaption.conversation import Conversation, Failed, Style
from tests.conftest import REPO, MadeVideos

ANSWER = "A dog jumps."


@dataclass
class Writing:
    """Answers word by word; `broken`: not at all."""

    asked: list[CaptionRequest] = field(default_factory=list)
    broken: bool = False

    def answer(self, request: CaptionRequest, tell: Callable[[str], None] | None = None) -> CaptionResult:
        self.asked.append(request)
        if self.broken:
            return failed(request, "bad_media", "nothing to see")
        for end in (1, 5, len(ANSWER)):
            if tell:
                tell(ANSWER[:end])
        return CaptionResult(request.request_id, ANSWER, "stop")


def kinds(request: CaptionRequest) -> list[list[str]]:
    return [
        ["text"] if isinstance(message["content"], str) else [item["type"] for item in message["content"]]
        for message in request.messages
    ]


@pytest.fixture
def video(make_video: MadeVideos) -> Path:
    return make_video()


def test_an_answer_grows_and_is_remembered(video: Path) -> None:
    model, conversation = Writing(), Conversation()
    conversation.show(video)
    assert list(conversation.ask("What?", model)) == ["A", "A dog", ANSWER, ANSWER]
    list(conversation.ask("And then?", model))
    assert kinds(model.asked[0]) == [["video", "text"]]
    assert kinds(model.asked[1]) == [["video", "text"], ["text"], ["text"]]


def test_a_reset_forgets_what_was_said_and_shown(video: Path) -> None:
    model, conversation = Writing(), Conversation()
    conversation.show(video)
    list(conversation.ask("What?", model))
    conversation.reset()
    list(conversation.ask("What?", model))
    assert kinds(model.asked[-1]) == [["text"]]


def test_a_question_without_an_answer_leaves_the_file_for_the_next(video: Path) -> None:
    model, conversation = Writing(broken=True), Conversation()
    conversation.show(video)
    with pytest.raises(Failed, match="nothing to see"):
        list(conversation.ask("What?", model))
    model.broken = False
    list(conversation.ask("What?", model))
    assert kinds(model.asked[-1]) == [["video", "text"]]


def test_pictures_are_shown_as_pictures_and_gifs_as_videos(tmp_path: Path) -> None:
    model, conversation = Writing(), Conversation()
    for name in ("a.PNG", "b.gif"):
        (tmp_path / name).touch()
        conversation.show(tmp_path / name)
    list(conversation.ask("What?", model))
    assert kinds(model.asked[0]) == [["image", "video", "text"]]


def test_other_files_cannot_be_shown(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    with pytest.raises(ValueError, match="its ending is none of"):
        Conversation().show(tmp_path / "a.txt")
    with pytest.raises(ValueError, match="is not a file"):
        Conversation().show(tmp_path / "gone.mp4")


def test_the_style_is_that_of_every_request() -> None:
    model, conversation = Writing(), Conversation(Style(frames=4))
    conversation.with_style(temperature=0.5, top_p=0.9)
    list(conversation.ask("What?", model))
    (request,) = model.asked
    assert (request.n_frames, request.temperature, request.top_p) == (4, 0.5, 0.9)
    with pytest.raises(ValueError, match="n_frames"):
        conversation.with_style(frames=0)


def said(model: Writing, *lines: str) -> str:
    out, left = io.StringIO(), iter(lines)
    converse(Conversation(), model, lambda: next(left, None), out)
    return out.getvalue()


def test_a_terminal_conversation_shows_asks_sets_resets_and_ends(
    video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Writing()
    out = said(
        model, f"'{video}'", "What?", "/frames 4", "And then?", "reset", "Still there?", "exit", "not asked any more"
    )
    assert out == f"{ANSWER}\n" * 3
    assert [request.n_frames for request in model.asked] == [None, 4, 4]
    assert [len(request.messages) for request in model.asked] == [1, 3, 1]
    assert "frames is 4 from now on" in capsys.readouterr().err


def test_a_mistake_in_the_terminal_is_a_line_and_the_talk_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    model = Writing()
    assert said(model, "/frames many", "/temperature -1", "/frames", "What?") == f"{ANSWER}\n"
    assert capsys.readouterr().err.count("needs a number") == 3


def test_what_looks_like_a_name_or_a_command_is_not_asked(capsys: pytest.CaptureFixture[str]) -> None:
    model = Writing()
    assert said(model, "gone.mp4", "'my gone.gif'", "/frame 4", "Is it a.mp4") == f"{ANSWER}\n"
    told = capsys.readouterr().err
    assert "gone.mp4 is not a file" in told
    assert "my gone.gif is not a file" in told
    assert "neither a command nor a file /frame" in told


def test_what_a_model_writes_is_no_control_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.recaption.test_conversation.ANSWER", "red \x1b[31m alert\nnext line")
    assert "\x1b" not in said(Writing(), "What?")


def driven(how: str, video: Path, tmp_path: Path) -> dict[str, Any]:
    """What tests/recaption/drive_page.py saw; gradio and playwright leave sockets open, so it is a process."""
    pytest.importorskip("gradio", reason="the extra `ui` is not installed")
    command = [sys.executable, "-W", "ignore", "-m", "tests.recaption.drive_page", how, str(video), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPO, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_every_control_of_the_page_does_what_it_says(video: Path, tmp_path: Path) -> None:
    pytest.importorskip("playwright", reason="playwright is not installed")
    saw = driven("browser", video, tmp_path)
    if saw.get("skip"):
        pytest.skip(saw["skip"])
    assert saw["while_written"].rstrip().endswith("A dog")
    assert saw["styles"] == [[8, 0.5, 0.9]] * 3
    assert saw["kinds"] == [[["video", "text"]], [["video", "text"], ["text"], ["text"]], [["text"]]]
    assert "A dog" not in saw["after_restart"]
    assert (tmp_path / "page.png").stat().st_size > 10_000


def test_the_page_answers_through_its_client(video: Path, tmp_path: Path) -> None:
    saw = driven("client", video, tmp_path)
    assert saw["answers"] >= 3
    assert "A dog jumps." in saw["last"]
    assert (saw["kinds"], saw["styles"]) == ([[["video", "text"]]], [[8, 0.5, 0.9]])
