"""What is written in a format is read again as it was, whatever the texts are: each format by itself, without a
catalogue, so that many texts can be tried."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from curate.doors import csv_blocks
from curate.doors.csv_blocks import Dialect, csv_batches
from curate.doors.found import BadRow
from curate.doors.made import TOKENS, Clip
from curate.doors.reading import scripts
from curate.doors.record_files import records_of
from curate.doors.tars import read_sample, samples_of_folder, samples_of_tar
from curate.doors.writing import huggingface, lvd2m
from curate.doors.writing.chats import CHAT_FORMATS, record_of
from curate.doors.writing.clips import KINDS, Counted, Sample, samples_of, text_file, write_files, write_shards
from curate.doors.writing.rows import ClipEntry, SampleEntry
from curate.doors.writing.shards import SHARD_BYTES
from engine.catalogue import Catalogue

PIECES = st.sampled_from([
    '"', "\r\n", "\n\n", "\\", "\x00", "},\n{", 'a,"b"', "\u2028", "\x85", "Caption 1:x", "<image>",
                          "\ufeff", "'", ",", "]", "\t", " ", "😀",
])  # fmt: skip
TEXT = st.one_of(st.text(st.characters(codec="utf-8"), max_size=30), st.lists(PIECES, max_size=5).map("".join))
NAME = TEXT.filter(lambda text: text.strip())
MANY = settings(max_examples=50, deadline=None)


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def clip_entry(key: str, said: list[tuple[str, str]], given_: dict[str, str]) -> ClipEntry:
    texts = [{"kind": kind, "segment": None, "text": text, "model": "m"} for kind, text in said]
    named = ("clip_id", "url", "span_start_us", "span_end_us", "hdvg_start_frame", "hdvg_end_frame", "start_us", "uri",
             "end_us", "num_frames", "kept", "clip_uri", "file_key", "licence", "duration_us", "fps_num", "fps_den",
             "width", "height", "flow_lvd")  # fmt: skip
    row: dict[str, Any] = dict.fromkeys(named)
    row |= {"request_id": "r", "dataset": "d", "video_key": "v.mp4", "own_key": key, "given": given_}
    row |= {"span_start_us": 0, "span_end_us": 5}
    return ClipEntry(key, row, texts)


def assert_as_written(clips: Any, entry: ClipEntry) -> None:
    """The one clip that was read is the entry."""
    (clip,) = clips
    assert isinstance(clip, Clip)
    assert (clip.own_key, dict(clip.given), clip.video_key, clip.start_us, clip.end_us) == (
        entry.key, entry.row["given"], "v.mp4", 0, 5)  # fmt: skip
    texts = [(text.kind, text.text, text.model) for text in clip.texts]
    assert texts == [(text["kind"], text["text"], text["model"]) for text in entry.texts]


def sound(found: Any) -> Any:
    assert not isinstance(found, BadRow), found
    return found


def prepared(entries: list[ClipEntry], out: Path) -> Iterator[Sample]:
    catalogue = Catalogue.open(out / "c", create=True)
    return samples_of(iter(entries), catalogue, Counted(), with_media=False)


def from_shards(entries: list[ClipEntry], out: Path) -> list[Any]:
    write_shards(prepared(entries, out), out / "w", SHARD_BYTES, out)
    return [record for _, record in samples_of_tar(out / "w" / "000000.tar")]


def from_files(entries: list[ClipEntry], out: Path) -> list[Any]:
    write_files(prepared(entries, out), out / "f", out)
    return [record for _, record in samples_of_folder(out / "f")]


@pytest.mark.parametrize("way", [from_shards, from_files])
@MANY
@given(key=NAME, said=st.lists(st.tuples(st.sampled_from(KINDS), NAME), max_size=3), other=TEXT)
def test_clips_come_back_from_shards_and_from_files(
    way: Callable[[list[ClipEntry], Path], list[Any]], key: str, said: list[tuple[str, str]], other: str
) -> None:
    entry = clip_entry(key, said, {"x": other, other: "y"})
    with folder() as out:
        (record,) = way([entry], out)
        assert_as_written(read_sample(sound(record)), entry)


@MANY
@given(key=NAME, said=st.lists(st.tuples(st.sampled_from(KINDS), NAME), max_size=3), other=TEXT)
def test_clips_come_back_from_hugging_face(key: str, said: list[tuple[str, str]], other: str) -> None:
    entry = clip_entry(key, said, {"x": other})
    with folder() as out:
        huggingface.write_parquet(iter([huggingface.clip_row(entry)]), huggingface.CLIPS, out)
        ((_, record),) = records_of(out / "part-00000.parquet")
        assert_as_written(scripts.read_own(sound(record)), entry)


@MANY
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=3), st.sampled_from(["image", "video"]), TEXT)
@pytest.mark.parametrize("name", CHAT_FORMATS)
def test_conversations_come_back_from_every_chat_format(
    name: str, said: list[tuple[str, str]], kind: str, other: str
) -> None:
    """A format may only lose what it says that it loses, and no plain text at all."""
    form = CHAT_FORMATS[name]
    shown = {"type": kind, kind: {f"{kind}_file": "a b.x"}}
    messages = [{"role": role, "content": [{"type": "text", "text": text}]}
                for pair in said for role, text in zip(("user", "assistant"), pair, strict=True)]  # fmt: skip
    messages[0]["content"].insert(0, shown)
    entry = SampleEntry(messages, {"own_key": None, "task": None, "dataset": None}, {"more": other})
    record, lost = record_of(entry, form)
    plain = all(text and text.strip("\n") == text and not any(token in text for token in TOKENS.values())
                for pair in said for text in pair)  # fmt: skip
    assert not (lost and plain), lost
    if record is None or lost:
        return
    with folder() as out:
        path = out / ("r.json" if form.as_array else "r.jsonl")
        with text_file(path) as file:
            text = json.dumps(record, ensure_ascii=False)
            file.write(f"[{text}\n]" if form.as_array else f"{text}\n")
        ((_, again),) = records_of(path)
        (made,) = form.read(sound(again))
    assert (made.messages, dict(made.given)) == (messages, {"more": other})


@MANY
@given(NAME, TEXT, TEXT, TEXT)
def test_texts_come_back_from_lvd2m_csv(raw: str, refined: str, rewritten: str, given_: str) -> None:
    entry = clip_entry("k", [("raw", raw), ("refined", refined), ("rewritten", rewritten), ("given", given_)], {})
    cells, lost = lvd2m.record_of(entry)
    assert not lost
    columns = lvd2m.columns_of({lvd2m.file_of(cells)})
    with folder() as out:
        with text_file(out / "o.csv") as file:
            lvd2m.write([cells], file, columns)
        (batch,) = csv_batches(out / "o.csv", Dialect(columns, ","))
    (row,) = batch.rows.to_pylist()
    assert row["line_problem"] is None
    names = ("raw_caption", "refined_caption", "rewritten_caption", "orig_caption")
    assert [row[name] for name in names] == [raw, refined, rewritten, given_]


CELLS = st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=12)


@pytest.mark.parametrize("block_bytes", [16, 64, 1 << 20])
@MANY
@given(CELLS)
def test_records_of_a_csv_file_are_the_same_wherever_blocks_end(
    block_bytes: int, cells: list[tuple[str, str, str]]
) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([("a", "b", "c"), *cells])
    found, lines = read_in_blocks(text.getvalue().encode(), block_bytes)
    assert [tuple(row[name] for name in "abc") for row in found] == cells
    assert [row["source_row"] for row in found] == list(range(1, len(cells) + 1))
    begins = [2]
    for row in cells[:-1]:
        begins.append(begins[-1] + 1 + sum(cell.count("\n") for cell in row))
    assert lines == begins


@pytest.mark.parametrize("block_bytes", [16, 64])
@MANY
@given(st.lists(TEXT, max_size=8).map("\n".join))
@example("\r\r\r\n\n\n\n\ufeff")  # a block that begins with what marks a file's encoding
def test_what_becomes_of_damaged_csv_does_not_depend_on_where_blocks_end(block_bytes: int, text: str) -> None:
    content = b"a,b,c\n1,2,3\n" + text.encode() + b"\n4,5,6\n"
    whole, lines = read_in_blocks(content, 1 << 20)
    assert (whole, lines) == read_in_blocks(content, block_bytes)


def read_in_blocks(content: bytes, block_bytes: int) -> tuple[list[dict[str, Any]], list[int]]:
    with folder() as out, pytest.MonkeyPatch.context() as patched:
        patched.setattr(csv_blocks, "BLOCK_BYTES", block_bytes)
        patched.setattr(csv_blocks, "LONGEST_RECORD", 4096)
        (out / "t.csv").write_bytes(content)
        batches = list(csv_batches(out / "t.csv", Dialect(("a", "b", "c"), ",")))
        rows = [row for batch in batches for row in batch.rows.to_pylist()]
        lines = [line for batch in batches for line in batch.lines_of(batch.rows["source_row"].to_pylist())]
    return rows, lines


def test_parquet_of_strangers_is_read_row_by_row() -> None:
    with folder() as out:
        pq.write_table(pa.table({"video": ["a", "b"], "caption": ["x", None]}), out / "p.parquet")
        assert [record for _, record in records_of(out / "p.parquet")] == [
            {"video": "a", "caption": "x"}, {"video": "b", "caption": None}]  # fmt: skip
