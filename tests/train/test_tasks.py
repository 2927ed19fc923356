"""Tasks beside captions: frames of events, the order of frames, boxes, several pictures; imported conversations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.catalogue import Catalogue, now
from engine.write import write
from model.processors.tarsier2 import Tarsier2Processor
from train.build_samples import build_samples
from train.imported_samples import build_imported
from train.network.loading import load_for_training
from train.small_world.shelf import add_stories
from train.tasks.clip_frames import ClipFrames, frames_of
from train.tasks.frame_order import frame_order
from train.tasks.grounded import grounded, mark_of
from train.tasks.multi_image import groups_of, multi_image
from train.tasks.rule import SampleRule, Unfit
from train.tasks.tracking import read_tracks, tracking

STAMP = {"fingerprint": "f", "tool_version": "0", "created_at": now()}


def clip(frames: int, first: int = 0, start_us: int = 0) -> ClipFrames:
    """Four frames a second."""
    return ClipFrames("a.mp4", first, start_us + np.arange(frames) * 250_000)


def row(caption_id: str = "c", text: str = "A cat jumps.", video_id: str = "v", **more: Any) -> dict[str, Any]:
    return {"caption_id": caption_id, "text": text, "video_id": video_id, "clip_id": "k", **more}


def video_of(messages: list[dict[str, Any]]) -> dict[str, Any]:
    return messages[0]["content"][0]["video"]


@pytest.mark.parametrize(
    ("start_us", "end_us", "mark"),
    [
        (0, 1_000_000, "<frame: 1-4>"),  # frames begin at 0, 250, 500 and 750 ms
        (250_000, 500_000, "<frame: 2>"),
        (300_000, 400_000, "<frame: 2>"),  # none begins there; 250 ms is nearest to 350 ms
        (1_750_000, 9_000_000, "<frame: 8>"),
    ],
)
def test_an_event_is_marked_with_the_frames_that_begin_in_it(start_us: int, end_us: int, mark: str) -> None:
    assert mark_of(clip(8).times_us, start_us, end_us) == mark


def test_a_grounded_sample_shows_the_very_frames_that_its_marks_count() -> None:
    said = ["It grows.", "It falls."]
    told = row(event_texts=said, event_start_us=[0, 5_000_000], event_end_us=[5_000_000, 10_000_000])
    messages = grounded(told, SampleRule("d", n_frames=4), clip(40, first=100))
    # 4 of 40 frames, both ends included: 0, 13, 26, 39, at 0, 3.25, 6.5 and 9.75 s
    assert video_of(messages) == {"video_file": "a.mp4", "frame_indices": [100, 113, 126, 139]}
    assert messages[1]["content"] == "<frame: 1-2> It grows. <frame: 3-4> It falls."


def test_marks_of_a_text_are_counted_anew() -> None:
    told = row(text="Look. <frame: 9> It grows.", event_texts=["It grows."], event_start_us=[0], event_end_us=[500_000])
    assert grounded(told, SampleRule("d"), clip(8))[1]["content"] == "Look. <frame: 1-2> It grows."


def test_a_caption_without_events_cannot_be_grounded() -> None:
    with pytest.raises(Unfit, match="no_events"):
        grounded(row(event_texts=None), SampleRule("d"), clip(8))


@pytest.mark.parametrize("frames", [8, 11, 40])
def test_shuffled_frames_come_in_order_under_the_numbers_of_prompt_and_answer(frames: int) -> None:
    for name in "abcdefgh":
        messages = frame_order(row(name), SampleRule("d"), clip(frames, first=50))
        shown = video_of(messages)["frame_indices"]
        given = [int(word) for word in messages[0]["content"][1]["text"].split(" are ")[2].split(". ")[0].split(", ")]
        order = [*given, *map(int, messages[1]["content"].split("\n"))]
        assert 8 <= len(shown) <= min(24, frames)
        assert len(given) == len(shown) * 3 // 8
        assert [shown[number - 1] for number in order] == sorted(shown)
        assert messages == frame_order(row(name), SampleRule("d"), clip(frames, first=50))
    assert frame_order(row("a"), SampleRule("d", seed=1), clip(frames)) != frame_order(
        row("a"), SampleRule("d"), clip(frames)
    )


def test_an_order_needs_eight_frames() -> None:
    with pytest.raises(Unfit, match="an order needs 8 frames, the clip has 7"):
        frame_order(row(), SampleRule("d"), clip(7))


def test_pictures_are_described_from_the_named_one_on() -> None:
    rows = [row(str(n), f"Text\n{n}.") for n in range(1, 5)]
    messages = multi_image(rows, SampleRule("d"), [clip(9, first=10 * n) for n in range(4)])
    *pictures, question = messages[0]["content"]
    assert [item["image"]["frame_indices"] for item in pictures] == [4, 14, 24, 34]  # the middle of nine frames
    start = int(question["text"].split("picture ")[1].split(" ")[0])
    assert messages[1]["content"] == "\n".join(f"Text {n}." for n in range(start, 5))


def test_groups_of_pictures_hold_each_caption_once_and_one_split() -> None:
    rows = [row(str(n), video_id=f"video {n}") for n in range(200)]
    rule = SampleRule("d", n_frames=5, validation=0.3)
    groups = list(groups_of(rows, rule))
    assert sorted(one["caption_id"] for group in groups for one in group) == sorted(str(n) for n in range(200))
    assert {len(group) for group in groups} == {1, 2, 3, 4, 5}
    from train.tasks.rule import split_of  # noqa: PLC0415

    assert all(len({split_of(one["video_id"], 0.3, 0.0, 0) for one in group}) == 1 for group in groups)
    assert groups == list(groups_of(reversed(rows), rule))


def test_boxes_of_the_first_frame_are_given_and_the_others_asked_for() -> None:
    tracks = {
        "ball": {0: (0.0, 0.1, 0.2, 0.3), 250_000: (0.1, 0.1, 0.3, 0.3), 600_000: (0.125, 0.5, 0.5, 1.0)},
        "cat": {0: (0.5, 0.5, 0.75, 1.0), 600_000: (0.25, 0.5, 0.5, 1.0)},
        "later": {600_000: (0.0, 0.0, 1.0, 1.0)},
    }
    messages = tracking(row(), SampleRule("d", task="tracking", tracks=Path("t")), clip(4, first=7), tracks)
    assert video_of(messages)["frame_indices"] == [7, 8, 9]  # 600 ms lies in the frame that begins at 500 ms
    assert (
        "object 1: [0.00, 0.10, 0.20, 0.30]\nobject 2: [0.50, 0.50, 0.75, 1.00]\n" in messages[0]["content"][1]["text"]
    )
    assert messages[1]["content"] == (
        "object 1: [0.10, 0.10, 0.30, 0.30], [0.12, 0.50, 0.50, 1.00]\n"
        "object 2: not to be seen, [0.25, 0.50, 0.50, 1.00]"
    )


def test_no_more_than_four_things_are_followed() -> None:
    tracks = {f"thing {n}": {0: (0.0, 0.0, 0.5, 0.5), 250_000: (0.0, 0.0, 0.5, 0.5)} for n in range(7)}
    messages = tracking(row(), SampleRule("d", task="tracking", tracks=Path("t")), clip(4), tracks)
    assert messages[1]["content"].count("object") == 4


def test_a_table_of_tracks_is_read_and_its_boxes_checked(tmp_path: Path) -> None:
    file = tmp_path / "tracks.csv"
    file.write_text("clip_id,object,time_us,x1,y1,x2,y2\nk,cat,0,0.1,0.2,0.3,0.4\n")
    assert read_tracks(file) == {"k": {"cat": {0: (0.1, 0.2, 0.3, 0.4)}}}
    file.write_text("clip_id,object,time_us,x1,y1,x2,y2\nk,cat,0,10,20,30,40\n")
    with pytest.raises(ValueError, match=r"a box must be 0 <= x1 < x2 <= 1 .* got 10.0, 20.0, 30.0, 40.0 of 'cat'"):
        read_tracks(file)
    file.write_text("clip_id,object\nk,cat\n")
    with pytest.raises(ValueError, match="must have the columns clip_id, object, time_us"):
        read_tracks(file)


def test_frames_of_a_span_are_those_that_begin_in_it(shelf: Catalogue) -> None:
    with shelf.connect() as connection:
        uri, duration = connection.execute("select uri, duration_us from videos order by duration_us desc").fetchall()[
            0
        ]
    span = {"file_uri": None, "uri": uri, "start_us": 500_000, "end_us": duration - 250_000}
    found = frames_of(span, Path(shelf.url))
    assert found.first == 2  # four frames a second
    assert found.times_us.tolist() == list(range(500_000, duration - 250_000, 250_000))
    whole = frames_of({**span, "file_uri": uri, "start_us": 7_000_000}, Path(shelf.url))
    assert (whole.first, int(whole.times_us[0])) == (0, 7_000_000)  # a clip's own file, on the video's timeline


@pytest.fixture
def stories(tmp_path: Path) -> Catalogue:
    """Twelve stories, each with a caption that names its one event."""
    catalogue = Catalogue.open(tmp_path / "catalogue", create=True)
    add_stories(catalogue, range(12), max_things=1, max_events=2)
    with catalogue.connect() as connection:
        told = connection.sql("select * from captions order by 1").to_arrow_table().to_pylist()
    events = {"event_start_us": [0], "event_end_us": [1_000_000], "event_texts": ["It begins."]}
    write(catalogue, {"captions": [one | events | {"caption_id": one["caption_id"] + "g", "kind": "grounded"}
                                   for one in told]}, stage="test")  # fmt: skip
    return catalogue


def test_every_task_makes_prompts_that_a_network_takes(
    stories: Catalogue, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    with stories.connect() as connection:
        clips = connection.execute("select clip_id, video_id from clips order by 1").fetchall()
    tracks = tmp_path / "tracks.csv"
    boxes = [f"{clip_id},cat,{time},0.1,0.1,0.5,0.5" for clip_id, _ in clips for time in (0, 250_000, 500_000)]
    tracks.write_text("\n".join(["clip_id,object,time_us,x1,y1,x2,y2", *boxes]) + "\n")
    rules = [
        SampleRule("g", kinds=("grounded",), task="grounded"),
        SampleRule("o", kinds=("given",), task="frame_order"),
        SampleRule("m", kinds=("given",), task="multi_image", n_frames=4),
        SampleRule("t", kinds=("given",), task="tracking", tracks=tracks),
    ]
    processor = load_for_training(checkpoints["tarsier2"], "cpu").processor
    assert isinstance(processor, Tarsier2Processor)
    for rule in rules:
        counts = build_samples(stories, rule)
        assert counts["train"] > 0
        again = build_samples(stories, rule)
        assert again["train"] == 0
        assert again["known"] + again["too_few_frames"] == 12
        with stories.connect() as connection:
            sql = f"select * from samples where dataset = '{rule.dataset}' order by 1"
            samples = connection.sql(sql).to_arrow_table().to_pylist()
        assert {sample["task"] for sample in samples} == {rule.task}
        for sample in samples:
            messages = json.loads(sample["messages"])
            prompt = processor.prompt(messages, root=stories.url)
            wanted = messages[0]["content"][0].get("video", {}).get("frame_indices")
            if wanted:
                assert list(prompt.indices) == wanted
            assert prompt.learned.any()
    with stories.connect() as connection:
        sql = "select count(*) from rejects where stage = 'train.samples' and reason = 'too_few_frames'"
        assert connection.execute(sql).fetchall()[0][0] > 0


def test_an_imported_conversation_shows_its_clip_and_is_in_its_videos_split(stories: Catalogue) -> None:
    with stories.connect() as connection:
        clips = connection.execute(
            "select c.clip_id, v.video_key, v.video_id, v.uri, c.end_us from clips c join videos v using (video_id)"
        ).fetchall()
    samples, origins = [], []
    for number, (clip_id, key, *_) in enumerate(clips):
        for own in ("bound", "by name"):
            content = [{"type": "video", "video": {"video_file": key}}, {"type": "text", "text": f"What? {own}"}]
            messages = [{"role": "user", "content": content}, {"role": "assistant", "content": "This."}]
            clip_ids = [clip_id] if own == "bound" else ["not there yet"]
            samples.append({"sample_id": f"{own} {number}", "messages": json.dumps(messages), "clip_ids": clip_ids})
    gone = [{"role": "user", "content": [{"type": "video", "video": {"video_file": "gone.mp4"}}]}]
    samples.append({"sample_id": "gone", "messages": json.dumps(gone), "clip_ids": ["x"]})
    for number, sample in enumerate(samples):
        origins.append({"sample_id": sample["sample_id"], "dataset": "it/vqa", "source_row": number + 1,
                        "source": f"it.json:{number}", "format": "videochat2-it", "task": "vqa"})  # fmt: skip
    write(stories, {"samples": [one | STAMP for one in samples], "origins": [one | STAMP for one in origins]},
          stage="test")  # fmt: skip
    rule = SampleRule("instruct", validation=0.4)
    counts = build_imported(stories, rule, "it")
    assert counts["missing_media"] == 1
    assert counts["train"] + counts["validation"] == 24
    assert build_imported(stories, rule, "it") == {"known": 24, "missing_media": 1}
    with stories.connect() as connection:
        rows = connection.sql("select * from samples where dataset = 'instruct'").to_arrow_table().to_pylist()
    where = {clip[2]: clip for clip in clips}
    splits: dict[str, set[str]] = {}
    for one in rows:
        (video_id,) = one["video_ids"]
        splits.setdefault(video_id, set()).add(one["split"])
        shown = json.loads(one["messages"])[0]["content"][0]["video"]
        assert shown["video_file"] == where[video_id][3]
        assert shown.get("end_us", where[video_id][4]) == where[video_id][4]
        assert one["task"] == "vqa"
    assert all(len(own) == 1 for own in splits.values())
    with pytest.raises(ValueError, match="nothing was imported as 'that'"):
        build_imported(stories, rule, "that")
