"""The teacher that comes along is the one that its card describes."""

from __future__ import annotations

import json
from hashlib import sha256
from math import prod
from pathlib import Path

import torch
from safetensors import safe_open

from media.synthetic.stories import make_story, parse_caption, write_story
from model.captioner import video_request
from model.engines.transformers_engine import EngineSettings, TransformersCaptioner
from model.load import load_model
from tests.conftest import REPO
from train.small_world.make import STUDENT, make_tarsier2

TEACHER = REPO / "assets" / "story_teacher"


def test_the_weights_have_the_hash_on_the_card() -> None:
    made = json.loads((TEACHER / "made.json").read_text())
    for name, wanted in made["sha256"].items():
        assert sha256((TEACHER / name).read_bytes()).hexdigest() == wanted


def test_it_speaks_the_grammar_of_stories(tmp_path) -> None:
    torch.set_num_threads(1)
    write_story(make_story(3, max_things=1, max_events=1), tmp_path / "story.mp4")
    request = video_request("a", "story.mp4", "Describe the video in detail.", root=str(tmp_path), max_new_tokens=60)
    (answer,) = TransformersCaptioner(load_model(TEACHER), EngineSettings(workers=0)).caption([request])
    assert answer.finish_reason == "stop"
    assert answer.text is not None
    assert parse_caption(answer.text).events


def test_a_student_has_at_most_a_quarter_of_its_weights(tmp_path) -> None:
    student = make_tarsier2(tmp_path / "student", STUDENT)
    assert 4 * weights_in(student) <= weights_in(TEACHER)


def weights_in(folder: Path) -> int:
    with safe_open(folder / "model.safetensors", "np") as file:
        return sum(prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118  (no mapping)
