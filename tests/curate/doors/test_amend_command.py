"""`curate amend` as a person types it, a language model behind a server included."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.catalogue import Catalogue
from tests.curate.conftest import Ran, typed
from tests.curate.doors.conftest import bring_in, jsonl, samples
from tests.model.server import Reply, good, serving, text_of

Patch = pytest.MonkeyPatch
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def filled(catalogue: Catalogue, tmp_path: Path) -> Catalogue:
    turns = [{"q": "Who?", "a": "Sorry, I cannot see."}, {"q": "Where?", "a": "At home."}]
    rows = [{"video": f"{n}.mp4", "QA": [turn]} for n, turn in enumerate(turns)]
    bring_in(catalogue, jsonl(tmp_path / "d.jsonl", rows))
    return catalogue


def amend(catalogue: Catalogue, patch: Patch, capture: Capture, *words: str | Path) -> Ran:
    return typed(patch, capture, "amend", *words, "-c", catalogue.url)


def answers(catalogue: Catalogue, dataset: str) -> list[str]:
    return [json.loads(row[2])[-1]["content"][0]["text"] for row in samples(catalogue) if row[0] == dataset]


def test_a_server_is_asked_about_apologies_alone(filled: Catalogue, monkeypatch: Patch, capsys: Capture) -> None:
    with serving(lambda body, number: good("Nobody is there.")) as server:
        ran = amend(filled, monkeypatch, capsys, "refusals", "--dataset", "d", "--server", server.url, "--model", "m")
    assert ran.code == 0, ran.err
    assert "refusals: 2 of 2 samples are dataset d/refusals, 1 of them changed" in ran.err
    assert answers(filled, "d/refusals") == ["Nobody is there.", "At home."]
    assert len(server.asked) == 1


def test_an_apology_for_an_apology_is_left_out_and_counted(
    filled: Catalogue, monkeypatch: Patch, capsys: Capture
) -> None:
    with serving(lambda body, number: good("I'm sorry.")) as server:
        ran = amend(filled, monkeypatch, capsys, "refusals", "--dataset", "d", "--server", server.url, "--model", "m")
    assert "left out: no_rewrite 1" in ran.err
    assert answers(filled, "d/refusals") == ["At home."]


def test_a_server_writes_the_instructions_of_a_sub_set(filled: Catalogue, monkeypatch: Patch, capsys: Capture) -> None:
    def reply(body: dict[str, Any], number: int) -> Reply:
        assert "Write 10 different instructions" in text_of(body)
        return good("1. Look closely.\n2. Answer.")

    with serving(reply) as server:
        words = ("instructions", "--dataset", "d", "--into", "e", "--server", server.url, "--model", "m")
        ran = amend(filled, monkeypatch, capsys, *words)
    assert "instructions: 2 written, the first: Look closely." in ran.err
    assert "samples are dataset e, 2 of them changed" in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("polish",), "polish is no step"),
        (("repair",), "repair needs --dataset"),
        (("repair", "--dataset", "x"), "the dataset 'x' has no samples"),
        (("refusals", "--dataset", "d"), "refusals asks an LLM: --server"),
        (("choices", "--dataset", "d"), "choices needs --labels"),
        (("choices", "--dataset", "d", "--labels", "none.jsonl"), "--labels none.jsonl: No such file"),
    ],
)
def test_what_is_missing_is_said_with_exit_code_2(
    filled: Catalogue, monkeypatch: Patch, capsys: Capture, words: tuple[str, ...], said: str
) -> None:
    ran = amend(filled, monkeypatch, capsys, *words)
    assert (ran.code, said in ran.err) == (2, True), ran.err
