"""What probe says of videos whose truth is known."""

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition

from media.errors import MediaError
from media.probe import frame_times_us, probe
from media.stream import stream


def test_ntsc_times_are_exact(numbered):
    path = numbered("a.mp4", 4, rate=Fraction(30000, 1001))
    # n * 1001 / 30000 s: 33366.67, 66733.33, 100100, 133466.67
    assert frame_times_us(path).tolist() == [0, 33_367, 66_733, 100_100]
    facts = probe(path)
    assert (facts.fps_num, facts.fps_den, facts.duration_us, facts.is_vfr) == (30000, 1001, 133_467, False)


def test_ntsc_in_millisecond_ticks_is_not_variable(numbered):
    facts = probe(
        numbered("a.mkv", 12, rate=Fraction(30000, 1001), time_base=Fraction(1, 30000), pts=range(0, 12012, 1001))
    )
    assert (facts.fps_num, facts.fps_den, facts.is_vfr) == (30000, 1001, False)


def test_variable_frame_rate_is_seen_and_averaged(numbered):
    # shown at 0, 1, 3, 4, 6, 7 twenty-fourths, the last for one: 6 frames in 8/24 s = 18 fps
    path = numbered("a.mp4", 6, rate=24, time_base=Fraction(1, 24), pts=[0, 1, 3, 4, 6, 7])
    facts = probe(path)
    assert facts.is_vfr
    assert frame_times_us(path).tolist() == [0, 41_667, 125_000, 166_667, 250_000, 291_667]
    assert facts.duration_us == 333_333
    assert Fraction(facts.fps_num, facts.fps_den) == 18


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.mov", "a.flv"])
def test_b_frames_come_in_presentation_order(numbered, name):
    path = numbered(name, 12, rate=25, bframes=3, options={"preset": "medium"})
    assert frame_times_us(path).tolist() == [n * 40_000 for n in range(12)]
    assert [numbered.number_of(frame) for frame in stream(path)] == list(range(12))


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_rotation_is_clockwise_to_upright(numbered, rotation):
    facts = probe(numbered("a.mp4", 3, size=(64, 48), rotation=rotation))
    assert facts.rotation == rotation
    assert (facts.width, facts.height) == (64, 48)
    assert (facts.display_width, facts.display_height) == ((64, 48) if rotation == 180 else (48, 64))


def test_pixel_shape_widens_the_display(numbered):
    facts = probe(numbered("a.mp4", 3, size=(72, 48), sar=Fraction(4, 3)))
    assert (facts.sar_num, facts.sar_den, facts.display_width, facts.display_height) == (4, 3, 96, 48)


def test_a_start_offset_is_told_and_taken_off(numbered):
    path = numbered("a.mkv", 4, rate=25, pts=[50, 51, 52, 53])  # 50 / 25 s = 2 s
    assert probe(path).start_us == 2_000_000
    assert frame_times_us(path).tolist() == [0, 40_000, 80_000, 120_000]


def test_a_webm_without_duration_is_measured(numbered):
    # `live` leaves the length out, as MediaRecorder in browsers does
    path = numbered("a.webm", 10, codec="libvpx-vp9", rate=10, container_options={"live": "1"})
    facts = probe(path)
    assert facts.duration_us == 1_000_000
    assert facts.num_frames == 10
    assert "duration_header_missing" in facts.warnings


@pytest.mark.parametrize("codec", ["libx265", "libx264", "libsvtav1"])
def test_ten_bit_is_seen(numbered, codec):
    facts = probe(numbered("a.mkv", 3, codec=codec, pix_fmt="yuv420p10le"))
    assert (facts.bit_depth, facts.pix_fmt) == (10, "yuv420p10le")


def test_ten_bit_gives_the_same_eight_bit_luma(numbered):
    path = numbered("a.mkv", 3, codec="libx265", pix_fmt="yuv420p10le")
    assert [numbered.number_of(frame) for frame in stream(path)] == [0, 1, 2]


@pytest.mark.parametrize(("codec", "pix_fmt", "has_alpha"), [("ffv1", "yuva420p", True), ("ffv1", "yuv420p", False)])
def test_alpha_is_seen(numbered, codec, pix_fmt, has_alpha):
    assert probe(numbered("a.mkv", 2, codec=codec, pix_fmt=pix_fmt)).has_alpha is has_alpha


def test_a_gif_has_its_own_times(numbered):
    path = numbered("a.gif", 5, codec="gif", pix_fmt="gray", rate=10)
    facts = probe(path)
    assert (facts.container, facts.codec, facts.num_frames, facts.duration_us) == ("gif", "gif", 5, 500_000)
    assert frame_times_us(path).tolist() == [0, 100_000, 200_000, 300_000, 400_000]


@pytest.mark.parametrize("rate", [120, 240])
def test_high_frame_rates_keep_their_times(numbered, rate):
    path = numbered("a.mp4", 12, rate=rate)
    assert probe(path).fps_num == rate
    assert frame_times_us(path).tolist() == [(n * 2_000_000 + rate) // (2 * rate) for n in range(12)]


def test_a_raw_stream_without_timestamps_gets_them_from_its_rate(numbered):
    path = numbered("a.h264", 6, rate=25, bframes=2, options={"preset": "medium"})
    assert frame_times_us(path).tolist() == [n * 40_000 for n in range(6)]
    assert "timestamps_repaired" in probe(path).warnings


def test_h264_in_avi_is_timed_by_its_rate(numbered):
    path = numbered("a.avi", 12, rate=25, bframes=3, options={"preset": "medium"})
    frames = stream(path)
    assert [frame.time_us for frame in frames] == frame_times_us(path).tolist() == [n * 40_000 for n in range(12)]


def test_an_edit_list_hides_frames_from_count_and_stream(numbered, tmp_path):
    # copying from 0.4 s on leaves the packets from the keyframe at 0 in the file, hidden by an edit list
    whole = numbered("a.mp4", 20, rate=25, gop=20)
    path = tmp_path / "edited.mp4"
    with av.open(str(whole), "r") as source, av.open(path, "w") as out:
        track = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is None or packet.pts is None:
                continue
            packet.pts, packet.dts, packet.stream = packet.pts - 5120, packet.dts - 5120, track  # 10 frames of 512
            out.mux(packet)
    facts = probe(path)
    shown = [numbered.number_of(frame) for frame in stream(path)]
    assert facts.num_frames == 10
    assert shown == list(range(10, 20))


def test_sound_is_seen(numbered):
    assert probe(numbered("a.mp4", 10, audio_hz=16_000)).has_audio
    assert not probe(numbered("a.mp4", 10)).has_audio


def test_cover_art_is_no_video(tmp_path):
    path = tmp_path / "song.mp4"
    with av.open(path, "w") as out:
        art = out.add_stream("mjpeg", rate=1)
        art.width, art.height, art.pix_fmt = 32, 32, "yuvj420p"
        art.disposition = Disposition.attached_pic
        sound = out.add_stream("aac", rate=16_000, layout="mono")
        out.mux(art.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8)).reformat(format="yuvj420p")))
        piece = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        piece.sample_rate = 16_000
        out.mux(sound.encode(piece))
        out.mux(sound.encode(None))
    with pytest.raises(MediaError, match="no_video_stream"):
        probe(path)


def test_facts_do_not_depend_on_how_the_file_is_opened(numbered):
    path = numbered("a.mp4", 8)
    with path.open("rb") as file:
        assert probe(file) == probe(path) == probe(str(path))
    assert replace(probe(path), codec="h264") == probe(path)
