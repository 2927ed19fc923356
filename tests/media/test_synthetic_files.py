"""The files: right frames at right times in every codec, and the truth beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av.error import InvalidDataError

from media.synthetic import (
    Camera,
    Encoding,
    Flash,
    Scene,
    Texture,
    Transition,
    Truth,
    World,
    named_texture,
    scene_motion,
    write,
)
from media.synthetic.demo import demo_recipes, demo_videos
from media.synthetic.encoding import CODECS
from media.synthetic.joins import Joins, plan, write_joined
from media.synthetic.looped import write_looped
from media.synthetic.worlds import jump_cut_world, loop_world, random_world, transitions_world
from media.synthetic.write import truth_of

NTSC = Fraction(30000, 1001)
SMALL = (64, 36)


def decoded(path: Path) -> Iterator[av.VideoFrame]:
    with av.open(str(path)) as container:
        yield from container.decode(video=0)


def times_us(path: Path) -> list[int]:
    stamps = [frame.pts * frame.time_base for frame in decoded(path) if frame.pts is not None and frame.time_base]
    return [round((stamp - stamps[0]) * 1_000_000) for stamp in stamps]


def two_scenes(seconds: float = 1, transition: Transition | None = None, **fields: Any) -> World:
    scenes = Scene(named_texture("red"), seconds, **fields), Scene(named_texture("blue"), seconds)
    return World(scenes, (transition,) if transition else ())


def test_a_cut_is_the_first_frame_of_the_new_shot_to_the_microsecond(tmp_path: Path) -> None:
    truth = write(two_scenes(), Encoding(fps=NTSC, size=SMALL), tmp_path / "a.mp4")
    # the scenes meet at 1 s; frame 29 lies at 29 * 1001 / 30000 = 0.967633 s, frame 30 at 1.001 s
    assert [(cut.start_us, cut.end_us, cut.kind) for cut in truth.cuts] == [(1_001_000, 1_001_000, "hard")]
    assert [(clip.start_us, clip.end_us) for clip in truth.clips] == [(0, 1_001_000), (1_001_000, 2_002_000)]
    assert truth.frame_times_us[29] == 967_633
    blue = [frame.to_ndarray(format="rgb24")[..., 2].mean() > 128 for frame in decoded(tmp_path / "a.mp4")]
    assert blue.index(True) == 30


def test_a_dissolve_spans_from_its_first_mixed_frame_to_the_first_whole_one(tmp_path: Path) -> None:
    world = two_scenes(2, Transition("dissolve", 1))  # 1.5 s to 2.5 s; the frame at 1.5 s still is all red
    truth = write(world, Encoding(fps=10, size=SMALL), tmp_path / "a.mp4")
    assert [(cut.start_us, cut.end_us, cut.kind) for cut in truth.cuts] == [(1_600_000, 2_500_000, "dissolve")]
    assert [clip.num_frames for clip in truth.clips] == [16, 15]


def test_a_dissolve_shorter_than_a_frame_is_a_hard_cut(tmp_path: Path) -> None:
    truth = write(two_scenes(1, Transition("dissolve", 0.05)), Encoding(fps=8, size=SMALL), tmp_path / "a.mp4")
    # 0.975 s to 1.025 s holds the frame at 1 s, half of each; the next is at 1.125 s
    assert [(cut.start_us, cut.end_us, cut.kind) for cut in truth.cuts] == [(1_000_000, 1_125_000, "dissolve")]
    truth = write(two_scenes(1.05, Transition("dissolve", 0.05)), Encoding(fps=8, size=SMALL), tmp_path / "b.mp4")
    # 1.025 s to 1.075 s holds no frame at all
    assert [(cut.start_us, cut.end_us, cut.kind) for cut in truth.cuts] == [(1_125_000, 1_125_000, "hard")]


def test_a_flash_is_no_cut(tmp_path: Path) -> None:
    truth = write(two_scenes(flashes=(Flash(0.5, 0.1),)), Encoding(fps=20, size=SMALL), tmp_path / "a.mp4")
    assert [cut.start_us for cut in truth.cuts] == [1_000_000]
    assert [(flash.start_us, flash.end_us) for flash in truth.flashes] == [(500_000, 600_000)]


def test_a_flash_between_two_frames_is_not_in_the_file(tmp_path: Path) -> None:
    truth = write(two_scenes(flashes=(Flash(0.51, 0.04),)), Encoding(fps=10, size=SMALL), tmp_path / "a.mp4")
    assert truth.flashes == ()


def test_a_jump_cut_is_a_hard_cut(tmp_path: Path) -> None:
    truth = write(jump_cut_world(1), Encoding(fps=10, size=SMALL), tmp_path / "a.mp4")
    assert [(cut.start_us, cut.kind) for cut in truth.cuts] == [(1_000_000, "hard"), (2_000_000, "hard")]


def test_variable_frame_rate_times_are_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    truth = write(two_scenes(0.5), Encoding(fps=10, size=SMALL, frame_gaps=(1, 2)), path)
    assert truth.frame_times_us == (0, 100_000, 300_000, 400_000, 600_000, 700_000, 900_000)
    assert times_us(path) == list(truth.frame_times_us)
    assert [cut.start_us for cut in truth.cuts] == [600_000]  # the frame at 0.5 s was dropped
    assert truth.end_us == 1_000_000


def test_times_are_rounded_as_the_container_rounds_them(tmp_path: Path) -> None:
    truth = write(two_scenes(), Encoding("libvpx-vp9", NTSC, SMALL), tmp_path / "a.webm")  # whole milliseconds
    assert truth.frame_times_us[:3] == (0, 33_000, 67_000)
    assert [cut.start_us for cut in truth.cuts] == [1_001_000]
    assert times_us(tmp_path / "a.webm") == list(truth.frame_times_us)


@pytest.mark.parametrize("codec", sorted(set(CODECS) - {"libwebp_anim"}))
def test_every_codec_keeps_number_and_times_of_frames(codec: str, tmp_path: Path, capfd: Any) -> None:
    path = tmp_path / f"a{CODECS[codec].suffix}"
    truth = write(World((Scene(Texture(), 1, Camera(0.1)),)), Encoding(codec, 25, (128, 72)), path)
    assert times_us(path) == list(truth.frame_times_us) == [40_000 * index for index in range(25)]
    assert capfd.readouterr() == ("", "")  # encoders keep quiet


def test_an_animated_webp_keeps_its_frames(tmp_path: Path) -> None:
    path = tmp_path / "a.webp"
    truth = write(World((Scene(Texture(), 1, Camera(0.1)),)), Encoding("libwebp_anim", 20, SMALL), path)
    _, animation = cv2.imreadanimation(str(path))  # FFmpeg cannot read it
    assert len(animation.frames) == truth.num_frames == 20
    assert truth.frame_times_us[3] == 150_000


@pytest.mark.parametrize(
    ("codec", "pix_fmt"),
    [
        ("libx264", "yuv420p10le"),
        ("libx265", "yuv420p10le"),
        ("libsvtav1", "yuv420p10le"),
        ("ffv1", "yuva420p"),
        ("prores_ks", "yuva444p10le"),
        ("libx264", "yuv444p"),
    ],
)
def test_pixel_formats_are_written_as_asked(codec: str, pix_fmt: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{CODECS[codec].suffix}"
    write(two_scenes(), Encoding(codec, 5, (64, 64), pix_fmt=pix_fmt), path)
    frame = next(decoded(path))
    assert frame.format.name.removesuffix("le") in (pix_fmt.removesuffix("le"), "yuva444p12")
    assert frame.to_ndarray(format="rgb24").mean((0, 1)) == pytest.approx((220, 30, 30), abs=6)


def test_ffv1_is_the_worlds_own_frames(tmp_path: Path) -> None:
    world = two_scenes(1, Transition("dissolve", 1))
    write(world, Encoding("ffv1", 4, SMALL), tmp_path / "a.mkv")
    for index, frame in enumerate(decoded(tmp_path / "a.mkv")):
        assert np.array_equal(frame.to_ndarray(format="rgb24"), world.frame(Fraction(index, 4), *SMALL))


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_decoder_sees_the_rotation_and_turning_by_it_gives_the_world(rotation: int, tmp_path: Path) -> None:
    world = World((Scene(Texture("city"), 1),))
    encoding = Encoding(fps=2, size=(96, 64), rotation=rotation, crf=1)
    write(world, encoding, tmp_path / "a.mp4")
    frame = next(decoded(tmp_path / "a.mp4"))
    assert (frame.width, frame.height, frame.rotation % 360) == (96, 64, rotation)
    upright = np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90)  # numpy turns counter-clockwise too
    expected = world.frame(0, *encoding.display_size)
    assert np.abs(upright.astype(float) - expected).mean() < 8


def test_awkward_containers_do_not_move_the_truth(tmp_path: Path) -> None:
    encoding = Encoding(
        fps=25, size=(96, 64), gop=10, b_frames=3, sample_aspect=Fraction(4, 3), start_offset_s=2, audio=True
    )
    truth = write(two_scenes(), encoding, tmp_path / "a.mkv")
    with av.open(str(tmp_path / "a.mkv")) as container:
        stream = container.streams.video[0]
        assert stream.sample_aspect_ratio == Fraction(4, 3)
        assert [audio.codec_context.name for audio in container.streams.audio] == ["aac"]
        assert stream.start_time is not None and stream.time_base is not None
        assert stream.start_time * stream.time_base == 2
        keys = [index for index, frame in enumerate(container.decode(stream)) if frame.key_frame]
    assert {0, 10, 20} <= set(keys)
    assert times_us(tmp_path / "a.mkv") == list(truth.frame_times_us)
    assert [cut.start_us for cut in truth.cuts] == [1_000_000]


def test_truth_goes_to_json_and_back(tmp_path: Path) -> None:
    world = World(transitions_world(1.2, 0.5).scenes[:3], (Transition("fade", 0.5), Transition()))
    truth = write(world, Encoding(fps=10, size=SMALL), tmp_path / "a.mp4")
    assert truth.flashes
    assert Truth.from_json(truth.to_json()) == truth


def test_every_kind_of_transition_is_in_the_transitions_world(tmp_path: Path) -> None:
    truth = write(transitions_world(1, 0.5), Encoding("mpeg4", 10, SMALL), tmp_path / "a.mp4")
    assert [cut.kind for cut in truth.cuts] == ["hard", "dissolve"] + ["fade"] * 3 + ["wipe"] * 4
    assert len(truth.clips) == 10


def test_a_random_world_is_the_same_for_the_same_seed() -> None:
    assert random_world(3) == random_world(3) != random_world(4)
    assert random_world(3, 2).frame(1, 64, 36).shape == (36, 64, 3)


@pytest.mark.parametrize("seed", range(6))
def test_clips_and_transitions_tile_the_video(seed: int) -> None:
    drawn = random_world(seed)
    flat = tuple(replace(scene, texture=named_texture("grey"), shapes=()) for scene in drawn.scenes)
    encoding = Encoding(fps=(12, NTSC, Fraction(24000, 1001))[seed % 3], frame_gaps=((1,), (1, 2, 3))[seed % 2])
    world = World(flat, drawn.transitions)
    times = [Fraction(tick) / encoding.fps for tick in encoding.ticks(world.seconds)]
    truth = truth_of(world, encoding, times, [round(at * 1_000_000) for at in times])
    starts = [clip.start_us for clip in truth.clips] + [truth.end_us]
    ends = [0] + [clip.end_us for clip in truth.clips]
    assert [(cut.start_us, cut.end_us) for cut in truth.cuts] == list(zip(ends[1:-1], starts[1:-1], strict=True))
    for clip in truth.clips:
        inside = [at for at in truth.frame_times_us if clip.start_us <= at < clip.end_us]
        assert len(inside) == clip.num_frames > 0
        assert inside[0] == clip.start_us


def test_a_scene_that_no_frame_shows_is_an_error(tmp_path: Path) -> None:
    world = World(tuple(Scene(Texture("flat", colour="red"), seconds) for seconds in (1.1, 0.2, 1)))
    with pytest.raises(ValueError, match=r"scene 1 shows no frame of its own at 2 frames per second\. Raise fps"):
        write(world, Encoding(fps=2, size=SMALL), tmp_path / "a.mp4")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"codec": "h266"}, "codec must be one of libx264"),
        ({"size": (65, 36)}, r"size must be two even numbers >= 16, got \(65, 36\)"),
        ({"fps": 0}, "fps must be > 0, got 0"),
        ({"frame_gaps": (0,)}, "frame_gaps must be numbers >= 1"),
        ({"rotation": 45}, "rotation must be one of"),
        ({"crf": 20, "bits_per_second": 1000}, "give crf or bits_per_second"),
    ],
)
def test_wrong_encodings_are_turned_away(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Encoding(**fields)


def test_a_loop_repeats_packets_and_the_truth(tmp_path: Path) -> None:
    source, path = tmp_path / "source.mp4", tmp_path / "long.mp4"
    truth = write(two_scenes(), Encoding(fps=NTSC, size=SMALL, b_frames=2), source)
    long = write_looped(path, source, truth, 50)
    assert long.num_frames == 50 * 60 == len(times_us(path))
    assert times_us(path) == list(long.frame_times_us)
    # 60 frames of 1001 / 30000 s a turn: a cut in its middle and one where it starts again
    assert [cut.start_us for cut in long.cuts][:3] == [1_001_000, 2_002_000, 3_003_000]
    assert (len(long.cuts), len(long.clips), long.end_us) == (99, 100, 100_100_000)


def test_a_seamless_loop_is_one_take(tmp_path: Path) -> None:
    truth = write(loop_world(1), Encoding(fps=10, size=SMALL), tmp_path / "a.mp4")
    long = write_looped(tmp_path / "b.mp4", tmp_path / "a.mp4", truth, 3, seamless=True)
    assert (long.cuts, len(long.clips), long.clips[0].num_frames) == ((), 1, 30)
    assert long.clips[0].motion == truth.clips[0].motion
    cut_truth = write(two_scenes(), Encoding(fps=10, size=SMALL), tmp_path / "c.mp4")
    with pytest.raises(ValueError, match="a seamless loop needs a source of 1 clip, got 2"):
        write_looped(tmp_path / "d.mp4", tmp_path / "c.mp4", cut_truth, 3, seamless=True)


def test_joined_takes_show_each_take_where_the_plan_says(make_video: Any, tmp_path: Path) -> None:
    takes = [make_video([(colour, 60)], fps=10, name=f"{colour}.mp4") for colour in ("red", "green", "blue")]
    joins = Joins(seconds=20, seed=5, take_seconds=(3, 5), flash_share=0.5)
    world, pieces = plan(takes, joins)
    truth = write_joined(takes, joins, Encoding("ffv1", 25, SMALL), tmp_path / "joined.mkv")
    assert truth.end_us >= 20_000_000
    assert len(truth.cuts) == len(pieces) - 1 == len(world.scenes) - 1
    assert {cut.kind for cut in truth.cuts} > {"hard"}
    assert truth.flashes
    frames = [frame.to_ndarray(format="rgb24") for frame in decoded(tmp_path / "joined.mkv")]
    flashed = [(flash.start_us, flash.end_us) for flash in truth.flashes]
    channel = {"red": 0, "green": 1, "blue": 2}
    for clip, piece in zip(truth.clips, pieces, strict=True):
        assert clip.motion is None and clip.luma_mean is None
        for at, frame in zip(truth.frame_times_us, frames, strict=True):
            if clip.start_us <= at < clip.end_us:
                seen = frame.mean((0, 1))
                if any(start <= at < end for start, end in flashed):
                    assert seen.min() == 255
                else:
                    assert seen.argmax() == channel[piece.take.stem]
                    assert np.sort(seen)[1] < 70  # nothing of another take


def test_joins_never_put_a_take_next_to_itself(make_video: Any) -> None:
    takes = [make_video([(colour, 60)], fps=10, name=f"{colour}.mp4") for colour in ("red", "green", "blue")]
    for seed in range(5):
        _, pieces = plan(takes, Joins(seed=seed, take_seconds=(3, 5)))
        assert all(a.take != b.take for a, b in pairwise(pieces))


def test_too_short_takes_are_an_error(make_video: Any) -> None:
    with pytest.raises(ValueError, match=r"none of 1 takes lasts 2\.9 s or more\. Give longer takes"):
        plan([make_video([("red", 10)], fps=10)], Joins())


def test_the_demo_is_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = [video for video in demo_recipes() if video.name in ("loop.gif", "truncated.mp4", "empty.mp4")]
    monkeypatch.setattr("media.synthetic.demo.demo_recipes", lambda: few)
    lines: list[str] = []
    first = demo_videos(tmp_path, lines.append)
    again = demo_videos(tmp_path, lines.append)
    assert first == again
    assert [line.split()[0] for line in lines] == ["wrote"] * 3 + ["there"] * 3
    assert [truth is None for _, truth in first] == [False, True, True]
    for path, _ in first[1:]:
        with pytest.raises(InvalidDataError):
            next(decoded(path))
    (tmp_path / "loop.gif").write_bytes(b"cut short")
    demo_videos(tmp_path, lines.append)
    assert [line.split()[0] for line in lines[6:]] == ["wrote", "there", "there"]


def test_the_demo_has_takes_that_lvd2ms_rule_keeps_and_others() -> None:
    # 20 px of flow in half a second at 520 x 960 (diagonal 1091.8): 20 / 0.5 / 1091.8 = 0.0366 diagonals a second
    kept, turned_away = set(), set()
    for video in demo_recipes():
        scene, span = video.world.scenes[0], video.world.clip_spans[0]
        width, height = video.encoding.display_size
        flow = scene_motion(scene, span, width / height).flow_half_second_diag_per_s or 0
        is_long = span[1] - span[0] >= 10
        (kept if is_long and flow > 0.0366 * 1.2 else turned_away).add(video.name.partition("_")[0])
    assert kept == {"walk", "turn", "crossing", "ride"}
    assert "calm" in turned_away  # long enough, but too still
