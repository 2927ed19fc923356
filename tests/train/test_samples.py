"""Samples: out of captions by SQL, split by video, shown exactly as often as asked."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from engine.catalogue import Catalogue
from train.build_samples import SampleRule, build_samples, sample_of, split_of
from train.frame_cache import FrameCache
from train.mixture import Order, seed_of
from train.settings import Recipe
from train.small_world.shelf import add_stories
from train.sources import SampleSource
from train.tasks.rule import asked, prompt_of, video_item

ROW = {
    "caption_id": "c", "clip_id": "v_0_1000", "video_id": "v", "uri": "media/a.mp4", "start_us": 0, "end_us": 1000,
    "text": "A cat jumps.", "file_uri": None,
}  # fmt: skip


def captioned(row: dict[str, Any], rule: SampleRule) -> dict[str, Any]:
    return sample_of([row], asked([video_item(row)], prompt_of(row, rule), row["text"]), rule)


def test_a_caption_becomes_a_question_about_its_span_and_the_answer() -> None:
    sample = captioned(ROW, SampleRule("d", prompts=("What happens?",)))
    assert json.loads(sample["messages"]) == [
        {
            "role": "user",
            "content": [
                {"type": "video", "video": {"video_file": "media/a.mp4", "start_us": 0, "end_us": 1000}},
                {"type": "text", "text": "What happens?"},
            ],
        },
        {"role": "assistant", "content": "A cat jumps."},
    ]
    assert (sample["clip_ids"], sample["caption_ids"], sample["split"]) == (["v_0_1000"], ["c"], "train")


def test_a_clip_with_a_file_of_its_own_is_shown_from_it() -> None:
    sample = captioned({**ROW, "file_uri": "media/clips/x.mp4"}, SampleRule("d"))
    assert json.loads(sample["messages"])[0]["content"][0]["video"] == {"video_file": "media/clips/x.mp4"}


def test_the_split_hangs_on_the_video_alone_and_has_the_shares_asked_for() -> None:
    splits = Counter(split_of(f"video {n}", 0.1, 0.2, 0) for n in range(10_000))
    assert splits["validation"] / 10_000 == pytest.approx(0.1, abs=0.01)
    assert splits["test"] / 10_000 == pytest.approx(0.2, abs=0.013)
    assert split_of("video 7", 0.1, 0.2, 0) == split_of("video 7", 0.1, 0.2, 0)


def test_samples_are_not_made_twice(shelf: Catalogue) -> None:
    assert build_samples(shelf, SampleRule("stories", kinds=("given",))) == {"known": 24}


def test_a_condition_that_is_no_sql_is_a_line(shelf: Catalogue) -> None:
    with pytest.raises(ValueError, match="nonsense"):
        build_samples(shelf, SampleRule("x", kinds=("given",), where="nonsense > 1"))


@pytest.mark.parametrize(
    ("rule", "says"),
    [({"dataset": " "}, "needs a name"), ({"dataset": "d", "validation": 0.6, "test": 0.4}, "below 1 in sum")],
)
def test_rules_that_make_no_samples_are_refused(rule: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        SampleRule(**rule)


def test_a_mixture_shows_each_sample_as_often_as_its_part_says() -> None:
    order = Order([(0, 4, 2.0), (4, 6, 0.5), (10, 2, 1.5)], seed=3)
    shown = Counter(one.number for step in range(order.steps(5)) for one in order.batch(step, 5))
    assert len(order) == 8 + 3 + 3
    assert all(shown[n] == 2 for n in range(4))
    assert sum(shown[n] for n in range(4, 10)) == 3
    assert max(shown[n] for n in range(4, 10)) == 1
    assert sorted(shown[n] for n in (10, 11)) == [1, 2]


def test_parts_are_spread_evenly_over_the_run() -> None:
    order = Order([(0, 90, 1.0), (90, 10, 1.0)], seed=0)
    small = [sum(one.number >= 90 for one in order.batch(step, 20)) for step in range(5)]
    assert small == [2, 2, 2, 2, 2]


def test_epochs_of_a_part_are_permutations_of_their_own() -> None:
    order = Order([(0, 50, 2.0)], seed=0)
    first, second = ([one.number for one in order.batch(epoch, 50)] for epoch in (0, 1))
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert {one.turn for one in order.batch(1, 50)} == {1}


def test_a_samples_own_seed_hangs_on_it_and_on_the_turn() -> None:
    assert seed_of(0, "a", 0) == seed_of(0, "a", 0)
    assert len({seed_of(0, "a", 0), seed_of(0, "a", 1), seed_of(0, "b", 0), seed_of(1, "a", 0)}) == 4


def media(shade: int):
    import numpy as np  # noqa: PLC0415

    from model.processors.tarsier2_frames import MediaFrames  # noqa: PLC0415

    frames = np.full((2, 28, 28, 3), shade, np.uint8)
    return [MediaFrames("video", frames, True, (2, 2, 2), ((28, 28),) * 2, (0, 1), (0, 5), ())]


def test_kept_frames_come_back_as_they_were(tmp_path: Path) -> None:
    cache = FrameCache(tmp_path, 10**6)
    assert cache.get("a") is None
    cache.put("a", media(7))
    kept = cache.get("a")
    assert isinstance(kept, list)
    (found,) = kept
    (wanted,) = media(7)
    assert (found.frames == wanted.frames).all()
    assert (found.grid, found.first_sizes, found.times_us) == (wanted.grid, wanted.first_sizes, wanted.times_us)


def test_damaged_frames_count_as_missing_and_are_removed(tmp_path: Path) -> None:
    cache = FrameCache(tmp_path, 10**6)
    cache.put("a", media(7))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:50])
    assert cache.get("a") is None
    assert not file.exists()


def test_a_full_cache_keeps_what_it_has(tmp_path: Path) -> None:
    cache = FrameCache(tmp_path, 6_000)  # one file is some 5 kB
    cache.put("a", media(1))
    cache.put("b", media(2))
    assert cache.get("a") is not None
    assert cache.get("b") is None
    assert FrameCache(tmp_path, 6_000).get("a") is not None


def test_videos_that_are_in_another_split_as_well_are_counted(tmp_path: Path, recipe: Recipe) -> None:
    catalogue = Catalogue.open(tmp_path / "catalogue", create=True)
    add_stories(catalogue, range(6))
    build_samples(catalogue, SampleRule("stories", kinds=("given",)))
    assert SampleSource(catalogue, recipe).leaked() == 0
    counts = build_samples(catalogue, SampleRule("others", kinds=("given",), validation=0.5))
    assert SampleSource(catalogue, recipe).leaked() == counts["validation"] > 0


def test_the_small_world_grounds_its_captions_in_films_that_rest(tmp_path: Path) -> None:
    """Marks of frames, counted from 1, are where the film's own truth has its events: four frames a second."""
    catalogue = Catalogue.open(tmp_path / "catalogue", create=True)
    add_stories(catalogue, range(8), max_things=2, max_events=2, max_rest_s=2.0, grounded=True)
    rule = SampleRule("grounded", kinds=("grounded",), task="grounded")
    made = build_samples(catalogue, rule)["train"]
    assert made == 8
    with catalogue.connect() as connection:
        sql = (
            """select s.messages, c.event_start_us from samples s join captions c on c.caption_id = s.caption_ids[1]"""
        )
        rows = connection.execute(sql).fetchall()
    marks = []
    for messages, starts in rows:
        answer = json.loads(messages)[1]["content"]
        marks += [int(mark) for mark in re.findall(r"<frame: (\d+)-", answer)]
        # an event is a second long, so its first frame is the one at its start
        assert [int(mark) - 1 for mark in re.findall(r"<frame: (\d+)-", answer)] == [
            start // 250_000 for start in starts
        ]
    assert len(set(marks)) > 4
