"""What is written: the same bytes each time, media as they are, and what a format cannot hold said first."""

from __future__ import annotations

import csv
import json
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from curate.doors.bind import bind
from curate.doors.exporting import Order
from curate.doors.exporting import export as write
from curate.doors.plot import svg_of
from curate.doors.statistics import statistics
from curate.doors.videochat2 import amend
from curate.doors.videochat2.overlap import overlaps
from curate.doors.writing.rows import opened, sample_entries
from engine.catalogue import Catalogue
from engine.door import WrongUse
from model.captioner import CaptionResult
from tests.conftest import MadeVideos
from tests.curate.conftest import curate
from tests.curate.doors.conftest import bring_in, jsonl, rows, samples, take_out


@pytest.fixture(scope="module")
def with_video(make_video: MadeVideos, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue with one scanned video of two shots, a.mp4, 1 s each; it answers a span and a whole video."""
    folder = tmp_path_factory.mktemp("doors")
    (folder / "videos").mkdir()
    made = make_video(scenes=[("natural:1", 30), ("city:2", 30)], fps=30)
    (folder / "videos" / "a.mp4").write_bytes(made.read_bytes())
    turns = [{"q": "", "a": "A wall."}]
    path = jsonl(folder / "it.jsonl", [{"video": "a.mp4", "start": 0.5, "end": 1.5, "QA": turns}])
    catalogue = folder / "catalogue"
    for words in (("import", path), ("add", folder / "videos"), ("scan", "--jobs", "1"), ("select",), ("import",)):
        ran = curate(*words, "-c", catalogue)
        assert ran.code == 0, ran.err
    assert "captions: 1 now name clips that have come" in ran.err
    return catalogue


def test_a_given_text_names_its_clip_once_that_has_come(with_video: Path) -> None:
    catalogue = Catalogue.open(with_video)
    (row,) = rows(catalogue, "select given_caption, start_us, end_us from clip where given_caption is not null")
    assert row == {"given_caption": "A wall.", "start_us": 500_000, "end_us": 1_500_000}
    assert rows(catalogue, "select len(clip_ids) as n from samples join clips on clip_id = clip_ids[1]") == [{"n": 1}]
    assert bind(catalogue) == {}


@pytest.mark.parametrize("form", ["webdataset", "files"])
def test_the_same_selection_gives_the_same_bytes(with_video: Path, tmp_path: Path, form: str) -> None:
    catalogue = Catalogue.open(with_video)
    for name in ("one", "two"):
        done = take_out(catalogue, form, tmp_path / name, selection="everything")
        assert (done.rows, done.absent, done.failed) == (3, 0, [])
    first, second = (sorted((tmp_path / name).iterdir()) for name in ("one", "two"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_a_shard_holds_media_text_and_json_under_one_key(with_video: Path, tmp_path: Path) -> None:
    take_out(Catalogue.open(with_video), "webdataset", tmp_path, selection="everything")
    with tarfile.open(tmp_path / "000000.tar") as archive:
        names = [member.name for member in archive]
        assert all(member.mtime == 0 for member in archive)
    assert Counter(name.rpartition(".")[2] for name in names) == {"mp4": 3, "json": 3, "txt": 1}
    assert len({name.partition(".")[0] for name in names}) == 3


def test_what_a_format_cannot_hold_is_listed_before_anything_is_written(catalogue: Catalogue, tmp_path: Path) -> None:
    bring_in(catalogue, jsonl(tmp_path / "it.jsonl", [
        {"video": "a.mp4", "start": 1, "end": 2, "QA": [{"i": "Look.", "q": "Who?", "a": "He."}]},
        {"video": "b.mp4", "QA": [{"q": "Where does it say <image>?", "a": "There."}]},
    ]))  # fmt: skip
    seen = list[Any]()

    def listed(lost: Counter[str], count: int) -> None:
        seen.append((dict(lost), count, (tmp_path / "out.jsonl").exists()))

    write(catalogue, Order("llava", tmp_path / "out.jsonl"), listed)
    lost = {"which part of a video is shown": 1, "instruction of a text": 1,
            "left out: a text that itself says <image> or <video>": 1}  # fmt: skip
    assert seen == [(lost, 1, False)]
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 1


def test_captions_become_conversations_where_there_are_no_samples(catalogue: Catalogue, tmp_path: Path) -> None:
    (tmp_path / "w.csv").write_text("videoid,contentUrl,name\n17,https://a.example/17.mp4,A cat.\n")
    bring_in(catalogue, tmp_path / "w.csv")
    take_out(catalogue, "ms-swift", tmp_path / "o.jsonl", prompt="What is there?")
    (row,) = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert [m["content"] for m in row["messages"]] == ["<video>\nWhat is there?", "A cat."]
    assert row["videos"] == ["17"]


def test_lvd2m_csv_of_detected_clips_has_spans_and_lengths(with_video: Path, tmp_path: Path) -> None:
    take_out(Catalogue.open(with_video), "lvd2m-csv", tmp_path / "o.csv", selection="everything")
    with (tmp_path / "o.csv").open(newline="") as file:
        found = {row["span"]: (row["video_time"], row["orig_caption"]) for row in csv.DictReader(file)}
    assert found["['0:00:00.500', '0:00:01.500']"] == ("1.0", "A wall.")
    assert found["['0:00:01.000', '0:00:02.000']"] == ("1.0", "")


def test_the_card_says_sources_funnel_and_texts(with_video: Path, tmp_path: Path) -> None:
    take_out(Catalogue.open(with_video), "hf", tmp_path, selection="everything")
    card = (tmp_path / "README.md").read_text()
    for title in ("## Sources", "## Licences", "## Recipe and funnel", "## Texts", "config_name: samples"):
        assert title in card


def test_an_unknown_selection_names_those_that_there_are(with_video: Path, tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"there is no selection 'x'\. There are: everything"):
        take_out(Catalogue.open(with_video), "hf", tmp_path, selection="x")


def test_statistics_count_words_lengths_and_texts_that_are_alike(catalogue: Catalogue, tmp_path: Path) -> None:
    said = ["A dog runs on the beach.", "A dog runs on the beach.", "The car stands."]
    (tmp_path / "i.jsonl").write_text("".join(json.dumps({
        "YoutubeID": "BlUTkf-_GTg", "Start_timestamp": f"00:00:{n}0", "End_timestamp": f"00:00:{n}0.{n + 1}00",
        "Caption": text}) + "\n" for n, text in enumerate(said)))  # fmt: skip
    bring_in(catalogue, tmp_path / "i.jsonl")
    tables = {table.title: table for table in statistics(catalogue, None)}
    assert tables["Beside published datasets"].rows[0] == ("yours", 3, "0.0", "0.2", "0.2", "0.1", "5.0", "")
    assert dict(row[:2] for row in tables["Categories by keywords"].rows)["animals"] == 2
    assert tables["Diversity"].rows[0] == ("words", "15")
    assert tables["Diversity"].rows[-1] == ("captions nearly alike", "2 of 3")
    assert svg_of(list(tables.values())).count("<rect") > 10


class Saying:
    """A captioner that always says the same."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.asked = 0

    def caption(self, requests: Any) -> Any:
        for request in requests:
            self.asked += 1
            yield CaptionResult(request.request_id, self.text, "stop")


def it(folder: Path, name: str, *turns: dict[str, str]) -> Path:
    return jsonl(folder / f"{name}.jsonl", [{"video": f"{n}.mp4", "QA": [turn]} for n, turn in enumerate(turns)])


def answers(catalogue: Catalogue, dataset: str) -> list[str]:
    found = [json.loads(row[2]) for row in samples(catalogue) if row[0] == dataset]
    return [messages[-1]["content"][0]["text"] for messages in found]


def test_repair_mends_spaces_and_doubled_words_and_keeps_what_it_was_made_from(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    bring_in(catalogue, it(tmp_path, "d", {"q": "What ?", "a": " The the cat  ,, it sits .."}))
    amend.amend(catalogue, "d", "d/repair", amend.repaired)
    assert (answers(catalogue, "d"), answers(catalogue, "d/repair")) == (
        [" The the cat  ,, it sits .."], ["The cat, it sits."])  # fmt: skip
    (given,) = [json.loads(row[5]) for row in samples(catalogue) if row[0] == "d/repair"]
    assert list(given) == ["made_from"]


def test_an_apology_is_rewritten_by_the_model_and_nothing_else_is(catalogue: Catalogue, tmp_path: Path) -> None:
    bring_in(
        catalogue, it(tmp_path, "d", {"q": "Who?", "a": "Sorry, I cannot see."}, {"q": "Who?", "a": "A sorry man."})
    )
    captioner = Saying("Nobody is there.")
    with opened(catalogue, None) as connection:
        change = amend.rewriting(sample_entries(connection, None), captioner)
    amend.amend(catalogue, "d", "new", change)
    assert sorted(answers(catalogue, "new")) == ["A sorry man.", "Nobody is there."]
    assert captioner.asked == 1


def test_a_label_becomes_a_choice_among_the_likeliest(catalogue: Catalogue, tmp_path: Path) -> None:
    bring_in(catalogue, it(tmp_path, "k", {"q": "", "a": "surfing"}, {"q": "", "a": "boxing"}, {"q": "", "a": "x"}))
    labels = {"0.mp4": ["diving", "surfing"], "1.mp4": [f"label {n}" for n in range(30)]}
    done = amend.amend(catalogue, "k", "mc", amend.choosing(labels, "Which?"))
    assert done.failed == {"no_candidates": 1}
    first, second = (json.loads(row[2]) for row in samples(catalogue) if row[0] == "mc")
    asked, answer = first[0]["content"][1]["text"], first[1]["content"][0]["text"]
    assert sorted(line[4:] for line in asked.splitlines()[1:]) == ["diving", "surfing"]
    assert answer[4:] == "surfing" and answer in asked
    assert second[0]["content"][1]["text"].count("\n") == 20
    assert second[1]["content"][0]["text"].endswith(" boxing")


def test_a_long_video_is_cut_down_to_what_its_dense_captions_speak_of(catalogue: Catalogue, tmp_path: Path) -> None:
    dense = [{"video": "0.mp4", "start": s, "end": e, "QA": [{"q": "", "a": "x"}]} for s, e in ((5, 9), (20, 31.5))]
    bring_in(catalogue, jsonl(tmp_path / "dense.jsonl", dense))
    bring_in(catalogue, it(tmp_path, "d", {"q": "?", "a": "!"}))
    amend.amend(catalogue, "d", "short", amend.truncating(catalogue, "dense"))
    (messages,) = [json.loads(row[2]) for row in samples(catalogue) if row[0] == "short"]
    assert messages[0]["content"][0]["video"] == {"video_file": "0.mp4", "start_time": 5.0, "end_time": 31.5}


def test_each_sample_gets_one_of_the_instructions_that_the_model_wrote(catalogue: Catalogue, tmp_path: Path) -> None:
    bring_in(catalogue, it(tmp_path, "d", *({"i": "Old.", "q": f"{n}?", "a": "!"} for n in range(8))))
    with opened(catalogue, None) as connection:
        change, written = amend.instructing(
            next(sample_entries(connection, None)), Saying("1. Look.\n2. See.\n\n- Look.")
        )
    assert written == ["Look.", "See."]
    amend.amend(catalogue, "d", "new", change)
    texts = [json.loads(row[2])[0]["content"][1]["text"] for row in samples(catalogue) if row[0] == "new"]
    assert {text.partition("\n")[0] for text in texts} == {"Look.", "See."}
    assert sorted(text.partition("\n")[2] for text in texts) == [f"{n}?" for n in range(8)]


def test_media_that_a_training_set_shares_with_a_test_are_a_leak(catalogue: Catalogue, tmp_path: Path) -> None:
    jsonl(tmp_path / "train_a.jsonl", [{"video": "x/One.mp4", "QA": [{"q": "?", "a": "!"}]}])
    jsonl(tmp_path / "b.jsonl", [{"video": "one.webm", "QA": [{"q": "?", "a": "2"}]}])
    jsonl(tmp_path / "c_test.jsonl", [{"video": "y/ONE.avi", "QA": [{"q": "?", "a": "3"}]}])
    bring_in(catalogue, tmp_path)
    found = [(o.dataset, o.other, o.is_leak) for o in overlaps(catalogue, str(tmp_path / "leaks.txt"))]
    assert found == [("b", "c_test", True), ("train_a", "c_test", True), ("b", "train_a", False)]
    assert (tmp_path / "leaks.txt").read_text().count("one,c_test") == 2
