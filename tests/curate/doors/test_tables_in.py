"""csv, jsonl and Parquet of clip datasets: spans become requests, texts become captions with who wrote them."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.doors import table_files
from curate.doors.recognise import LOOKED_AT
from curate.sources import SourceError
from engine.catalogue import Catalogue
from tests.curate.doors.conftest import bring_in, jsonl, rejects, rows

LVD2M = ("key", "video_id", "url", "dataset_src", "raw_caption", "refined_caption", "rewritten_caption",
         "orig_caption", "total score", "span", "video_time")  # fmt: skip
ID = "BlUTkf-_GTg"
WATCH = f"https://www.youtube.com/watch?v={ID}"


def lvd2m(path: Path, *cells: tuple[str, ...]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([LVD2M, *cells])
    return path


def cells(key: str = "k.0", raw: str = "a long text", span: str = "['0:00:01.5', '0:00:12']") -> tuple[str, ...]:
    return (key, ID, WATCH, "panda70m", raw, "shorter", "short", "a cat", "21.5", span, "10.5")


def captions(catalogue: Catalogue) -> list[tuple[object, ...]]:
    return [
        tuple(row.values()) for row in rows(catalogue, "select kind, segment, text, model from captions order by all")
    ]


def test_lvd2m_gives_a_request_and_its_four_texts_with_who_wrote_them(catalogue: Catalogue, tmp_path: Path) -> None:
    (done,) = bring_in(catalogue, lvd2m(tmp_path / "ytb.csv", cells()))
    assert (done.title, done.rows) == (
        "LVD-2M, clips of Panda-70M and InternVid", {"captions": 4, "requests": 1, "ingests": 1})  # fmt: skip
    assert captions(catalogue) == [
        ("given", None, "a cat", "panda70m"), ("raw", None, "a long text", "LLaVA-v1.6-34B"),
        ("refined", None, "shorter", "Claude-3-Haiku"), ("rewritten", None, "short", "LLaMA-3.1-70B"),
    ]  # fmt: skip
    (request,) = rows(catalogue, "select span_start_us, span_end_us, own_key, given from requests")
    assert (request["span_start_us"], request["span_end_us"], request["own_key"]) == (1_500_000, 12_000_000, "k.0")
    assert dict(request["given"])["total score"] == "21.5"
    assert "raw_caption" not in dict(request["given"])  # it stands in captions


def test_parts_behind_caption_marks_are_segments_numbered_from_0(catalogue: Catalogue, tmp_path: Path) -> None:
    raw = 'before Caption 1: one,\n"quoted" Caption  2 :two Caption 3:  '
    bring_in(catalogue, lvd2m(tmp_path / "ytb.csv", cells(raw=raw), cells("k.1", raw="Captions of nothing")))
    found = rows(catalogue, "select segment, text from captions where kind = 'segment' order by segment")
    assert found == [{"segment": 0, "text": 'one,\n"quoted"'}, {"segment": 1, "text": "two"}]
    assert rows(catalogue, "select count(*) as n from captions where kind = 'raw'") == [{"n": 2}]


def test_the_same_file_read_twice_adds_nothing_nor_does_a_copy_of_it(catalogue: Catalogue, tmp_path: Path) -> None:
    path = lvd2m(tmp_path / "ytb.csv", cells(), cells("k.1"))
    bring_in(catalogue, path)
    before = rows(catalogue, "select count(*) as n from history.captions")
    assert bring_in(catalogue, path)[0].was_known
    copy = tmp_path / "copy.csv"
    copy.write_bytes(path.read_bytes())
    (done,) = bring_in(catalogue, copy)
    assert done.rows == {"ingests": 1}
    assert rows(catalogue, "select count(*) as n from history.captions") == before


def test_a_bad_row_is_a_reject_with_its_line_and_the_others_stay(catalogue: Catalogue, tmp_path: Path) -> None:
    path = lvd2m(tmp_path / "ytb.csv", cells(raw="two\nlines"), cells("k.1", span="soon"), cells("k.2"))
    bring_in(catalogue, path)
    assert rejects(catalogue) == [("4", "bad_span")]  # the first record takes lines 2 and 3
    assert rows(catalogue, "select count(*) as n from requests") == [{"n": 2}]


def test_rows_around_a_broken_one_are_read_all_the_same(catalogue: Catalogue, tmp_path: Path) -> None:
    whole = lvd2m(tmp_path / "whole.csv", *(cells(f"k.{n}") for n in range(4))).read_bytes().splitlines(keepends=True)
    damaged = tmp_path / "damaged.csv"
    damaged.write_bytes(
        b"".join([*whole[:2], b'x,"no end\n', whole[2], b"too,few\n", whole[3], b"\xff\xfe,1\n", whole[4]])
    )
    bring_in(catalogue, damaged)
    assert rejects(catalogue) == [("3", "bad_line"), ("5", "bad_line"), ("7", "bad_line")]
    assert rows(catalogue, "select count(*) as n from requests") == [{"n": 4}]


def test_panda_70m_gives_a_request_and_a_caption_a_span(catalogue: Catalogue, tmp_path: Path) -> None:
    path = tmp_path / "panda.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["videoID", "url", "timestamp", "caption", "matching_score"])
        writer.writerow([ID, WATCH, "[['0:00:00.000', '0:00:05.000'], ['0:00:05.000', '0:00:09.500']]",
                         "['a cat', 'a dog']", "[0.5, 0.4]"])  # fmt: skip
    bring_in(catalogue, path)
    found = rows(
        catalogue, "select own_key, span_end_us, text from requests join captions on clip_id = request_id order by 1"
    )
    assert found == [
        {"own_key": f"{ID}.0", "span_end_us": 5_000_000, "text": "a cat"},
        {"own_key": f"{ID}.1", "span_end_us": 9_500_000, "text": "a dog"},
    ]


def test_hd_vg_jsonl_gives_scenes_and_a_line_that_is_no_json_is_a_reject(catalogue: Catalogue, tmp_path: Path) -> None:
    scene = {"clip_id": f"{ID}.3_0.mp4", "caption": "a man", "scene_cut": [0, -1]}
    clip = {"clip_id": f"{ID}.3.mp4", "span": ["00:01:35.750", "00:02:58.750"], "scene_split": [scene]}
    path = jsonl(tmp_path / "hdvg.jsonl", [{"video_id": ID, "url": WATCH, "clip": [clip]}] * 2)
    with path.open("ab") as file:
        file.write(b"\n{no json\n\xff\n")
    (done,) = bring_in(catalogue, path)
    assert done.title == "HD-VILA-100M / HD-VG-130M"
    assert captions(catalogue) == [("given", None, "a man", "HD-VG-130M")]
    assert rows(catalogue, "select hdvg_end_frame as e, own_key from requests") == [{"e": -1, "own_key": f"{ID}.3_0"}]
    assert rejects(catalogue) == [("4", "bad_line"), ("5", "bad_line")]


def test_names_that_objects_have_only_further_down_are_kept(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_files, "BLOCK_BYTES", 1000)  # so that there are many batches
    videos = [{"video": f"{n}.mp4", "caption": "x", "aesthetic score": 5.1} for n in range(LOOKED_AT + 50)]
    videos[-1] |= {"Late 'name'": "kept", "caption ": "another"}
    bring_in(catalogue, jsonl(tmp_path / "openvid.jsonl", videos))
    found = rows(catalogue, "select given from requests where given['Late ''name'''] is not null")
    assert [dict(row["given"]) for row in found] == [
        {"aesthetic score": "5.1", "Late 'name'": "kept", "caption ": "another"}
    ]
    assert len(captions(catalogue)) == len(videos)


@pytest.mark.parametrize(
    ("row", "title", "kind"),
    [
        ({"YoutubeID": ID, "Start_timestamp": "00:00:01.000", "End_timestamp": "00:00:03.000", "Caption": "x"},
         "InternVid", "InternVid"),
        ({"videoid": "17", "contentUrl": "https://a.example/17.mp4", "name": "x"}, "WebVid", "WebVid"),
        ({"video": "a.mp4", "caption": "x", "aesthetic score": 5.1, "motion score": 3.0}, "OpenVid-1M", "OpenVid-1M"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".parquet"])
def test_clip_datasets_are_known_by_their_columns_whatever_the_file(
    catalogue: Catalogue, tmp_path: Path, row: dict[str, object], title: str, kind: str, suffix: str
) -> None:
    path = tmp_path / f"rows{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist([row]), path)
    elif suffix == ".json":
        path.write_text(str([row]).replace("'", '"'))
    else:
        jsonl(path, [row])
    (done,) = bring_in(catalogue, path)
    assert done.title == title
    assert captions(catalogue) == [("given", None, "x", kind)]


def test_a_file_of_unknown_columns_is_an_error_that_names_the_formats(catalogue: Catalogue, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(SourceError, match=r"no known dataset has a, b\. Say what it is: --format lvd2m-csv"):
        bring_in(catalogue, tmp_path / "x.csv")


def test_in_a_folder_a_file_that_is_not_known_is_a_reject_and_the_others_come(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.csv").write_text("a,b\n1,2\n")
    lvd2m(tmp_path / "in" / "y.csv", cells())
    bring_in(catalogue, tmp_path / "in")
    assert rejects(catalogue) == [("1", "unknown_format")]
    assert rows(catalogue, "select count(*) as n from requests") == [{"n": 1}]
