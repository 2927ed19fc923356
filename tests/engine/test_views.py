"""Which rows are current."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.catalogue import Catalogue
from engine.parts import content_of, part_name
from engine.store import CatalogueError
from engine.wide import CAPTION_KINDS
from engine.write import as_table, write
from schemas.tables import CLIPS, VIDEOS

CLIP_BOUNDS = "select start_us // 1000000, end_us // 1000000 from clips order by all"


def test_the_newest_row_of_a_key_is_the_current_one(catalogue, made, rows):
    write(catalogue, {"videos": [made.video("v", at=2, codec="av1")]}, stage="add")
    write(catalogue, {"videos": [made.video("v", at=1, codec="vp9")]}, stage="add")
    assert rows(catalogue, "select codec from videos") == [("av1",)]
    assert rows(catalogue, "select codec from history.videos order by codec") == [("av1",), ("vp9",)]


def test_two_rows_of_one_key_and_time_count_as_one(catalogue, made, rows):
    write(catalogue, {"videos": [made.video("v"), made.video("v", codec="vp9")]}, stage="add")
    assert rows(catalogue, "select count(*) from videos") == [(1,)]


def test_clips_of_an_older_scan_with_other_bounds_do_not_linger(catalogue, made, rows):
    write(catalogue, made.scan("v", [0, 1, 2, 3], at=1), stage="scan")
    write(catalogue, made.scan("v", [0, 3], at=2, settings="b"), stage="scan")
    assert rows(catalogue, CLIP_BOUNDS) == [(0, 3)]
    assert rows(catalogue, "select count(*) from cuts") == [(0,)]


def test_an_older_scan_that_arrives_late_changes_nothing(catalogue, made, rows):
    write(catalogue, made.scan("v", [0, 3], at=2, settings="b"), stage="scan")
    write(catalogue, made.scan("v", [0, 1, 3], at=1), stage="scan")
    assert rows(catalogue, CLIP_BOUNDS) == [(0, 3)]


def test_a_newer_scan_without_clips_leaves_none(catalogue, made, rows):
    write(catalogue, made.scan("v", [0, 1, 3], at=1), stage="scan")
    write(catalogue, made.scan("v", [0], at=2), stage="scan")
    assert rows(catalogue, CLIP_BOUNDS) == []


def test_children_without_their_commit_are_invisible_and_a_second_run_makes_them_count_once(catalogue, made, rows):
    killed = made.scan("v", [0, 1, 3], at=1)
    write(catalogue, {name: killed[name] for name in ("cuts", "clips", "measures")}, stage="scan")
    assert rows(catalogue, "select count(*) from clip") == [(0,)]
    write(catalogue, made.scan("v", [0, 1, 3], at=2), stage="scan")
    assert rows(catalogue, CLIP_BOUNDS) == [(0, 1), (1, 3)]


def test_the_same_result_written_twice_counts_once(catalogue, made, rows):
    write(catalogue, made.scan("v", [0, 1, 3]), stage="scan")
    both = {name: made.scan("v", [0, 1, 3])[name] + made.scan("w", [0, 1])[name] for name in made.scan("v", [0])}
    write(catalogue, both, stage="scan")  # in a part with another video: not the same bytes
    assert rows(catalogue, "select video_id, count(*) from clip group by all order by all") == [("v", 2), ("w", 1)]


def test_a_commit_row_that_breaks_a_rule_leaves_its_children_uncounted(catalogue, made, rows):
    result = made.scan("v", [0, 1, 3])
    result["scans"][0]["num_frames_decoded"] = 0
    written = write(catalogue, result, stage="scan")
    assert [reject["reason"] for reject in written.rejects] == ["scans.frames_were_decoded"]
    assert rows(catalogue, "select count(*) from clips") == [(0,)]


def test_a_selection_counts_from_its_funnel_on_and_is_replaced_whole(catalogue, made, rows):
    def selection(clips: list[str], at: int) -> dict[str, list[dict]]:
        step = {"selection": "s", "condition": "all", "sql": "true", "clips_unmeasured": 0, "hours_left": 1.0,
                "clips_turned_away_alone": 0, "hours_turned_away_alone": 0.0, "clips_left": len(clips)}  # fmt: skip
        return {
            "selections": [
                {"selection": "s", "clip_id": c, "rank": n} | made.provenance(at) for n, c in enumerate(clips, 1)
            ],
            "funnels": [step | {"step": n} | made.provenance(at) for n in range(3 - at)],
        }

    write(catalogue, selection(["a", "b", "c"], at=0), stage="select")
    write(catalogue, selection(["b"], at=1), stage="select")
    assert rows(catalogue, "select clip_id from selections") == [("b",)]
    assert rows(catalogue, "select step from funnels order by step") == [(0,), (1,)]


def test_a_reject_is_settled_by_a_later_finish_and_not_by_an_earlier_one(catalogue, made, rows):
    write(catalogue, {"rejects": [made.reject("scan", "v1", at=1), made.reject("scan", "v2", at=3)]}, stage="scan")
    write(catalogue, {"rejects": [made.reject("other", "v1", at=1)]}, stage="other")
    write(catalogue, made.scan("v1", [0, 1], at=2), stage="scan")
    write(catalogue, made.scan("v2", [0, 1], at=2), stage="scan")
    assert rows(catalogue, "select stage, key from rejects order by all") == [("other", "v1"), ("scan", "v2")]


def test_clip_is_one_wide_row_with_every_name_once(catalogue, made, rows):
    write(catalogue, {"videos": [made.video("v", fps_num=30_000, fps_den=1001)]}, stage="add")
    write(catalogue, made.scan("v", [0, 1.5]), stage="scan")
    texts = [made.caption("v_0_1500000", text, at=at) for at, text in ((1, "old"), (2, "new"))]
    part = made.caption("v_0_1500000", "a part", at=9, caption_id="p", segment=0)
    write(catalogue, {"captions": [*texts, part]}, stage="caption")
    with catalogue.connect() as connection:
        (row,) = connection.sql("from clip").to_arrow_table().to_pylist()
        names = [name for name, *_ in connection.execute("describe clip").fetchall()]
    assert len(names) == len(set(names))
    assert {f"{kind}_caption" for kind in CAPTION_KINDS} <= set(names)
    assert (row["seconds"], row["raw_caption"], row["refined_caption"]) == (1.5, "new", None)
    assert row["fps"] == pytest.approx(29.97, abs=0.001)
    assert (row["video_key"], row["luma_mean"], row["detector"], row["selections"]) == ("v.mp4", 100.0, "t", [])
    assert (row["num_frames"], row["video_num_frames"]) == (30, 270)


def test_caption_shows_the_texts_of_current_clips_with_their_span(catalogue, made, rows):
    write(catalogue, {"videos": [made.video("v")]}, stage="add")
    write(catalogue, made.scan("v", [0, 1, 3]), stage="scan")
    texts = [made.caption("v_1000000_3000000", "here"), made.caption("v_0_2000000", "of a clip that is no more")]
    write(catalogue, {"captions": texts}, stage="caption")
    assert rows(catalogue, "select text, clip_seconds, video_key from caption") == [("here", 2.0, "v.mp4")]


def test_parts_with_fewer_and_with_more_columns_open(catalogue, made, rows):
    write(catalogue, {"videos": [made.video("new", licence="cc-by")]}, stage="add")
    old = as_table(VIDEOS, [made.video("old")]).drop_columns(["licence", "pix_fmt", "warnings"])
    old = old.append_column("colour", pa.array(["blue"])).select(["colour", *reversed(old.column_names)])
    sink = pa.BufferOutputStream()
    pq.write_table(old, sink)
    content = sink.getvalue().to_pybytes()
    catalogue.store.publish(f"videos/{part_name('0ddba1', content_of([content]))}", content)
    assert rows(catalogue, "select video_id, licence, width from videos order by all") == [
        ("new", "cc-by", 64),
        ("old", None, 64),
    ]


def test_opening_creates_nothing_unless_asked(tmp_path):
    with pytest.raises(CatalogueError, match=r"catalogue is no catalogue: .*curate add FOLDER -c"):
        Catalogue.open(tmp_path / "catalogue")
    assert list(tmp_path.iterdir()) == []


def test_a_newer_format_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "catalogue.json").write_text(json.dumps({"format_version": 3}))
    with pytest.raises(CatalogueError, match=r"newer longtake \(format 3, this one reads 2\): upgrade longtake"):
        Catalogue.open(tmp_path)


def test_an_older_format_is_refused_whose_videos_would_not_be_known_again(tmp_path):
    (tmp_path / "catalogue.json").write_text(json.dumps({"format_version": 1}))
    with pytest.raises(
        CatalogueError, match=r"older longtake \(format 1, this one reads 2\).* another hash: make it anew"
    ):
        Catalogue.open(tmp_path)


def test_a_file_is_no_catalogue(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CatalogueError):
        Catalogue.open(tmp_path / "file")


def test_an_empty_catalogue_has_every_view(catalogue, rows):
    for view in ("clip", "caption", "rejects", "history.clips", *(("clips", "funnels"))):
        assert rows(catalogue, f"select count(*) from {view}") == [(0,)]


def test_relative_uris_lie_in_the_catalogue(local):
    assert local.resolve_uri("media/videos/a.mp4") == f"{local.url}/media/videos/a.mp4"
    assert local.resolve_uri("/data/a.mp4") == "/data/a.mp4"
    assert local.resolve_uri("s3://bucket/a.mp4") == "s3://bucket/a.mp4"


def test_a_folder_with_glob_characters_and_quotes_works(tmp_path, made, rows):
    odd = Catalogue.open(tmp_path / "it's [1] {a}*?", create=True)
    write(odd, made.scan("v", [0, 1]), stage="scan")
    assert rows(odd, "select count(*) from clips") == [(1,)]


def test_the_state_changes_with_the_rows_and_only_then(catalogue, made):
    before = catalogue.state()
    assert before == catalogue.state()
    write(catalogue, made.scan("v", [0, 1]), stage="scan")
    after = catalogue.state()
    assert after != before
    write(catalogue, made.scan("v", [0, 1]), stage="scan")  # the same bytes
    assert catalogue.state() == after


def test_a_connection_goes_on_showing_what_it_opened(catalogue, made):
    with catalogue.connect() as connection:
        write(catalogue, made.scan("v", [0, 1]), stage="scan")
        assert connection.execute("select count(*) from clips").fetchall() == [(0,)]


def test_every_type_of_the_tables_has_a_name_in_sql(catalogue):
    with catalogue.connect() as connection:
        described = dict(row[:2] for row in connection.execute("describe clips").fetchall())
    assert list(described) == CLIPS.schema.names
    assert described["created_at"] == "TIMESTAMP WITH TIME ZONE"


def test_paths_may_be_given_as_path_or_text(tmp_path: Path):
    Catalogue.open(tmp_path / "c", create=True)
    assert Catalogue.open(str(tmp_path / "c")).url == str(tmp_path / "c")
