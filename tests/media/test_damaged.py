"""Damage has a name, or costs only what is damaged."""

import pickle

import av
import pytest

from media.errors import REASONS, MediaError
from media.probe import probe
from media.sample import sample
from media.stream import stream


def reason(look, *arguments) -> str:
    with pytest.raises(MediaError) as error:
        look(*arguments)
    return error.value.reason


def consumed(path) -> int:
    return len(list(stream(path)))


def test_a_missing_file_is_named(tmp_path):
    assert reason(probe, tmp_path / "no.mp4") == "missing_file"


def test_an_empty_file_is_named(tmp_path):
    (tmp_path / "a.mp4").touch()
    assert reason(probe, tmp_path / "a.mp4") == "empty_file"


@pytest.mark.parametrize(
    "content", [b"hello, I am a text\n" * 50, bytes(4096), b"\xff" * 4096, b"\x89PNG\r\n\x1a\n" + bytes(99)]
)
def test_what_is_no_video_is_named(tmp_path, content):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    assert reason(probe, path) == reason(consumed, path) == "not_a_video"


@pytest.mark.parametrize("text", ["#EXTM3U\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n", "ffconcat version 1.0\nfile '{}'\n"])
def test_a_playlist_cannot_make_us_read_other_files(numbered, tmp_path, text):
    for name in ("a.mp4", "a.m3u8", "a.txt"):
        path = tmp_path / name
        path.write_text(text.format(numbered("a.ts", 5)))
        assert reason(probe, path) == "not_a_video"


def test_a_folder_is_no_video(tmp_path):
    assert reason(probe, tmp_path) == "not_a_video"


def test_an_animated_webp_is_named_for_what_it_is(numbered):
    path = numbered("a.webp", 3, codec="libwebp_anim", pix_fmt="bgra", rate=10)
    with pytest.raises(MediaError, match=r"unsupported_codec.*animated WebP"):
        probe(path)


def test_a_header_without_media_has_no_frames(numbered, tmp_path):
    whole = numbered("a.mp4", 20, container_options={"movflags": "faststart"}).read_bytes()
    path = tmp_path / "a.mp4"
    path.write_bytes(whole[: whole.index(b"mdat") + 4])
    assert reason(probe, path) in ("no_frames", "decode_error")
    assert reason(consumed, path) in ("no_frames", "decode_error")


def test_a_file_without_its_index_is_no_video(numbered, tmp_path):
    whole = numbered("a.mp4", 20).read_bytes()  # moov stands at the end
    path = tmp_path / "a.mp4"
    path.write_bytes(whole[: whole.index(b"moov") - 4])
    assert reason(probe, path) == "not_a_video"


def test_a_truncated_video_gives_what_is_there(numbered, tmp_path):
    whole = numbered("a.mp4", 40, container_options={"movflags": "faststart"}).read_bytes()
    path = tmp_path / "a.mp4"
    path.write_bytes(whole[: len(whole) * 3 // 4])
    frames = stream(path)
    seen = [numbered.number_of(frame) for frame in frames]
    assert 5 < len(seen) < 40
    assert seen == list(range(len(seen)))
    facts = probe(path)
    assert facts.num_frames - len(seen) in (0, 1)  # the last packet is there in part
    assert {"frames_header_wrong", "corrupt_packets"} <= set(facts.warnings)


def test_a_broken_packet_is_left_out_and_counted(numbered, tmp_path):
    path = numbered("a.mov", 40, codec="png", pix_fmt="rgb24")  # every packet stands alone
    data = bytearray(path.read_bytes())
    with av.open(str(path), "r") as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.pos]
    data[places[20] : places[21]] = bytes(places[21] - places[20])
    broken = tmp_path / "a.mov"
    broken.write_bytes(data)
    frames = stream(broken)
    seen = [(frame.time_us // 40_000, numbered.number_of(frame)) for frame in frames]
    assert seen == [(n, n) for n in range(40) if n != 20]
    assert (frames.report.corrupt_packets, frames.report.warnings) == (1, ["corrupt_packets"])


def test_samples_of_a_damaged_video_are_those_of_the_stream(numbered, tmp_path):
    data = bytearray(numbered("a.mp4", 40, bframes=2, gop=10, options={"preset": "medium"}).read_bytes())
    middle = data.index(b"mdat") + 1200
    data[middle : middle + 60] = b"\x55" * 60
    path = tmp_path / "a.mp4"
    path.write_bytes(data)
    whole = {frame.time_us: frame.luma.tobytes() for frame in stream(path)}
    for frame in sample(path, range(0, 1_600_000, 130_000)):
        assert whole[frame.time_us] == frame.luma.tobytes()


def test_random_damage_never_leaks_another_error(numbered, tmp_path):
    import random  # noqa: PLC0415

    whole = numbered("a.mp4", 20, audio_hz=16_000).read_bytes()
    chance = random.Random(5)
    for turn in range(60):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 5, 40))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path = tmp_path / f"{turn}.mp4"
        path.write_bytes(data[: chance.choice((len(data), chance.randrange(1, len(data))))])
        for look in (probe, consumed, lambda p: sample(p, [0, 400_000])):
            try:
                look(path)
            except MediaError as error:
                assert error.reason in REASONS


def test_an_error_survives_the_way_between_processes():
    error = pickle.loads(pickle.dumps(MediaError("no_frames", "x.mp4 is empty.")))
    assert (error.reason, error.detail) == ("no_frames", "x.mp4 is empty.")
    assert str(error).startswith("no_frames: x.mp4 is empty.")


def test_a_reason_must_have_a_name():
    with pytest.raises(ValueError, match="reason must be one of"):
        MediaError("something", "odd")
