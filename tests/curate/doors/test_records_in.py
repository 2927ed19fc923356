"""Nested rows: conversations become samples with their origin, what they show becomes requests."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from curate.doors.videochat2.subsets import all_subsets
from curate.sources import SourceError
from engine.catalogue import Catalogue
from model.messages import parse_messages
from tests.curate.doors.conftest import bring_in, jsonl, rejects, rows, samples


def only(catalogue: Catalogue) -> list[Any]:
    """The messages of the one sample."""
    (row,) = rows(catalogue, "select messages from samples")
    parse_messages(json.loads(row["messages"]))
    return [(m["role"], m["content"]) for m in json.loads(row["messages"])]


def text(said: str) -> dict[str, str]:
    return {"type": "text", "text": said}


VIDEO = {"type": "video", "video": {"video_file": "a.mp4"}}
IMAGE = {"type": "image", "image": {"image_file": "a.png"}}
ASKED = [("user", [VIDEO, text("What?")]), ("assistant", [text("A cat.")])]
LLAVA = [{"from": "human", "value": "<video>\nWhat?"}, {"from": "gpt", "value": "A cat."}]
OPENAI = [
    {"role": "user", "content": [{"type": "video_url", "video_url": {"url": "a.mp4"}}, text("What?")]},
    {"role": "assistant", "content": "A cat."},
]


@pytest.mark.parametrize(
    ("title", "record"),
    [
        ("LLaVA conversations", {"id": "7", "video": "a.mp4", "conversations": LLAVA}),
        ("ShareGPT conversations", {"videos": ["a.mp4"], "conversations": LLAVA}),
        ("ms-swift messages", {"query": "<video>What?", "response": "A cat.", "videos": ["a.mp4"]}),
        ("ms-swift messages", {"messages": [{"role": "user", "content": "<video>What?"},
                                            {"role": "assistant", "content": "A cat."}], "videos": ["a.mp4"]}),
        ("OpenAI messages", {"messages": OPENAI}),
        ("Tarsier's messages", {"messages": [{"role": r, "content": c} for r, c in ASKED], "dataset": "d"}),
        ("Tarsier's messages", {"text": {"prompt": "<video>\nWhat?", "response": "A cat."}, "video_file": "a.mp4"}),
        ("VideoChat2-IT", {"video": "a.mp4", "QA": [{"i": "", "q": "What?", "a": "A cat."}]}),
    ],
)  # fmt: skip
def test_the_same_conversation_gives_the_same_messages_in_every_format(
    catalogue: Catalogue, tmp_path: Path, title: str, record: dict[str, Any]
) -> None:
    (done,) = bring_in(catalogue, jsonl(tmp_path / "rows.jsonl", [record]))
    assert done.title == title
    assert only(catalogue) == ASKED
    assert rows(catalogue, "select video_key from requests") == [{"video_key": "a.mp4"}]


def test_media_stand_where_the_text_says_so(catalogue: Catalogue, tmp_path: Path) -> None:
    turns = [{"from": "human", "value": "See <image>\nand\n<video>"}, {"from": "gpt", "value": "Yes."}]
    bring_in(
        catalogue, jsonl(tmp_path / "r.jsonl", [{"images": ["a.png"], "videos": ["a.mp4"], "conversations": turns}])
    )
    assert only(catalogue)[0] == ("user", [text("See "), IMAGE, text("and\n"), VIDEO])


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"video": "a.mp4", "conversations": [{"from": "human", "value": "<video><video>"}]}, "missing_media_name"),
        ({"video": "a.mp4", "conversations": [{"from": "tool", "value": "x"}]}, "bad_role"),
        ({"video": "a.mp4", "conversations": "x"}, "bad_row"),
        ({"video": "a.mp4", "conversations": []}, "no_user"),
        ({"video": "a.mp4", "conversations": [{"from": "human", "value": "half \ud800"}]}, "not_utf8"),
    ],
)
def test_a_row_that_cannot_be_used_is_a_reject_with_its_line(
    catalogue: Catalogue, tmp_path: Path, record: dict[str, Any], reason: str
) -> None:
    good = {"video": "a.mp4", "conversations": LLAVA}
    bring_in(catalogue, jsonl(tmp_path / "rows.jsonl", [good, record, good]), format="llava")
    assert rejects(catalogue) == [("2", reason)]
    assert len(samples(catalogue)) == 2


def test_what_could_be_two_formats_asks_which(catalogue: Catalogue, tmp_path: Path) -> None:
    path = jsonl(
        tmp_path / "rows.jsonl", [{"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Yo"}]}]
    )
    with pytest.raises(SourceError, match=r"could be LLaVA.*or ShareGPT.*--format llava or --format sharegpt"):
        bring_in(catalogue, path)
    assert bring_in(catalogue, path, format="llava")[0].rows["samples"] == 1


def test_videochat2_keeps_the_order_of_turns_their_instructions_and_the_span(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    turns = [{"i": "Look.", "q": "One?", "a": "1"}, {"q": "Two?", "a": "2"}, {"i": "", "q": "", "a": "3"}]
    folder = tmp_path / "it" / "video" / "vqa" / "ego_qa"
    folder.mkdir(parents=True)
    (folder / "train.json").write_text(json.dumps([{"video": "a.mp4", "start": 1, "end": 2.5, "QA": turns}]))
    bring_in(catalogue, tmp_path / "it")
    shown = {"type": "video", "video": {"video_file": "a.mp4", "start_time": 1, "end_time": 2.5}}
    assert only(catalogue) == [
        ("user", [shown, text("Look.\nOne?") | {"instruction": "Look."}]), ("assistant", [text("1")]),
        ("user", [text("Two?")]), ("assistant", [text("2")]), ("user", [text("")]), ("assistant", [text("3")]),
    ]  # fmt: skip
    assert rows(catalogue, "select dataset, span_end_us as e from requests") == [
        {"dataset": "video/vqa/ego_qa", "e": 2_500_000}
    ]
    assert rows(catalogue, "select split from samples") == [{"split": "train"}]


def test_a_caption_without_a_question_is_a_text_of_the_video_too(catalogue: Catalogue, tmp_path: Path) -> None:
    bring_in(
        catalogue, jsonl(tmp_path / "webvid.jsonl", [{"video": "a.mp4", "QA": [{"i": "Say.", "q": "", "a": "A cat."}]}])
    )
    (row,) = rows(catalogue, "select text, model, clip_id, caption_ids, caption_id from captions, samples")
    assert (row["text"], row["model"], row["caption_ids"]) == ("A cat.", "webvid", [row["caption_id"]])


def test_missing_media_are_rejects_until_they_come(catalogue: Catalogue, tmp_path: Path) -> None:
    path = jsonl(tmp_path / "d.jsonl", [{"video": f"{name}.mp4", "QA": [{"q": "x", "a": name}]} for name in "ab"])
    media = tmp_path / "media"
    media.mkdir()
    (media / "a.mp4").touch()
    (done,) = bring_in(catalogue, path, media=[media])
    assert (rejects(catalogue), done.missing, done.there) == ([("2", "missing_media")], {"d": 1}, {"d": 1})
    (media / "b.mp4").touch()
    bring_in(catalogue, path, media=[media])
    assert (len(samples(catalogue)), rejects(catalogue)) == (2, [])


def test_the_36_subsets_are_those_that_are_published() -> None:
    subsets = all_subsets()
    assert (len(subsets), sum(subset.rows or 0 for subset in subsets)) == (36, 1_924_008)


def test_an_array_goes_on_behind_a_damaged_item(catalogue: Catalogue, tmp_path: Path) -> None:
    def row(n: int) -> bytes:
        return json.dumps({"video": f"{n}.mp4", "QA": [{"q": "?", "a": str(n)}]}).encode()

    path = tmp_path / "a.json"
    path.write_bytes(
        b"[\n"
        + b",\n".join([row(1), row(2)[:-9] + b"}}", row(3), b'{"video": "x\xff", "QA": []}', b"7", row(4)])
        + b"]"
    )
    bring_in(catalogue, path)
    assert {row["video_key"] for row in rows(catalogue, "select video_key from requests")} == {
        "1.mp4",
        "3.mp4",
        "4.mp4",
    }
    assert {line for line, _ in rejects(catalogue)} >= {"3", "5", "6"}


def test_vript_and_finevideo_give_a_clip_a_scene(catalogue: Catalogue, tmp_path: Path) -> None:
    scene = {"caption": {"shot_type": "close", "content": "A cat."}, "voiceover": "hm"}
    jsonl(tmp_path / "vript.jsonl", [{"meta": {"video_id": "v"}, "data": {"v-Scene-001": scene, "v-Scene-002": scene}}])
    fine = {"title": "T", "activities": [{"description": "It runs."}], "timestamps": {
        "start_timestamp": "00:00:01.000", "end_timestamp": "00:00:02.500"}}  # fmt: skip
    jsonl(tmp_path / "finevideo.jsonl", [{"original_video_filename": "f.mp4", "content_metadata": {"description": "D",
                                          "scenes": [fine]}}])  # fmt: skip
    bring_in(catalogue, tmp_path)
    found = rows(
        catalogue,
        """select video_key, span_end_us as e, kind, text from requests
                               join captions on clip_id = request_id order by all""",
    )
    assert [tuple(row.values()) for row in found] == [
        ("f.mp4", 2_500_000, "given", "T"), ("f.mp4", 2_500_000, "segment", "It runs."), ("f.mp4", None, "given", "D"),
        *((f"v/v-Scene-00{n}.mp4", None, "given", said) for n in (1, 2) for said in ("A cat.", "close")),
    ]  # fmt: skip


def test_questions_of_a_benchmark_get_letters_and_are_tests(catalogue: Catalogue, tmp_path: Path) -> None:
    (tmp_path / "next.csv").write_text(
        "video,question,a0,a1,answer,type\n17,What?,a cat,a dog,1,CH\n18,What?,x,y,9,CH\n"
    )
    bring_in(catalogue, tmp_path / "next.csv")
    assert only(catalogue)[0][1][1] == text("What?\n(A) a cat\n(B) a dog")
    assert only(catalogue)[1] == ("assistant", [text("(B) a dog")])
    assert rows(catalogue, "select split from samples") == [{"split": "test"}]
    assert rejects(catalogue) == [("3", "bad_answer")]


def test_a_shard_of_another_tool_gives_captions_and_a_cut_one_says_where(catalogue: Catalogue, tmp_path: Path) -> None:
    shard = tmp_path / "00000.tar"
    with tarfile.open(shard, "w") as archive:
        for name, content in (("000.mp4", b"x"), ("000.txt", b"A cat."), ("000.json", b'{"url": "https://a.example/1"}'),
                              ("001.json", b"{broken"), ("002.txt", b"A dog.")):  # fmt: skip
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    bring_in(catalogue, shard)
    found = rows(catalogue, "select own_key, url, text from requests join captions on clip_id = request_id order by 1")
    assert [tuple(row.values()) for row in found] == [("000", "https://a.example/1", "A cat."), ("002", None, "A dog.")]
    assert rejects(catalogue) == [("4", "not_json")]
    (tmp_path / "cut.tar").write_bytes(shard.read_bytes()[:3000])
    bring_in(catalogue, tmp_path / "cut.tar")
    assert ("4", "unreadable") in rejects(catalogue)
