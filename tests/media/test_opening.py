"""Where videos may lie."""

import io
import subprocess
import sys
import zipfile

import fsspec
import pytest

from media.errors import MediaError
from media.opening import open_video
from media.probe import probe
from media.sample import sample
from media.stream import stream


def test_a_file_in_a_zip_is_read_in_place(numbered, tmp_path):
    path = numbered("a.mp4", 8)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(path, "in/a.mp4")
    url = f"zip://in/a.mp4::{tmp_path / 'all.zip'}"
    assert probe(url) == probe(path)
    assert [numbered.number_of(frame) for frame in sample(url, [280_000, 0])] == [7, 0]


def test_a_file_in_memory_is_read(numbered):
    path = numbered("a.mp4", 8)
    fsspec.filesystem("memory").pipe("/clips/a.mp4", path.read_bytes())
    assert len(list(stream("memory://clips/a.mp4"))) == 8


def test_a_file_object_can_be_used_again(numbered):
    file = io.BytesIO(numbered("a.mkv", 8).read_bytes())
    assert len(list(stream(file))) == len(list(stream(file))) == probe(file).num_frames == 8
    assert not file.closed


def test_a_missing_url_is_named():
    with pytest.raises(MediaError, match="missing_file"):
        probe("memory://nowhere/a.mp4")


def test_an_unknown_protocol_is_named():
    with pytest.raises(MediaError, match="io_error"):
        probe("gopher9://a/b.mp4")


def test_storage_that_fails_is_no_bad_video(numbered):
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 2000:
                raise ConnectionResetError("the line is dead")
            return super().read(size)

    with pytest.raises(MediaError, match=r"io_error.*the line is dead"):
        list(stream(Failing(numbered("a.mp4", 40).read_bytes())))


def test_a_bug_in_a_file_object_is_not_hidden(numbered):
    class Buggy(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise KeyError("a bug")

    with pytest.raises(KeyError):
        probe(Buggy(numbered("a.mp4", 4).read_bytes()))


@pytest.mark.parametrize("name", ["a:b.mp4", "http:x.mp4", "%d.mp4", "a b's.mp4", "ü.mp4", "-i.mp4"])
def test_any_file_name_will_do(numbered, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(numbered("a.mp4", 4).read_bytes())
    assert probe(path).num_frames == 4


def test_threads_are_bounded(numbered):
    with open_video(numbered("a.mp4", 4), threads=2) as video:
        assert video.stream.codec_context.thread_count == 2
    with pytest.raises(ValueError, match="threads must be >= 1, got 0"):
        stream(numbered("a.mp4", 4), threads=0)


def test_nothing_is_printed(numbered, tmp_path):
    data = bytearray(numbered("a.mp4", 40, gop=10).read_bytes())
    data[data.index(b"mdat") + 300 :][:200] = bytes(200)
    path = tmp_path / "bad.mp4"
    path.write_bytes(data[: len(data) // 2] + b"\x55" * 100 + data[len(data) // 2 + 100 :])
    code = f"from media.stream import stream; print(len(list(stream({str(path)!r}))))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stderr == ""
