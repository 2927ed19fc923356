"""A catalogue of small made videos, captioners that are toys, and the command in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from engine.catalogue import Catalogue, now
from engine.write import write
from media.probe import probe
from model.captioner import CaptionRequest, CaptionResult, failed
from recaption.engines import Identity
from recaption.prompts import Prompt, load_prompts
from recaption.recipes import Choices, Recipe, Sampling, recipe_named
from recaption.rows import Writer
from recaption.stage import Scope, Step, run_step, steps_of
from schemas.ids import clip_id_of, content_id
from tests.conftest import MadeVideos

Rows = list[dict[str, Any]]
PLACES = ("garden", "kitchen", "harbour", "street", "forest", "station", "market", "bridge")
THINGS = ("dog", "cyclist", "waiter", "boat", "child", "horse", "painter", "train")


def sentence(number: int) -> str:
    """A caption that passes every gate and is like no other."""
    place, thing = PLACES[number % 8], THINGS[number // 8 % 8]
    return f"In the {place} number {number} a {thing} turns around, and then it goes to the other side of the wall."


def provenance() -> dict[str, Any]:
    return {"fingerprint": "f" * 16, "tool_version": "test", "created_at": now()}


def add_video(catalogue: Catalogue, path: Path, spans_s: Iterable[tuple[float, float]], **other: Any) -> list[str]:
    """A video with clips at these spans, as `curate` would have written them; gives the ids of the clips."""
    facts, video_id = probe(path), content_id(str(path))
    mine = provenance()
    names = ("container", "codec", "width", "height", "display_width", "display_height", "rotation", "fps_num",
             "fps_den", "is_vfr", "duration_us", "num_frames", "has_audio", "start_us")  # fmt: skip
    video = {name: getattr(facts, name) for name in names} | {
        "video_id": video_id, "video_key": path.name, "uri": str(path), "source_stamp": "1:1",
        "bytes": path.stat().st_size,
    }  # fmt: skip
    spans = [(round(start * 1e6), round(end * 1e6)) for start, end in spans_s]
    clips = [
        {"clip_id": clip_id_of(video_id, *span), "video_id": video_id, "start_us": span[0], "end_us": span[1],
         "num_frames": 1, "origin": "detected"}
        for span in spans
    ]  # fmt: skip
    scan = {"video_id": video_id, "num_frames_decoded": 1, "duration_us": facts.duration_us, "num_cuts": 0,
            "num_clips": len(clips), "seconds": 0.1, "detector": "made"}  # fmt: skip
    write(catalogue, {"videos": [video | other | mine]}, stage="add")
    write(catalogue, {"scans": [scan | mine], "clips": [clip | mine for clip in clips]}, stage="scan")
    return [clip["clip_id"] for clip in clips]


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
