"""Which files a person meant."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from curate.sources import SourceError, find_files, open_source, stamp_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "videos"
    for name in ("b.mp4", "a.MKV", "sub/c.webm", "notes.txt", "sub/.hidden.mp4", ".git/d.mp4", "README"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return root


def keys(named: list[str], **options: str) -> list[str]:
    return [file.video_key for file in find_files(named, **options).files]


def test_a_folder_gives_the_videos_below_it_by_their_path_in_it(folder: Path):
    assert keys([str(folder)]) == ["a.MKV", "b.mp4", "sub/c.webm"]


def test_what_is_no_video_by_its_name_is_counted(folder: Path):
    assert dict(find_files([str(folder)]).ignored) == {".txt": 1, "no suffix": 1}


def test_a_file_that_is_named_counts_whatever_its_suffix(folder: Path):
    assert keys([str(folder / "notes.txt")]) == ["notes.txt"]


def test_a_glob_finds_videos_only(folder: Path):
    assert keys([f"{folder}/*"]) == ["a.MKV", "b.mp4"]


def test_the_catalogue_inside_the_folder_is_not_added_to_itself(folder: Path):
    inside = folder / "catalogue" / "media" / "videos"
    inside.mkdir(parents=True)
    (inside / "e.mp4").touch()
    assert "catalogue/media/videos/e.mp4" not in keys([str(folder)], without=str(folder / "catalogue"))


@pytest.mark.parametrize("name", ["nowhere", "nowhere/*.mp4", "memory://nowhere/x.mp4"])
def test_a_name_behind_which_there_is_nothing_is_an_error(name: str, tmp_path: Path):
    with pytest.raises(SourceError, match="no file found at"):
        find_files([name if "://" in name else str(tmp_path / name)])


def test_a_link_to_nothing_is_passed_over(folder: Path):
    (folder / "z.mp4").symlink_to(folder / "gone.mp4")
    assert "z.mp4" not in keys([str(folder)])


def test_a_name_that_is_no_utf8_becomes_printable(folder: Path):
    (folder / os.fsdecode(b"caf\xe9.mp4")).touch()
    assert r"caf\xe9.mp4" in keys([str(folder)])


def test_a_file_in_an_archive_is_reached_by_a_chained_url(folder: Path, tmp_path: Path):
    archive = tmp_path / "all.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.write(folder / "b.mp4", "in/b.mp4")
    found = find_files([f"zip://in/*.mp4::{archive}"]).files[0]
    assert found.video_key == "b.mp4"
    with open_source(found.uri) as content:
        assert content.read() == b"b.mp4"
    assert stamp_of(found.uri) == found.source_stamp


def test_a_stamp_changes_with_the_file(folder: Path):
    before = stamp_of(str(folder / "b.mp4"))
    os.utime(folder / "b.mp4", ns=(1, 1))
    assert stamp_of(str(folder / "b.mp4")) != before
