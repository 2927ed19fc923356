"""Every dataset's own file becomes requests; what cannot be used is a reject that names line and column."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.formats.ingest import Reading, ingest
from curate.sources import SourceError
from engine.catalogue import Catalogue
from tests.conftest import REPO
from tests.curate.conftest import rows

WATCH = "https://www.youtube.com/watch?v="
S = 1_000_000


def table(path: Path, *lines: list[str], delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows(lines)
    return path


def lines(path: Path, *objects: Any) -> Path:
    path.write_text("".join(f"{json.dumps(o)}\n" for o in objects), encoding="utf-8")
    return path


def read(folder: Path, file: Path, reading: Reading | None = None) -> list[dict[str, Any]]:
    """The requests of a file."""
    ingest(Catalogue.open(folder / "c", create=True), file, reading or Reading())
    found = rows(folder / "c", "from requests order by source_row, span_start_us, hdvg_start_frame")
    return [row | {"given": dict(row["given"])} for row in found]


def spans(requests: list[dict[str, Any]]) -> list[tuple[str, int | None, int | None]]:
    return [(row["video_key"], row["span_start_us"], row["span_end_us"]) for row in requests]


LVD2M = ["refined_caption", "span", "key", "video_id", "url", "total score", "dataset_src"]


def lvd2m_row(caption: str, span: str, key: str, video_id: str, url: str | None = None) -> list[str]:
    return [caption, span, key, video_id, WATCH + video_id if url is None else url, "20.5", "panda70m"]


def test_lvd2m_hours_have_one_or_two_digits_and_fractions_may_lack(tmp_path: Path):
    file = table(
        tmp_path / "ytb.csv",
        LVD2M,
        lvd2m_row('a "quoted"\nline', "['0:01:20.880', '0:01:23.983']", "-a.1", "-aaaaaaaaaa"),
        lvd2m_row("b", "['00:01:20', '01:02:23.5']", "b.1", "bbbbbbbbbbb"),
    )
    found = read(tmp_path, file)
    assert spans(found) == [
        ("-aaaaaaaaaa", 80_880_000, 83_983_000),
        ("bbbbbbbbbbb", 80 * S, (3600 + 2 * 60 + 23) * S + 500_000),
    ]
    assert [row["own_key"] for row in found] == ["-a.1", "b.1"]
    assert found[0]["dataset"] == "lvd2m_ytb"
    assert found[0]["given"]["refined_caption"] == 'a "quoted"\nline'
    assert found[0]["given"]["total score"] == "20.5"
    assert list(found[0]["given"]) == LVD2M


def test_a_bad_row_names_its_line_and_column_whatever_line_breaks_stand_before(tmp_path: Path):
    file = table(
        tmp_path / "ytb.csv",
        LVD2M,  # line 1
        lvd2m_row("two\nlines", "['0', '1']", "k1", "aaaaaaaaaaa"),  # 2 and 3
        lvd2m_row("c", "['x', '00:02:23']", "k2", "aaaaaaaaaaa"),  # 4
        [*lvd2m_row("d", "['1', '2']", "k3", "aaaaaaaaaaa"), "one too many"],  # 5
        lvd2m_row("three\nlines\nhere", "['00:03:00', '00:02:23']", "k4", "aaaaaaaaaaa"),  # 6 to 8
        lvd2m_row("f", "['1', '2']", "k5", "aaaaaaaaaaa", "ftp://x.org/a.mp4"),  # 9
        lvd2m_row("g", "['1', '2']", "k6", "aaaaaaaaaaa", WATCH + "bbbbbbbbbbb"),  # 10
        lvd2m_row("h", "['1', '2']", "k7", "aaaaaaaaaaa"),
    )
    found = read(tmp_path, file)
    assert [row["own_key"] for row in found] == ["k1", "k7"]
    turned_away = rows(tmp_path / "c", "select key, reason, detail from rejects")
    assert {row["key"]: row["reason"] for row in turned_away} == {
        "ytb.csv:4": "bad_span", "ytb.csv:5": "csv.too_many_columns", "ytb.csv:6": "bad_span", "ytb.csv:9": "bad_url",
        "ytb.csv:10": "bad_video_id",
    }  # fmt: skip
    assert any("line 4, column span: not a time: x" in row["detail"] for row in turned_away)


def test_hdvg_frames_are_kept_as_frames(tmp_path: Path):
    header = ["key", "video_id", "url", "orig_span", "scene_cut", "total score"]
    span = "['00:01:35.750', '00:02:58.750']"
    file = table(
        tmp_path / "hdvg.csv",
        header,
        ["a.1_0", "a" * 11, WATCH + "a" * 11, span, "[0, -1]", "21"],
        ["a.1_1", "a" * 11, WATCH + "a" * 11, span, "[12, 300]", "21"],
        ["a.1_2", "a" * 11, WATCH + "a" * 11, span, "[300, 12]", "21"],
    )
    found = read(tmp_path, file)
    assert spans(found) == [("a" * 11, 95_750_000, 178_750_000)] * 2
    assert [(row["hdvg_start_frame"], row["hdvg_end_frame"]) for row in found] == [(0, -1), (12, 300)]
    assert [row["reason"] for row in rows(tmp_path / "c", "from rejects")] == ["bad_scene_cut"]


def test_webvid_of_lvd2m_is_known_by_its_url_and_asked_for_whole(tmp_path: Path):
    file = table(
        tmp_path / "w.csv", ["key", "url", "total score"], ["w1", "https://x.org/1.mp4", "22"], ["w2", "", "22"]
    )
    assert spans(read(tmp_path, file)) == [("https://x.org/1.mp4", None, None)]
    assert [row["reason"] for row in rows(tmp_path / "c", "from rejects")] == ["bad_url"]


def test_panda70m_has_a_row_a_video_and_each_clip_gets_its_own_entries(tmp_path: Path):
    header = ["videoID", "url", "timestamp", "caption", "matching_score"]
    times = "[['0:00:08.341', '0:00:22.856'], ['0:00:30.0', '0:00:31.5']]"
    file = table(tmp_path / "p.csv", header, ["a" * 11, WATCH + "a" * 11, times, "['it is', \"he's\"]", "[0.5, 0.6]"])
    found = read(tmp_path, file)
    assert spans(found) == [("a" * 11, 8_341_000, 22_856_000), ("a" * 11, 30 * S, 31_500_000)]
    assert [row["own_key"] for row in found] == [f"{'a' * 11}.0", f"{'a' * 11}.1"]
    assert [row["given"]["caption"] for row in found] == ["it is", "he's"]


def test_koala36m_has_pandas_columns_and_a_row_a_clip(tmp_path: Path):
    file = table(
        tmp_path / "k.csv",
        ["videoID", "url", "timestamp", "caption"],
        ["a_0_1", WATCH + "b" * 11, "['0:00:08.341', '0:00:22.856']", "it's"],
    )
    found = read(tmp_path, file)
    assert spans(found) == [("b" * 11, 8_341_000, 22_856_000)]
    assert (found[0]["own_key"], found[0]["given"]["caption"]) == ("a_0_1", "it's")


def test_hdvila_lines_hold_clips_and_in_hdvg_scenes(tmp_path: Path):
    scenes = [
        {"clip_id": "a.1_0.mp4", "caption": "x", "scene_cut": [0, -1]},
        {"clip_id": "a.1_1.mp4", "scene_cut": [3, 70]},
    ]
    clip = {"clip_id": "a.1.mp4", "span": ["00:00:01.5", "00:00:09"]}
    file = lines(
        tmp_path / "h.jsonl",
        {"video_id": "a" * 11, "url": WATCH + "a" * 11, "clip": [clip | {"scene_split": scenes}]},
        {"video_id": "b" * 11, "url": WATCH + "b" * 11, "clip": [clip]},
    )
    with file.open("a", encoding="utf-8") as more:
        more.write("{broken\n")
    found = read(tmp_path, file)
    assert spans(found) == [("a" * 11, 1_500_000, 9 * S)] * 2 + [("b" * 11, 1_500_000, 9 * S)]
    assert [row["own_key"] for row in found] == ["a.1_0", "a.1_1", "a.1"]
    assert [row["hdvg_end_frame"] for row in found] == [-1, 70, None]
    assert rows(tmp_path / "c", "select key from rejects") == [{"key": "h.jsonl:3"}]


def test_internvid_gives_ids_and_times(tmp_path: Path):
    row = {"YoutubeID": "a" * 11, "Start_timestamp": "00:00:01.500", "End_timestamp": "00:00:04.500", "UMT_Score": 0.3}
    found = read(tmp_path, lines(tmp_path / "i.jsonl", row))
    assert spans(found) == [("a" * 11, 1_500_000, 4_500_000)]
    assert found[0]["url"] == WATCH + "a" * 11
    assert found[0]["given"]["Start_timestamp"] == "00:00:01.500"


def test_webvid_is_known_by_its_own_id(tmp_path: Path):
    file = table(tmp_path / "w.csv", ["videoid", "name", "contentUrl"], ["7", "a horse", "https://x.org/7.mp4"])
    (found,) = read(tmp_path, file)
    assert (found["video_key"], found["url"], found["dataset"]) == ("7", "https://x.org/7.mp4", "webvid")


def test_media_lists_name_files_which_a_base_url_makes_urls(tmp_path: Path):
    media = [
        {"video": "a/b c.mp4", "QA": [{"q": "?", "a": "!"}], "start": 1.5, "end": 4.0},
        {"video": "a/d.mp4", "QA": []},
    ]
    file = tmp_path / "it.json"
    file.write_text(json.dumps(media), encoding="utf-8")
    found = read(tmp_path, file)
    assert spans(found) == [("a/b c.mp4", 1_500_000, 4 * S), ("a/d.mp4", None, None)]
    assert [row["url"] for row in found] == [None, None]
    (tmp_path / "based").mkdir()
    based = read(tmp_path / "based", file, Reading(base_url="https://x.org/media/"))
    assert [row["url"] for row in based] == ["https://x.org/media/a/b%20c.mp4", "https://x.org/media/a/d.mp4"]


def test_openvid_names_files(tmp_path: Path):
    file = table(
        tmp_path / "o.csv", ["video", "caption", "aesthetic score", "motion score"], ["x_1.mp4", "c", "5", "3"]
    )
    (found,) = read(tmp_path, file)
    assert (found["video_key"], found["url"], found["own_key"], found["dataset"]) == ("x_1.mp4", None, "x_1", "openvid")


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "tsv", "json", "jsonl", "parquet"])
def test_url_tables_come_in_every_form(suffix: str, tmp_path: Path):
    file = tmp_path / f"t.{suffix}"
    row = {"url": "https://x.org/z.mp4", "caption": "c", "start": 0.5, "end": 2.25}
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist([row]), file)
    elif suffix == "json":
        file.write_text(json.dumps([row]), encoding="utf-8")
    elif suffix == "jsonl":
        lines(file, row)
    else:
        plain = table(
            tmp_path / "plain", list(row), [str(v) for v in row.values()], delimiter="\t" if suffix == "tsv" else ","
        )
        file.write_bytes(gzip.compress(plain.read_bytes()) if suffix == "csv.gz" else plain.read_bytes())
    assert spans(read(tmp_path, file)) == [("https://x.org/z.mp4", 500_000, 2_250_000)]


def test_a_list_of_spans_in_a_url_table_is_a_request_each(tmp_path: Path):
    file = table(tmp_path / "v.csv", ["url", "clips"], ["https://x.org/z.mp4", "[[0.0, 2.5], [3, 4]]"])
    assert [(start, end) for _, start, end in spans(read(tmp_path, file))] == [(0, 2_500_000), (3 * S, 4 * S)]


def test_a_list_of_urls_may_hold_remarks_and_blank_lines(tmp_path: Path):
    file = tmp_path / "u.txt"
    file.write_text("https://x.org/a.mp4\n\n# no\nnot a url\nhttps://youtu.be/eeeeeeeeeee\n", encoding="utf-8")
    assert [key for key, _, _ in spans(read(tmp_path, file))] == ["https://x.org/a.mp4", "eeeeeeeeeee"]
    assert rows(tmp_path / "c", "select key from rejects") == [{"key": "u.txt:4"}]


def test_other_columns_are_said_by_the_person(tmp_path: Path):
    file = table(tmp_path / "my.tsv", ["link", "from", "to"], ["https://x.org/q.mp4", "3", "0:04"], delimiter="\t")
    named = Reading(columns={"url": "link", "start": "from", "end": "to"})
    assert spans(read(tmp_path, file, named)) == [("https://x.org/q.mp4", 3 * S, 4 * S)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n", "no known dataset has these columns: a, b.*--columns"),
        ("", "is empty"),
    ],
)
def test_an_unknown_file_is_refused_with_what_to_do(content: str, message: str, tmp_path: Path):
    (tmp_path / "x.csv").write_text(content, encoding="utf-8")
    with pytest.raises(SourceError, match=message):
        read(tmp_path, tmp_path / "x.csv")
    with pytest.raises(SourceError, match="there is no file"):
        read(tmp_path, tmp_path / "y.csv")


def test_a_file_is_read_once_and_again_when_it_changed(tmp_path: Path):
    file, catalogue = tmp_path / "u.txt", Catalogue.open(tmp_path / "c", create=True)
    file.write_text("https://x.org/a.mp4\n", encoding="utf-8")
    assert not ingest(catalogue, file, Reading()).was_known
    assert ingest(catalogue, file, Reading()).was_known
    file.write_text("https://x.org/a.mp4\nhttps://x.org/b.mp4\n", encoding="utf-8")
    assert ingest(catalogue, file, Reading()).num_requests == 2
    assert len(rows(tmp_path / "c", "from requests")) == 2


def test_real_url_tables_of_other_tools_are_recognised(tmp_path: Path):
    folder = REPO.parent / "shared" / "data" / "annotations" / "video2dataset"
    if not folder.is_dir():
        pytest.skip(f"no annotations in {folder}")
    catalogue = Catalogue.open(tmp_path / "c", create=True)
    done = [
        ingest(catalogue, folder / name, Reading()) for name in ("test_webvid.csv", "mp4.parquet", "youtube.parquet")
    ]
    assert [(d.dataset, d.num_rejects) for d in done] == [("webvid", 0), ("webvid", 0), ("url_table", 0)]


def test_a_row_that_is_no_text_and_one_that_is_too_long_name_their_lines(tmp_path: Path):
    long = "x" * (17 << 20)
    text = f"url,caption\nhttp://x/1.mp4,?\nhttp://x/2.mp4,{long}\n\nhttp://x/3.mp4,c\nhttp://x/4.mp4,d,e\n"
    (tmp_path / "odd.csv").write_bytes(text.encode().replace(b"?", b"\xff\xfe", 1))
    found = read(tmp_path, tmp_path / "odd.csv")
    assert [row["url"] for row in found] == ["http://x/3.mp4"]
    told = {row["key"]: row["reason"] for row in rows(tmp_path / "c", "from rejects")}
    assert told == {
        "odd.csv:2": "csv.invalid_encoding", "odd.csv:3": "csv.line_size_over_maximum",
        "odd.csv:6": "csv.too_many_columns",
    }  # fmt: skip


def test_rows_are_counted_through_batches_and_bad_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from curate.formats import ingest as module  # noqa: PLC0415

    monkeypatch.setattr(module, "BATCH_ROWS", 2048)  # DuckDB's smallest
    urls = [[f"http://x/{i}.mp4" if i % 1000 else "gopher://x"] for i in range(1, 5001)]
    found = read(tmp_path, table(tmp_path / "t.csv", ["url"], *urls))
    assert [row["source_row"] for row in found] == [i for i in range(1, 5001) if i % 1000]
    assert {row["url"] for row in found if row["source_row"] == 4999} == {"http://x/4999.mp4"}
    told = [row["key"] for row in rows(tmp_path / "c", "select key from rejects order by created_at, len(key), key")]
    assert told == ["t.csv:1001", "t.csv:2001", "t.csv:3001", "t.csv:4001", "t.csv:5001"]
