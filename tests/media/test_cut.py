"""What is cut is what was asked, to the frame; what is copied says what it is."""

import random
from fractions import Fraction

import av
import numpy as np
import pytest

from media.copy_cut import copy_cut
from media.cut import cut
from media.errors import MediaError
from media.probe import frame_times_us, probe
from media.stream import stream

MEDIUM = {"preset": "medium"}


def numbers(numbered, path):
    return [numbered.number_of(frame) for frame in stream(path)]


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libsvtav1", "libvpx-vp9"])
def test_a_cut_holds_exactly_the_frames_of_its_span(numbered, tmp_path, codec):
    path = numbered("a.mp4", 40, gop=15, bframes=3, options=MEDIUM)
    # 25 fps: frames 7 (280 ms) to 18 (720 ms); frame 19 starts at 760 ms
    report = cut(path, 280_000, 760_000, tmp_path / "out.mkv", codec=codec, crf=10)
    assert (report.start_us, report.end_us, report.num_frames) == (280_000, 760_000, 12)
    assert numbers(numbered, tmp_path / "out.mkv") == list(range(7, 19))
    assert probe(tmp_path / "out.mkv").duration_us == 480_000


def test_a_span_between_frames_takes_those_that_start_in_it(numbered, tmp_path):
    # [281, 361) ms: frames 8 (320 ms) and 9 (360 ms); they fill [320, 400)
    report = cut(numbered("a.mp4", 20), 281_000, 361_000, tmp_path / "out.mp4")
    assert (report.start_us, report.end_us, report.num_frames) == (320_000, 400_000, 2)
    assert numbers(numbered, tmp_path / "out.mp4") == [8, 9]


