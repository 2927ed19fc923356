"""Shards: what lies within them comes in as what is fetched does; what goes out is what `tarfile` would write."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path

import pytest

from curate.doors.tar_members import Member, members_of
from curate.doors.writing.shards import Shards, header
from engine.catalogue import Catalogue
from tests.conftest import MadeVideos
from tests.curate.conftest import curate
from tests.curate.conftest import rows as rows_of
from tests.curate.doors.conftest import bring_in, rejects, rows, take_out


def tar(path: Path, *files: tuple[str, bytes], form: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, "w", format=form) as archive:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture(scope="module")
def video(make_video: MadeVideos) -> bytes:
    return make_video(scenes=[("natural:1", 30)], fps=30).read_bytes()


def test_a_video_within_a_tar_becomes_a_video_whose_clip_bears_the_text(video: bytes, tmp_path: Path) -> None:
    shard = tar(tmp_path / "00000.tar", ("000.mp4", video), ("000.txt", b"A wall."), ("001.mp4", b"<html>"),
                ("001.txt", b"A page."))  # fmt: skip
    catalogue = tmp_path / "catalogue"
    ran = curate("import", shard, "-c", catalogue)
    assert "videos within tars: 1 ok, 1 not a video" in ran.err
    assert "videos: 1 probed" in ran.err
    (row,) = rows_of(catalogue, "select video_key, uri, num_frames, kept from videos")
    assert (row["video_key"], row["num_frames"], row["kept"]) == ("000.mp4", 30, "full")
    assert (catalogue / row["uri"]).read_bytes() == video
    said = rows_of(catalogue, "select outcome, message from fetches where video_key = '001.mp4'")
    assert said == [{"outcome": "not_a_video", "message": "it is an html page, by its first bytes"}]
    for words in (("scan", "--jobs", "1"), ("import",)):
        assert curate(*words, "-c", catalogue).code == 0
    (clip,) = rows_of(catalogue, "select given_caption, start_us, end_us from clip")
    assert clip == {"given_caption": "A wall.", "start_us": 0, "end_us": 1_000_000}


def test_names_within_tars_never_become_paths(catalogue: Catalogue, video: bytes, tmp_path: Path) -> None:
    names = ("../../up.mp4", "/tmp/absolute.mp4", "a\\b.mp4", "x" * 150 + ".mp4", "\udcff.mp4")
    bring_in(catalogue, tar(tmp_path / "s.tar", *((name, video + name.encode("utf-8", "surrogateescape"))
                                                  for name in names)))  # fmt: skip
    uris = [row["uri"] for row in rows(catalogue, "select uri from fetches where outcome = 'ok'")]
    assert len(uris) == len(names)
    root = Path(catalogue.url)
    assert {path.relative_to(root).as_posix() for path in (root / "media" / "videos").rglob("*.*")} == set(uris)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["catalogue", "s.tar"]


def test_other_content_under_a_known_name_gets_a_name_of_its_own(
    catalogue: Catalogue, video: bytes, tmp_path: Path
) -> None:
    for shard, content in (("a.tar", video), ("b.tar", video + b"\0"), ("c.tar", video)):
        bring_in(catalogue, tar(tmp_path / shard, ("000.mp4", content), ("000.txt", shard.encode())))
    found = rows(
        catalogue,
        """
        select f.video_key, list(text order by text) as texts from fetches f join requests using (video_key)
        join captions on clip_id = request_id group by 1 order by 1
    """,
    )
    assert [row["texts"] for row in found] == [["a.tar", "c.tar"], ["b.tar"]]
    assert found[1]["video_key"].startswith("000.mp4~")


def test_without_extract_videos_stay_in_their_tars(catalogue: Catalogue, video: bytes, tmp_path: Path) -> None:
    bring_in(catalogue, tar(tmp_path / "s.tar", ("000.mp4", video), ("000.txt", b"x")), extract=False)
    assert rows(catalogue, "select video_key from requests") == [{"video_key": "000.mp4"}]
    assert not (Path(catalogue.url) / "media").exists()


def test_a_cut_clip_of_our_own_shard_comes_in_as_a_video_beside_what_it_was_cut_from(
    catalogue: Catalogue, video: bytes, tmp_path: Path
) -> None:
    said = {"video_key": "long.mp4", "start_us": 5, "end_us": 9, "own_key": "k", "dataset": "d",
            "captions": [{"kind": "given", "text": "A wall.", "model": "m"}]}  # fmt: skip
    shard = tar(tmp_path / "s.tar", ("k.mp4", video), ("k.json", json.dumps({"longtake_clip": said}).encode()))
    bring_in(catalogue, shard)
    found = rows(catalogue, "select video_key, span_end_us, text from requests join captions on clip_id = request_id "
                            "order by 1")  # fmt: skip
    assert [tuple(row.values()) for row in found] == [("k.mp4", None, "A wall."), ("long.mp4", 9, "A wall.")]


def test_behind_a_damaged_header_reading_goes_on_at_the_next(catalogue: Catalogue, tmp_path: Path) -> None:
    shard = tar(tmp_path / "s.tar", *((f"{n}.txt", f"text {n}".encode()) for n in range(4)))
    content = bytearray(shard.read_bytes())
    content[1024 + 5] ^= 1  # each file takes 1,024 bytes: this is the second one's header
    shard.write_bytes(bytes(content))
    bring_in(catalogue, shard)
    assert [row["own_key"] for row in rows(catalogue, "select own_key from requests order by 1")] == ["0", "2", "3"]
    assert rejects(catalogue) == [("2", "unreadable")]


def test_an_archive_that_ends_too_early_says_so(catalogue: Catalogue, tmp_path: Path) -> None:
    shard = tar(tmp_path / "s.tar", *((f"{n}.txt", f"text {n}".encode()) for n in range(4)))
    packed = tmp_path / "t.tar.gz"
    packed.write_bytes(gzip.compress(shard.read_bytes())[:-20])
    shard.write_bytes(shard.read_bytes()[:2048])  # two whole files
    for path, kept in ((shard, 2), (packed, 4)):
        (done,) = bring_in(catalogue, path)
        assert done.reasons == {"unreadable": 1}
        assert done.rows["captions"] == kept


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_long_names_are_read_as_tarfile_reads_them(tmp_path: Path, form: int) -> None:
    long = "folder/" + "x" * 90 + "/" + "y" * 60 + ".txt"
    names = ("a.txt", long, "b.txt")
    path = tar(tmp_path / "s.tar", *((name, name.encode()) for name in names), form=form)
    with path.open("rb") as file, tarfile.open(path) as same:
        found = [(member.name, member.read()) for member in members_of(file) if isinstance(member, Member)]
        assert [name for name, _ in found] == same.getnames() == list(names)
        assert [content.decode() for _, content in found] == list(names)


@pytest.mark.parametrize("name", ["a.mp4", "x" * 100, "x" * 101, "é.mp4", "a/b.json"])
@pytest.mark.parametrize("size", [0, 12_345, (8 << 30) - 1, 8 << 30])
def test_headers_are_those_of_tarfile(name: str, size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size = size
    assert header(name, size) == member.tobuf(tarfile.PAX_FORMAT)


def test_shards_end_where_they_are_full_and_other_tars_in_the_folder_stay(tmp_path: Path) -> None:
    (tmp_path / "mine.tar").write_bytes(b"mine")
    for count, shards in ((5, 3), (2, 1)):
        with Shards(tmp_path, 2_000) as made:
            for number in range(count):
                made.begin_sample()
                made.add(f"{number}.txt", bytes(600))
        assert made.count == shards
        names = [f"{number:06d}.tar" for number in range(shards)]
        assert sorted(path.name for path in tmp_path.iterdir()) == [*names, "mine.tar"]


def test_an_export_that_fails_leaves_no_shard_that_looks_whole(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), Shards(tmp_path, 1 << 20) as made:
        made.begin_sample()
        made.add("a.txt", b"x")
        raise ZeroDivisionError
    assert not list(tmp_path.glob("*.tar"))


def test_a_clip_whose_file_is_gone_is_named_and_the_others_go_out(video: bytes, tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    for name in ("a", "b"):
        (tmp_path / "videos" / f"{name}.mp4").write_bytes(video + name.encode())
    at = tmp_path / "catalogue"
    for words in (("add", tmp_path / "videos"), ("scan", "--jobs", "1")):
        assert curate(*words, "-c", at).code == 0
    (tmp_path / "videos" / "b.mp4").unlink()
    done = take_out(Catalogue.open(at), "webdataset", tmp_path / "out")
    assert (done.rows, len(done.failed), done.absent) == (2, 1, 0)
    with tarfile.open(tmp_path / "out" / "000000.tar") as archive:
        assert sum(name.endswith(".mp4") for name in archive.getnames()) == 1
