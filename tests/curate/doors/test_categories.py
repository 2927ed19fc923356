"""Categories by a language model: asked once a caption, said beside keywords."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from curate.doors.categories import ask, category_in
from curate.doors.statistics import captions_sql, statistics
from curate.doors.writing.rows import opened
from engine.catalogue import Catalogue
from model.captioner import CaptionRequest, CaptionResult
from tests.curate.conftest import typed
from tests.curate.doors.conftest import bring_in, jsonl, rows
from tests.model.server import good, serving


class Sorting:
    """Says animals where a cat is spoken of, and something else elsewhere."""

    def __init__(self) -> None:
        self.asked = list[str]()

    def caption(self, requests: Iterable[CaptionRequest]) -> Iterator[CaptionResult]:
        for request in requests:
            text = str(request.messages[0]["content"])
            self.asked.append(text)
            yield CaptionResult(request.request_id, "Animals." if "a cat" in text else "I do not know", "stop")


def filled(catalogue: Catalogue, folder: Path) -> None:
    bring_in(catalogue, jsonl(folder / "w.jsonl", [
        {"video": f"{n}.mp4", "caption": text} for n, text in enumerate(("a cat", "a cat", "a stone"))]))  # fmt: skip


def asked(catalogue: Catalogue, captioner: Sorting, limit: int | None = None) -> tuple[int, int]:
    with opened(catalogue, None) as connection:
        connection.execute(captions_sql())
        done = ask(catalogue, connection, captioner, "m", limit)
    return done.asked, done.unread


def test_each_text_is_asked_about_once_and_unread_answers_again(catalogue: Catalogue, tmp_path: Path) -> None:
    filled(catalogue, tmp_path)
    assert asked(catalogue, Sorting()) == (2, 1)
    assert asked(catalogue, Sorting()) == (1, 1)  # the stone
    kept = rows(catalogue, "select answer, raw_text from answers order by answer")
    assert [row["answer"] for row in kept] == ["animals", None]


def test_the_answers_stand_beside_the_keywords_with_how_many_were_asked(catalogue: Catalogue, tmp_path: Path) -> None:
    filled(catalogue, tmp_path)
    asked(catalogue, Sorting())
    tables = {table.title: table for table in statistics(catalogue, None)}
    by_model = tables["Categories by m, zero-shot"]
    assert ("animals", 2, "100.0", "11.0") in by_model.rows
    assert by_model.remark.startswith("m was asked about 2 of 3 captions")
    assert dict(row[:2] for row in tables["Categories by keywords"].rows)["animals"] == 2


@pytest.mark.parametrize(
    ("said", "category"),
    [("Food", "food"), ("category: sports.", "sports"), ("peoples", None), (None, None), ("", None)],
)
def test_an_answer_is_the_first_category_that_it_names(said: str | None, category: str | None) -> None:
    assert category_in(said) == category


def test_stats_asks_a_server(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(catalogue, tmp_path)
    with serving(lambda body, number: good("food")) as server:
        words = ("stats", "-c", catalogue.url, "--server", server.url, "--model", "m", "--limit", "1")
        ran = typed(monkeypatch, capsys, *words)
    assert ran.code == 0, ran.err
    assert "categories: m was asked about 1 captions" in ran.err
    assert "Categories by m, zero-shot" in ran.out
    assert json.dumps(server.asked[0]).count("Caption: ") == 1


def test_stats_without_a_model_says_what_is_missing(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = typed(monkeypatch, capsys, "stats", "-c", catalogue.url, "--server", "http://127.0.0.1:9/v1")
    assert (ran.code, "--model NAME" in ran.err) == (2, True)
