"""In, out, in again: the same rows for all that a format can hold, on published files and on hostile text."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from curate.doors.writing.clips import KINDS
from engine.catalogue import Catalogue
from tests.curate.doors.conftest import bring_in, jsonl, rejects, samples, take_out, texts
from tests.curate.doors.test_tables_in import cells, lvd2m

Another = Callable[[], Catalogue]
HOSTILE = st.text(st.characters(codec="utf-8"), max_size=40)
SAID = st.one_of(
    HOSTILE, st.sampled_from(['"', "\r\n", "\n\n", "\\", "\x00", "},\n{", 'a,"b"', "\u2028", "Caption 1:x"])
)
_SLOW = settings(
    max_examples=4,
    deadline=None,
    phases=(Phase.generate,),
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def again(before: Catalogue, another: Another, form: str, folder: Path, **wish: Any) -> Catalogue:
    take_out(before, form, folder / form)
    after = another()
    bring_in(after, folder / form, **wish)
    return after


def catalogues(folder: str) -> tuple[Catalogue, Callable[[], Catalogue]]:
    names = iter(range(100))

    def make() -> Catalogue:
        return Catalogue.open(Path(folder) / f"c{next(names)}", create=True)

    return make(), make


def without_rows(found: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Samples but for the number of the row, which is that of the new file."""
    return sorted((row[:1] + row[2:] for row in found), key=repr)


@pytest.mark.parametrize("name", ["main/DREAM-1k.jsonl", "branch_tarsier/caption-test.jsonl"])
def test_tarsier_rows_come_back_from_tarsier_jsonl_and_hugging_face(
    catalogue: Catalogue, another: Another, annotation_files: Path, tmp_path: Path, name: str
) -> None:
    bring_in(catalogue, annotation_files / "tarsier" / name)
    lines = (annotation_files / "tarsier" / name).read_text().count("\n")
    assert len(samples(catalogue)) in (lines, lines + 1)
    for form in ("tarsier-jsonl", "hf"):
        after = again(catalogue, another, form, tmp_path)
        assert without_rows(samples(after)) == without_rows(samples(catalogue))


def test_video_and_text_tables_of_webvid_come_back_from_shards_files_and_hugging_face(
    catalogue: Catalogue, another: Another, annotation_files: Path, tmp_path: Path
) -> None:
    for name in ("test_webvid.csv", "mp4.parquet"):
        bring_in(catalogue, annotation_files / "video2dataset" / name)
    for form in ("webdataset", "files", "hf"):
        assert texts(again(catalogue, another, form, tmp_path)) == texts(catalogue)


def test_the_demo_of_llama_factory_comes_back_from_every_chat_format(
    catalogue: Catalogue, another: Another, annotation_files: Path, tmp_path: Path
) -> None:
    bring_in(catalogue, annotation_files / "llama_factory" / "mllm_video_demo.json")
    for form in ("llava", "ms-swift"):
        after = again(catalogue, another, form, tmp_path, format=form)
        assert without_rows(samples(after)) == without_rows(samples(catalogue)), form


@_SLOW
@given(st.lists(st.tuples(SAID, SAID, SAID), min_size=1, max_size=6))
def test_hostile_captions_come_back_from_lvd2m_csv(said: list[tuple[str, str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        before, another = catalogues(folder)
        made = [
            (f"k.{n}", *cells()[1:4], *(text.replace("\x00", "") for text in (raw, refined)), "x",
             orig.replace("\x00", ""),
             "21.5", cells()[9], "10.5") for n, (raw, refined, orig) in enumerate(said)
        ]  # fmt: skip
        bring_in(before, lvd2m(Path(folder) / "in.csv", *made))
        assert not rejects(before)
        after = another()
        take_out(before, "lvd2m-csv", Path(folder) / "out.csv")
        bring_in(after, Path(folder) / "out.csv")
        assert texts(after) == texts(before)


TURNS = st.lists(st.tuples(SAID, SAID, SAID.filter(bool)), min_size=1, max_size=3)


@_SLOW
@given(st.lists(TURNS, min_size=1, max_size=5))
def test_hostile_dialogues_come_back_in_their_order_from_videochat2_it(made: list[Any]) -> None:
    rows = [{"video": f"v/{n}.mp4", "start": 1.5, "end": 3.25, "QA": [{"i": i, "q": q, "a": a} for i, q, a in turns]}
            for n, turns in enumerate(made)]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        before, another = catalogues(folder)
        bring_in(before, jsonl(Path(folder) / "rows.jsonl", rows))
        after = again(before, another, "videochat2-it", Path(folder))
        assert not rejects(before)
        assert without_rows(samples(after)) == without_rows(samples(before))
        take_out(after, "videochat2-it", Path(folder) / "again")
        first, second = (Path(folder) / n / "rows" / "data.json" for n in ("videochat2-it", "again"))
        assert first.read_bytes() == second.read_bytes()


@_SLOW
@given(st.sampled_from(["llava", "sharegpt", "ms-swift", "openai", "tarsier-jsonl"]),
       st.lists(st.tuples(SAID, SAID), min_size=1, max_size=4), st.booleans())  # fmt: skip
def test_what_is_not_listed_as_lost_comes_back(form: str, said: list[tuple[str, str]], has_image: bool) -> None:
    item = {"type": "image", "image": {"image_file": "a b.png"}} if has_image else (
        {"type": "video", "video": {"video_file": "v.mp4"}})  # fmt: skip
    rows = [{"messages": [{"role": "user", "content": [item, {"type": "text", "text": asked}]},
                          {"role": "assistant", "content": [{"type": "text", "text": answer}]}], "dataset": "d"}
            for asked, answer in said]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        before, another = catalogues(folder)
        bring_in(before, jsonl(Path(folder) / "d.jsonl", rows))
        done = take_out(before, form, Path(folder) / "out")
        if done.lost:
            return
        after = another()
        bring_in(after, Path(folder) / "out", format=form)
        assert without_rows(samples(after)) == without_rows(samples(before))


@_SLOW
@given(st.lists(st.tuples(SAID, st.sampled_from(KINDS)), min_size=1, max_size=6), SAID)
def test_hostile_texts_and_keys_come_back_from_shards_files_and_hugging_face(
    said: list[tuple[str, str]], key: str
) -> None:
    captions = [{"kind": kind, "segment": None, "text": text, "model": "m"} for text, kind in said]
    clip = {"video_key": "v.mp4", "own_key": key + "k", "captions": captions, "dataset": "d", "given": {"x": key},
            "start_us": 0, "end_us": 5}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        before, another = catalogues(folder)
        bring_in(before, jsonl(Path(folder) / "in.jsonl", [{"longtake_clip": clip}]))
        assert not rejects(before)
        for form in ("webdataset", "files", "hf"):
            assert texts(again(before, another, form, Path(folder))) == texts(before)
