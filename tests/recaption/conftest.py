"""A catalogue of small made videos, captioners that are toys, and the command in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bench.recaption_clips import add_video, provenance, sentence
from engine.catalogue import Catalogue
from model.captioner import CaptionRequest, CaptionResult, failed
from recaption.engines import Identity
from recaption.prompts import Prompt, load_prompts
from recaption.recipes import Choices, Recipe, Sampling, recipe_named
from recaption.rows import Writer
from recaption.stage import Scope, Step, finish_step, run_step, steps_of
from tests.conftest import MadeVideos

__all__ = ["add_video", "provenance", "sentence"]

Rows = list[dict[str, Any]]


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue.open(tmp_path / "catalogue", create=True)


@pytest.fixture(scope="session")
def short_video(make_video: MadeVideos) -> Path:
    """4 s of 10 frames a second."""
    return make_video(scenes=[("natural:1", 20), ("city:2", 20)], fps=10, size=(64, 48))


@pytest.fixture
def filled(catalogue: Catalogue, short_video: Path) -> Catalogue:
    """Four clips of one second of one video."""
    add_video(catalogue, short_video, [(0, 1), (1, 2), (2, 3), (3, 4)])
    return catalogue


def rows_of(catalogue: Catalogue, sql: str) -> Rows:
    with catalogue.connect() as connection:
        return connection.sql(sql).to_arrow_table().to_pylist()


Say = Callable[[CaptionRequest, int], str | CaptionResult]


@dataclass
class Toy:
    """Answers each request with what `say(request, how many came before)` says; pictures are not read."""

    say: Say = lambda request, number: sentence(number)
    asked: list[CaptionRequest] = field(default_factory=list)
    finish: str = "stop"
    frame_times_us: tuple[int, ...] = (0, 500_000)

    def caption(self, requests: Iterable[CaptionRequest]) -> Iterator[CaptionResult]:
        for request in requests:
            said = self.say(request, len(self.asked))
            self.asked.append(request)
            if isinstance(said, CaptionResult):
                yield said
            else:
                finish: Any = self.finish
                yield CaptionResult(
                    request.request_id, said, finish, prompt_tokens=10, output_tokens=5,
                    frame_times_us=self.frame_times_us, seconds=0.5,
                )  # fmt: skip


def refusing(request: CaptionRequest, reason: str) -> CaptionResult:
    return failed(request, reason, f"what {reason} means")


def text_of(request: CaptionRequest) -> str:
    """What a request asks, in words."""
    return "".join(item.get("text", "") for item in request.messages[-1]["content"])


def media_of(request: CaptionRequest) -> list[Mapping[str, Any]]:
    return [item[item["type"]] for item in request.messages[-1]["content"] if item["type"] != "text"]


LOOKER = Identity(Writer("toy", "w1", "toy"), "toy", 4, False, {"engine": "toy", "weights": "w1"})


def recipe(
    name: str = "tarsier",
    *,
    sampling: Sampling | None = None,
    gates: bool = True,
    known: Mapping[str, Prompt] | None = None,
    asked: tuple[str, ...] = (),
    **choices: Any,
) -> Recipe:
    made = recipe_named(name, known or load_prompts(), LOOKER.frames, Choices(asked, **choices))
    return made(sampling or Sampling(), None, gates)


def steps(*words: Any, **options: Any) -> list[Step]:
    return steps_of(recipe(*words, **options), LOOKER, LOOKER)


def run_all(catalogue: Catalogue, wanted: Iterable[Step], toy: Toy, scope: Scope | None = None) -> None:
    for step in wanted:
        run_step(catalogue, step, scope or Scope(), toy)
        finish_step(catalogue, step)