def test_any_span_of_any_file_is_exact(numbered, tmp_path):
    chance = random.Random(3)
    files = [
        numbered("a.mp4", 40, gop=12, bframes=3, options=MEDIUM),
        numbered("a.ts", 40, gop=12, bframes=3, options=MEDIUM),
        numbered("a.avi", 40, codec="mpeg4", bframes=2, options={"qmin": "1", "qmax": "1"}),
        numbered("v.mp4", 40, gop=10, bframes=2, options=MEDIUM, pts=[n + n // 3 for n in range(40)]),
    ]
    for path in files:
        times = frame_times_us(path).tolist()
        for _ in range(4):
            start, end = sorted(chance.sample(range(times[-1]), 2))
            expected = [n for n, time in enumerate(times) if start <= time < end]
            if not expected:
                continue
            report = cut(path, start, end, tmp_path / "out.mp4", preset="ultrafast")
            assert numbers(numbered, tmp_path / "out.mp4") == expected
            assert (report.start_us, report.end_us) == (times[expected[0]], times[expected[-1] + 1])


def test_uneven_times_are_kept(numbered, tmp_path):
    path = numbered("v.mp4", 12, rate=24, pts=[n + n // 3 for n in range(12)])  # 0 1 2 4 5 6 8 ...
    cut(path, 0, 300_000, tmp_path / "out.mp4")
    # frames at 0 1 2 4 5 6 twenty-fourths are before 300 ms = 7.2; the next starts at 8
    assert frame_times_us(tmp_path / "out.mp4").tolist() == [0, 41_667, 83_333, 166_667, 208_333, 250_000]
    assert probe(tmp_path / "out.mp4").duration_us == 333_333


def test_ntsc_stays_ntsc(numbered, tmp_path):
    cut(numbered("a.mp4", 12, rate=Fraction(30000, 1001)), 100_000, 300_000, tmp_path / "out.mp4")
    facts = probe(tmp_path / "out.mp4")
    assert (facts.fps_num, facts.fps_den, facts.is_vfr) == (30000, 1001, False)


def test_pixel_shape_and_colour_tags_are_kept(numbered, tmp_path):
    tags = {"colorspace": "bt709", "color_primaries": "bt709", "color_trc": "bt709", "color_range": "pc"}
    cut(numbered("a.mp4", 4, sar=Fraction(4, 3), options=tags), 0, 160_000, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4"), "r") as container:
        picture = next(container.decode(video=0))
        assert container.streams.video[0].sample_aspect_ratio == Fraction(4, 3)
    assert (picture.colorspace, picture.color_primaries, picture.color_trc, picture.color_range) == (1, 1, 1, 2)


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libsvtav1"])
def test_ten_bit_stays_ten_bit(numbered, tmp_path, codec):
    path = numbered("a.mkv", 4, codec="libx265", pix_fmt="yuv420p10le")
    cut(path, 0, 160_000, tmp_path / "out.mp4", codec=codec)
    assert probe(tmp_path / "out.mp4").pix_fmt == "yuv420p10le"


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_rotation_is_put_into_the_pixels(numbered, tmp_path, rotation):
    def corner(_: int, size: tuple[int, int], pix_fmt: str) -> av.VideoFrame:
        pixels = np.zeros((size[1], size[0], 3), np.uint8)
        pixels[: size[1] // 2, : size[0] // 2] = 255
        return av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=pix_fmt)

    path = numbered("a.mp4", 4, size=(64, 48), rotation=rotation, sar=Fraction(4, 3), paint=corner)
    cut(path, 0, 160_000, tmp_path / "out.mp4")
    before, after = probe(path), probe(tmp_path / "out.mp4")
    assert after.rotation == 0
    assert abs(after.display_width / after.display_height - before.display_width / before.display_height) < 0.03
    upright, made = (next(stream(each, max_side=32)).luma for each in (path, tmp_path / "out.mp4"))
    cells = [luma[:: luma.shape[0] - 1, :: luma.shape[1] - 1] > 127 for luma in (upright, made)]
    assert np.array_equal(cells[0], cells[1])


def test_odd_sizes_lose_their_last_row_and_column(numbered, tmp_path):
    path = numbered("a.mkv", 3, codec="ffv1", size=(64, 48), pix_fmt="yuv444p")
    cut(path, 0, 120_000, tmp_path / "even.mp4")
    assert probe(tmp_path / "even.mp4").pix_fmt == "yuv444p"
    odd = numbered("odd.gif", 3, codec="gif", pix_fmt="gray", rate=10, size=(65, 47), paint=odd_grey)
    cut(odd, 0, 300_000, tmp_path / "out.mp4")
    facts = probe(tmp_path / "out.mp4")
    assert (facts.width, facts.height, facts.num_frames) == (64, 46, 3)


def odd_grey(number: int, size: tuple[int, int], pix_fmt: str) -> av.VideoFrame:
    pixels = np.full((size[1], size[0], 3), 40 * number, np.uint8)
    return av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=pix_fmt)


def test_sound_is_trimmed_to_the_span(numbered, tmp_path):
    path = numbered("a.mp4", 50, rate=25, audio_hz=16_000)
    report = cut(path, 400_000, 1_400_000, tmp_path / "out.mp4")
    assert report.has_audio
    with av.open(str(tmp_path / "out.mp4"), "r") as container:
        samples = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    loud = np.flatnonzero(np.abs(samples) > 0.3)
    assert 15_000 <= len(samples) <= 16_000 + 2 * 1024  # one second, in AAC frames of 1024
    assert len(loud) > 10_000  # the tone is there


def test_webm_gets_opus(numbered, tmp_path):
    cut(numbered("a.mp4", 10, audio_hz=16_000), 0, 400_000, tmp_path / "out.webm", codec="libvpx-vp9")
    with av.open(str(tmp_path / "out.webm"), "r") as container:
        assert container.streams.audio[0].codec_context.codec.canonical_name == "opus"


def test_sound_can_be_left_out(numbered, tmp_path):
    assert not cut(numbered("a.mp4", 10, audio_hz=16_000), 0, 400_000, tmp_path / "out.mp4", audio=False).has_audio
    assert not probe(tmp_path / "out.mp4").has_audio


def test_a_span_without_frames_writes_nothing(numbered, tmp_path):
    for act in (cut, copy_cut):
        with pytest.raises(MediaError, match="empty_span"):
            act(numbered("a.mp4", 10, rate=25), 41_000, 79_000, tmp_path / "out.mp4")
        with pytest.raises(MediaError, match="empty_span"):
            act(numbered("a.mp4", 10, rate=25), 5_000_000, 6_000_000, tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file(numbered, tmp_path):
    (tmp_path / "out.webm").write_bytes(b"old")
    with pytest.raises(MediaError, match="encode_error"):
        cut(numbered("a.mp4", 10), 0, 400_000, tmp_path / "out.webm", codec="libx264")  # WebM cannot hold it
    assert [path.name for path in tmp_path.iterdir()] == ["out.webm"]
    assert (tmp_path / "out.webm").read_bytes() == b"old"


def test_a_missing_folder_is_an_io_error(numbered, tmp_path):
    with pytest.raises(MediaError, match=r"io_error|missing_file"):
        cut(numbered("a.mp4", 10), 0, 400_000, tmp_path / "no" / "out.mp4")


@pytest.mark.parametrize("wrong", [{"codec": "h264"}, {"out": "a.avi"}])
def test_unknown_codecs_and_endings_are_refused(numbered, tmp_path, wrong):
    out = tmp_path / wrong.pop("out", "out.mp4")
    with pytest.raises(ValueError, match=r"must be one of|must end in"):
        cut(numbered("a.mp4", 10), 0, 400_000, out, **wrong)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_copy_begins_at_the_keyframe_and_says_so(numbered, tmp_path, suffix):
    path = numbered("a.mp4", 40, gop=10, audio_hz=16_000)
    # asked: frames 25..31; the keyframe before is 20
    report = copy_cut(path, 1_000_000, 1_280_000, tmp_path / f"out.{suffix}")
    assert (report.start_us, report.end_us, report.num_frames) == (800_000, 1_280_000, 12)
    assert numbers(numbered, tmp_path / f"out.{suffix}") == list(range(20, 32))
    assert probe(tmp_path / f"out.{suffix}").duration_us == 480_000
    assert probe(tmp_path / f"out.{suffix}").has_audio


@pytest.mark.parametrize("open_gop", [0, 1])
def test_a_copy_with_b_frames_holds_what_it_says(numbered, tmp_path, open_gop):
    options = MEDIUM | {"x264-params": f"open-gop={open_gop}:scenecut=0"}
    path = numbered("a.mkv", 40, gop=12, bframes=3, options=options)
    times = [*frame_times_us(path).tolist(), 1_600_000]
    for start in (0, 350_000, 700_000, 1_111_000):
        report = copy_cut(path, start, start + 200_000, tmp_path / "out.mkv")
        shown = numbers(numbered, tmp_path / "out.mkv")
        assert shown == list(range(shown[0], shown[0] + report.num_frames))
        assert (report.start_us, report.end_us) == (times[shown[0]], times[shown[-1] + 1])
        assert report.start_us <= start
        assert report.end_us >= min(start + 200_000, 1_600_000)


def test_a_copy_keeps_the_rotation_flag(numbered, tmp_path):
    copy_cut(numbered("a.mp4", 10, rotation=90), 0, 200_000, tmp_path / "out.mp4")
    assert probe(tmp_path / "out.mp4").rotation == 90


def test_a_copy_of_broken_timestamps_is_refused(numbered, tmp_path):
    with pytest.raises(MediaError, match=r"no_timestamps.*use cut"):
        copy_cut(numbered("a.h264", 10), 0, 200_000, tmp_path / "out.mp4")
