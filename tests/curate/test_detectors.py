"""Detectors find the transitions that are there."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scenedetect import AdaptiveDetector, ContentDetector, SceneManager, open_video

from curate.detectors.choose import DETECTORS, make_detector
from curate.detectors.cut import Cut
from curate.detectors.lvd2m import hsv_difference, to_hsv
from media.stream import stream
from media.synthetic import Camera, Flash, Scene, Texture, Transition, World
from media.synthetic.worlds import cuts_world, slides_world
from tests.conftest import MadeVideos

FPS = Fraction(30)


def detect(path: Path, name: str, fps: Fraction = FPS) -> list[Cut]:
    detector = make_detector(name, fps)
    with stream(str(path), max_side=256) as frames:
        for frame in frames:
            detector.push(frame)
        return detector.finish(frames.report.end_us)


def fade_world(colour: str) -> World:
    scenes = (Scene(Texture(seed=1), 2.0), Scene(Texture("city", seed=2), 2.0))
    return World(scenes, (Transition("fade", 1.0, colour),))


@pytest.mark.parametrize("name", ["scenedetect-adaptive", "scenedetect-content", "scenedetect-hash", "default"])
def test_a_hard_cut_is_the_first_frame_of_the_new_shot(make_video: MadeVideos, name: str):
    path = make_video(world=cuts_world(2.0, 3), fps=30, size=(320, 180))
    cuts = detect(path, name)
    assert [(c.start_us, c.end_us, c.kind) for c in cuts] == [
        (2_000_000, 2_000_000, "hard"),
        (4_000_000, 4_000_000, "hard"),
    ]


def test_with_a_varying_frame_rate_a_cut_has_the_time_of_its_frame(make_video: MadeVideos):
    path = make_video(world=cuts_world(2.0, 2), fps=24, size=(320, 180), frame_gaps=(1, 2))
    truth = make_video.truth(path)
    assert [cut.start_us for cut in detect(path, "default", Fraction(16))] == [truth.cuts[0].start_us]


@pytest.mark.parametrize("colour", ["black", "white", "blue"])
def test_a_fade_through_a_colour_is_found_with_both_its_halves(make_video: MadeVideos, colour: str):
    path = make_video(world=fade_world(colour), fps=30, size=(320, 180))
    fades = [cut for cut in detect(path, "default") if cut.kind == "fade"]
    # the fade runs from 1.5 s to 2.5 s, its colour stands alone at 2 s
    assert len(fades) == 2
    assert abs(fades[0].start_us - 1_500_000) <= 150_000
    assert abs(fades[0].end_us - 2_000_000) <= 100_000
    assert abs(fades[1].end_us - 2_500_000) <= 150_000


def test_a_fade_with_which_a_video_begins_is_found(make_video: MadeVideos):
    path = make_video(world=fade_world("black"), fps=30, size=(320, 180))
    detector = make_detector("default", FPS)
    with stream(str(path), max_side=256) as frames:
        for frame in frames:
            if frame.time_us >= 2_000_000:  # the first half of the fade ends here
                detector.push(frame)
    (fade,) = detector.finish(4_000_000)
    assert fade.kind == "fade"
    assert abs(fade.start_us - 2_000_000) <= 150_000
    assert abs(fade.end_us - 2_500_000) <= 150_000


def test_a_flash_in_a_pan_divides_nothing(make_video: MadeVideos):
    world = World((Scene(Texture(seed=5), 3.0, Camera(pan_diag_per_s=0.2), flashes=(Flash(1.5),)),))
    path = make_video(world=world, fps=30, size=(320, 180))
    assert [cut for cut in detect(path, "default") if cut.kind != "flash_rejected"] == []


@pytest.mark.parametrize("kind", ["dissolve", "wipe"])
def test_a_gradual_transition_is_found_with_its_span(make_video: MadeVideos, kind: Any):
    scenes = (Scene(Texture(seed=1), 2.0), Scene(Texture("city", seed=2), 2.0))
    path = make_video(world=World(scenes, (Transition(kind, 0.8),)), fps=30, size=(320, 180))
    (cut,) = detect(path, "default")
    # it runs from 1.6 s to 2.4 s; looks lie 67 ms apart
    assert cut.kind == kind
    assert abs(cut.start_us - 1_600_000) <= 150_000
    assert abs(cut.end_us - 2_400_000) <= 150_000


def test_a_page_that_gives_way_to_another_is_a_cut(make_video: MadeVideos):
    path = make_video(world=slides_world(2.0, 3), fps=30, size=(640, 360))
    assert [(cut.start_us, cut.kind) for cut in detect(path, "default")] == [(2_000_000, "hard"), (4_000_000, "hard")]


def test_a_cut_to_black_is_no_fade(make_video: MadeVideos):
    path = make_video(scenes=[("natural:1", 30), ("black", 30), ("natural:2", 30)], fps=30, size=(320, 180))
    cuts = detect(path, "default")
    assert [(cut.start_us, cut.kind) for cut in cuts] == [(1_000_000, "hard"), (2_000_000, "hard")]


def test_lvd2ms_rule_knows_a_change_only_to_two_seconds(make_video: MadeVideos):
    # looked at: 0, 2, 4 s; the cut at 3 s lies between the last two
    path = make_video(scenes=[("red", 90), ("black", 60)], fps=30)
    cuts = detect(path, "lvd2m")
    assert [(c.start_us, c.end_us, c.kind) for c in cuts] == [(2_000_000, 4_000_000, "unspecified")]


def test_lvd2ms_score_is_the_mean_difference_of_hue_saturation_and_value():
    red, blue = np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 3), np.uint8)
    red[..., 2], blue[..., 0] = 255, 200
    # red is HSV (0, 255, 255), blue (120, 255, 200): (120 + 0 + 55) / 3
    assert hsv_difference(to_hsv(red), to_hsv(blue)) == pytest.approx(175 / 3)


def test_an_unknown_detector_is_refused_with_those_that_there_are():
    with pytest.raises(ValueError, match="no detector 'best'. Allowed: " + ", ".join(DETECTORS)):
        make_detector("best", FPS)


@pytest.mark.parametrize("name", ["adaptive", "content"])
def test_pyscenedetects_detectors_find_here_what_they_find_at_home(make_video: MadeVideos, name: str):
    path = make_video(world=cuts_world(1.5, 4), fps=25, size=(512, 288))
    manager = SceneManager()
    manager.add_detector({"adaptive": AdaptiveDetector, "content": ContentDetector}[name]())
    manager.detect_scenes(open_video(str(path), backend="opencv"))
    at_home = [round(scene[0].seconds * 1e6) for scene in manager.get_scene_list()][1:]
    assert [cut.start_us for cut in detect(path, f"scenedetect-{name}", Fraction(25))] == at_home != []
