"""Small files that claim enormous things are refused before anything enormous is done."""

import resource
import struct
from pathlib import Path

import pytest

from media.boxes import claimed_samples
from media.errors import MediaError
from media.limits import Limits
from media.opening import open_video
from media.probe import probe
from media.stream import stream


@pytest.fixture(autouse=True)
def cheap():
    """A refusal costs under 500 MB."""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 500_000


def gif(width: int, height: int) -> bytes:
    """A gif of one frame whose picture data is a single clear code."""
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes([0, 0, 0, 255, 255, 255])
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x4c\x01\x00"
    return b"GIF89a" + screen + frame + frame + b"\x3b"


def patched(path: Path, out: Path, box: bytes, at: int, value: int) -> Path:
    """A copy with the uint32 `at` bytes into the first box of a type replaced."""
    data = bytearray(path.read_bytes())
    start = data.index(box) + 4 + at
    data[start : start + 4] = struct.pack(">I", value)
    out.write_bytes(data)
    return out


def test_a_gif_of_fifty_thousand_squared_is_refused(tmp_path):
    path = tmp_path / "bomb.gif"
    path.write_bytes(gif(50_000, 50_000))
    with pytest.raises(MediaError) as error:
        probe(path)
    assert error.value.reason == "too_many_pixels"


def test_a_picture_larger_than_the_limit_is_named(tmp_path):
    path = tmp_path / "bomb.gif"
    path.write_bytes(gif(20_000, 20_000))  # FFmpeg alone would take 1.6 GB for it
    with pytest.raises(MediaError, match="too_many_pixels"):
        probe(path)


def test_a_header_of_fifty_thousand_squared_is_refused(tmp_path):
    path = tmp_path / "bomb.y4m"
    path.write_bytes(b"YUV4MPEG2 W50000 H50000 F25:1 Ip A1:1 C420jpeg\nFRAME\n")
    with pytest.raises(MediaError):
        probe(path)


def test_sixteen_k_is_not_refused_for_its_size(tmp_path):
    path = tmp_path / "large.gif"
    path.write_bytes(gif(15_360, 8_640))
    with pytest.raises(MediaError, match="too_many_pixels"):
        probe(path, limits=Limits(max_pixels=15_360 * 8_640 - 1))
    with open_video(path) as video:  # 80 bytes are no 16K picture, but that is for the decoder to say
        assert video.container.format.name == "gif"


def test_a_billion_samples_of_one_size_are_refused(numbered, tmp_path):
    # stsz: version 4, sample_size 4, sample_count 4
    once = patched(numbered("a.mp4", 3), tmp_path / "once.mp4", b"stsz", 4, 1)
    path = patched(once, tmp_path / "bomb.mp4", b"stsz", 8, 1_000_000_000)
    with pytest.raises(MediaError, match="claims 1000000000 samples"):
        probe(path)


def test_a_billion_repeated_durations_are_refused(numbered, tmp_path):
    # stts: version 4, entry_count 4, then count, duration
    path = patched(numbered("a.mp4", 3), tmp_path / "bomb.mp4", b"stts", 8, 1_000_000_000)
    with pytest.raises(MediaError, match="too_many_frames"):
        probe(path)


def test_a_billion_samples_in_a_fragment_are_refused(numbered, tmp_path):
    whole = numbered("a.mp4", 3, container_options={"movflags": "frag_keyframe+empty_moov"})
    path = patched(whole, tmp_path / "bomb.mp4", b"trun", 4, 1_000_000_000)
    with pytest.raises(MediaError, match="too_many_frames"):
        probe(path)


def test_claims_are_read_without_a_limit_on_honest_files(numbered):
    with numbered("a.mp4", 12).open("rb") as file:
        assert claimed_samples(file) == 12


def test_boxes_that_lie_about_their_size_do_not_hang(tmp_path):
    for body in (
        b"\0\0\0\0moov\0\0\0\0trak",
        b"\0\0\0\1ftyp" + b"\xff" * 8,
        b"\0\0\0\x04ftyp" * 9,
        b"\0\0\0\x18ftypisom" * 4,
    ):
        path = tmp_path / "bad.mp4"
        path.write_bytes(body)
        with pytest.raises(MediaError):
            probe(path)


def test_a_larger_picture_in_the_middle_is_refused_by_the_decoder(numbered, tmp_path):
    path = tmp_path / "grows.h264"
    small = numbered("a.h264", 50, size=(64, 48)).read_bytes() * 4
    path.write_bytes(small + numbered("b.h264", 5, size=(128, 96)).read_bytes())
    frames = stream(path, limits=Limits(max_pixels=64 * 48))
    assert len(list(frames)) == 200
    assert frames.report.corrupt_packets > 0


def test_more_frames_than_allowed_are_refused(numbered):
    with pytest.raises(MediaError, match="too_many_frames"):
        probe(numbered("a.mkv", 12), limits=Limits(max_frames=11))
    assert probe(numbered("a.mkv", 12), limits=Limits(max_frames=12)).num_frames == 12


def test_a_longer_video_than_allowed_is_refused(numbered):
    path = numbered("a.mkv", 30, rate=10)
    for look in (probe, lambda *a, **k: list(stream(*a, **k))):
        with pytest.raises(MediaError, match="too_long"):
            look(path, limits=Limits(max_seconds=2))


def test_a_limit_below_one_is_refused():
    with pytest.raises(ValueError, match="max_frames must be > 0, got 0"):
        Limits(max_frames=0)
