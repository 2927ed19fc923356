"""Near-duplicates: what a signature survives, which pairs are one footage, and what a catalogue then says."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from curate.dedup.blocking import Samples, candidates
from curate.dedup.geometry import WHOLE, View, matrix_of
from curate.dedup.glance import DOUBTED, LEAST, LEAST_OF_DOUBTED, glances, worth_aligning
from curate.dedup.groups import Worth, groups_of, keeper_of
from curate.dedup.matching import Clip, best_view, margin, match
from curate.observers.signature import SIDE, SignatureObserver, borders, box_of, spectrum
from engine.catalogue import Catalogue
from engine.verify import verify
from media.stream import stream
from media.synthetic import Encoding, Scene, Texture, World
from media.synthetic.worlds import bouncing_shapes
from media.synthetic.write import write_frames
from schemas.spans import Span
from tests.curate.conftest import curate, rows

Frames = list[np.ndarray]
SIZE, FPS = (320, 180), 24
WHOLE_BOX = (0.0, 1.0, 0.0, 1.0)


@cache
def take(seed: int, start_s: float = 0.0, seconds: float = 4.0) -> tuple[np.ndarray, ...]:
    """Shapes that cross a still picture; from another `start_s` it is the same take, later."""
    scene = Scene(Texture(seed=seed), seconds, shapes=bouncing_shapes(seed, 5, 0.15), start_s=Fraction(start_s))
    world = World((scene,))
    return tuple(world.frame(Fraction(number, FPS), *SIZE) for number in range(int(seconds * FPS)))


def clip_of(frames: Frames | tuple[np.ndarray, ...], path: Path, **encoding: object) -> Clip:
    """The signature of frames, written to a file and read again."""
    height, width = (side // 2 * 2 for side in frames[0].shape[:2])
    trimmed = [np.ascontiguousarray(frame[:height, :width]) for frame in frames]
    write_frames(trimmed, Encoding(size=(width, height), fps=FPS, **encoding), path)  # type: ignore[arg-type]
    observer = SignatureObserver()
    with stream(path, max_side=256) as decoded:
        for frame in decoded:
            observer.push(frame)
    row = observer.measure(Span(0, 100_000_000))
    assert isinstance(row["signature"], bytes) and isinstance(row["signature_us"], list)
    return Clip.from_row(row["signature"], np.array(row["signature_us"]))


def margin_of(one: Clip, other: Clip) -> float:
    return margin(match(one, other, best_view(one, other)))


def subtitle(frame: np.ndarray) -> np.ndarray:
    return cv2.putText(frame.copy(), "and so it was", (60, 165), 0, 0.7, (255, 255, 255), 2)


EDITS: dict[str, tuple[Callable[[Frames], Frames], dict[str, object]]] = {
    "coarse": (list, {"crf": 38}),
    "another codec": (list, {"codec": "libvpx-vp9"}),
    "half the size": (lambda f: [cv2.resize(x, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for x in f], {}),
    "cropped": (lambda f: [x[4:168, 20:310] for x in f], {}),
    "black bars": (lambda f: [cv2.copyMakeBorder(x, 24, 24, 0, 0, cv2.BORDER_CONSTANT) for x in f], {}),
    "faster": (lambda f: [x for number, x in enumerate(f) if number % 5], {}),
    "trimmed": (lambda f: f[20:85], {}),
    "subtitled": (lambda f: [subtitle(x) for x in f], {}),
    "mirrored": (lambda f: [x[:, ::-1] for x in f], {}),
    "graded": (lambda f: [np.clip(x * np.array([0.8, 0.7, 0.6]) + 30, 0, 255).astype(np.uint8) for x in f], {}),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_copy_is_the_same_footage(edit: str, tmp_path: Path):
    change, encoding = EDITS[edit]
    original = clip_of(take(3), tmp_path / "original.mp4")
    suffix = ".webm" if "codec" in encoding else ".mp4"
    assert margin_of(original, clip_of(change(list(take(3))), tmp_path / f"copy{suffix}", **encoding)) >= 0


def test_another_moment_of_the_same_take_is_other_footage(tmp_path: Path):
    one, other = clip_of(take(3), tmp_path / "one.mp4"), clip_of(take(3, 20.0), tmp_path / "other.mp4")
    assert margin_of(one, other) < 0


def test_another_scene_is_other_footage(tmp_path: Path):
    assert margin_of(clip_of(take(3), tmp_path / "one.mp4"), clip_of(take(4), tmp_path / "other.mp4")) < 0


def test_blank_clips_are_no_duplicates(tmp_path: Path):
    black = [np.zeros((180, 320, 3), np.uint8)] * 96
    assert margin_of(clip_of(black, tmp_path / "one.mp4"), clip_of(black, tmp_path / "other.mp4")) < 0


def test_a_match_says_speed_and_place(tmp_path: Path):
    # the copy begins 20 frames (0.833 s) into the original, so at the original's time 0 it stands at -0.833 s
    one, other = clip_of(take(3), tmp_path / "one.mp4"), clip_of(take(3)[20:85], tmp_path / "other.mp4")
    found = match(one, other, best_view(one, other))
    assert found is not None
    assert found.speed == pytest.approx(1, abs=0.05)
    assert found.offset_s == pytest.approx(-0.833, abs=0.15)


def test_black_bars_are_borders_and_a_dark_picture_has_none():
    picture = np.random.default_rng(0).integers(60, 200, (120, 160), dtype=np.uint8)
    barred = cv2.copyMakeBorder(picture, 20, 20, 0, 0, cv2.BORDER_CONSTANT)  # 20 of 160 rows
    assert borders(barred) == pytest.approx((0.125, 0.125, 0, 0), abs=0.01)
    assert np.isnan(borders(np.zeros((120, 160), np.uint8))).all()
    assert box_of(np.full((3, 4), np.nan)) == WHOLE_BOX


def test_text_on_a_bar_leaves_it_a_bar():
    picture = np.random.default_rng(0).integers(60, 200, (120, 160), dtype=np.uint8)
    barred = cv2.copyMakeBorder(picture, 20, 20, 0, 0, cv2.BORDER_CONSTANT)
    barred[145:152, 50:100] = 255
    assert borders(barred)[1] == pytest.approx(0.125, abs=0.01)


def test_the_signature_within_borders_is_that_of_the_picture():
    smooth = (128 + 60 * np.cos(np.pi * (np.arange(SIDE) + 0.5) / SIDE)).astype(np.uint8)
    picture = np.tile(smooth, (SIDE, 1))
    barred = np.zeros((SIDE, SIDE), np.uint8)
    barred[4:28] = cv2.resize(picture, (SIDE, 24), interpolation=cv2.INTER_AREA)  # 4 of 32 rows above and below
    within = spectrum(barred[None], (0.125, 0.875, 0, 1)).astype(int)
    assert np.abs(within - spectrum(picture[None], WHOLE_BOX)).max() <= 2


def test_a_mirrored_view_is_the_signature_of_the_mirrored_picture():
    cells = np.random.default_rng(1).integers(0, 256, (1, SIDE, SIDE), dtype=np.uint8)
    one = spectrum(cells, WHOLE_BOX).astype(np.float32)
    other = spectrum(cells[:, :, ::-1], WHOLE_BOX).astype(np.float32)
    np.testing.assert_allclose(one @ matrix_of(View(mirrored=True)), other @ matrix_of(WHOLE), atol=1.5)


def test_hashing_finds_noisy_and_mirrored_copies_without_all_pairs():
    rng = np.random.default_rng(0)
    fall = 60 / np.maximum(1, np.hypot(*np.indices((8, 8)))).ravel()
    pictures = rng.normal(size=(2000, 64)) * fall
    turn = np.where(np.arange(64) % 8 % 2, -1, 1)
    values = np.concatenate([pictures, pictures[:50] + rng.normal(0, 2, (50, 64)), pictures[50:100] * turn])
    found = candidates(Samples(np.clip(values, -127, 127).astype(np.int8), np.arange(2100, dtype=np.int32)))
    pairs = set(zip(found.one.tolist(), found.other.tolist(), strict=True))
    copies = {(number, 2000 + number) for number in range(100)}
    assert len(copies & pairs) >= 98
    assert len(pairs) < 2100 * 2099 / 2 / 50


def test_at_a_glance_a_mirrored_part_is_a_copy_and_one_common_picture_makes_none():
    rng = np.random.default_rng(0)
    fall = 60 / np.maximum(1, np.hypot(*np.indices((8, 8)))).ravel()
    clip, other = rng.normal(size=(2, 20, 64)) * fall
    turn = np.where(np.arange(64) % 8 % 2, -1, 1)
    other[0] = clip[0]
    part = clip[5:17].repeat(2, axis=0) * turn  # longer than what it is part of, as in slow motion
    values = np.clip(np.concatenate([clip, part, other]), -127, 127).astype(np.int8)
    copy, stranger = glances(values, np.array([0, 20, 44, 64]), np.array([[0, 1], [2, 0]]))
    assert copy > LEAST > stranger
    assert glances(values, np.array([0, 20, 44, 64]), np.empty((0, 2), np.int64)).shape == (0,)


def test_who_looks_little_alike_needs_samples_that_look_more_so(monkeypatch: pytest.MonkeyPatch):
    seen = np.array([LEAST - 0.01, LEAST + 0.01, LEAST + 0.01, LEAST_OF_DOUBTED + 0.01], np.float32)
    monkeypatch.setattr("curate.dedup.glance.glances", lambda *_: seen)
    likeness = np.array([1, DOUBTED - 0.01, DOUBTED + 0.01, DOUBTED - 0.01], np.float32)
    nothing = np.empty(0)
    assert worth_aligning(nothing, nothing, nothing, likeness).tolist() == [False, False, True, True]


def test_one_wrong_link_does_not_join_two_groups():
    # clips 0-2 and 3-5 are two groups; 2 and 3 are linked by mistake, all other pairs between them say no
    pairs = np.array([(0, 1), (0, 2), (1, 2), (3, 4), (3, 5), (4, 5), (2, 3)])
    margins = np.array([0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.2], np.float32)
    known = {(int(one), int(other)): float(sure) for (one, other), sure in zip(pairs, margins, strict=True)}
    group = groups_of(pairs, margins, 6, lambda one, other: known.get((min(one, other), max(one, other)), -0.5))
    assert group.tolist() == [0, 0, 0, 3, 3, 3]


def test_the_keeper_is_the_largest_then_the_longest_then_the_earliest():
    small, short, late, first = (
        Worth(640 * 360, 9.0, 1e6, 5),
        Worth(1280 * 720, 6.0, 1e6, 5),
        Worth(1280 * 720, 9.0, 1e6, 1),
        Worth(1280 * 720, 9.0, 1e6, 5),
    )
    assert keeper_of([small, first]) == (1, "highest resolution")
    assert keeper_of([short, first]) == (1, "longest")
    assert keeper_of([small, short, late, first]) == (3, "earliest")
    assert keeper_of([first, first])[1] == "first by its id"


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue of a take, its small copy, its trimmed copy, and another take; searched for near-duplicates."""
    folder = tmp_path_factory.mktemp("dedup")
    (folder / "videos").mkdir()
    small = [cv2.resize(frame, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for frame in take(3)]
    made = {"whole": take(3), "small": small, "trimmed": take(3)[20:85], "other": take(4)}
    for name, frames in made.items():
        height, width = frames[0].shape[:2]
        write_frames(frames, Encoding(size=(width, height), fps=FPS), folder / "videos" / f"{name}.mp4")
    catalogue = folder / "catalogue"
    assert curate("add", folder / "videos", "-c", catalogue).code == 0
    assert curate("scan", "-c", catalogue, "--jobs", "1").code == 0
    ran = curate("dedup", "-c", catalogue, "--jobs", "1")
    assert ran.code == 0, ran.err
    assert "4 clips compared" in ran.err and "1 groups of near-duplicates, 2 clips beside those to keep" in ran.err
    return catalogue


def test_every_clip_is_told_its_group_and_whether_it_is_kept(searched: Path):
    found = rows(searched, "select video_key, is_keeper, duplicates, duplicate_group from clip order by video_key")
    assert [(row["video_key"], row["is_keeper"], row["duplicates"]) for row in found] == [
        ("other.mp4", True, 1), ("small.mp4", False, 3), ("trimmed.mp4", False, 3), ("whole.mp4", True, 3),
    ]  # fmt: skip
    (whole,) = rows(searched, "select clip_id from clip where video_key = 'whole.mp4'")
    assert {row["duplicate_group"] for row in found[1:]} == {whole["clip_id"]}


def test_a_duplicate_says_how_it_lies_on_the_one_to_keep(searched: Path):
    (found,) = rows(
        searched,
        "select d.* exclude (fingerprint, tool_version, created_at) from duplicates d join clip c "
        "on c.clip_id = d.clip_id where video_key = 'trimmed.mp4'",
    )
    assert found["speed"] == pytest.approx(1, abs=0.05)
    assert found["offset_us"] == pytest.approx(-833_000, abs=150_000)
    assert found["mirrored"] is False
    assert found["reason"] == "longest"


def test_a_selection_keeps_one_of_each_group(searched: Path):
    ran = curate("select", "-c", searched, "--where", "is_keeper", "--name", "unique")
    assert ran.code == 0, ran.err
    kept = rows(searched, "select video_key from selections join clip using (clip_id) order by 1")
    assert [row["video_key"] for row in kept] == ["other.mp4", "whole.mp4"]


def test_the_same_search_of_the_same_catalogue_is_not_made_again(searched: Path):
    assert "nothing changed since" in curate("dedup", "-c", searched).err
    assert len(rows(searched, "from history.dedups")) == 1


def test_a_restricted_search_replaces_the_rows_of_the_one_before(searched: Path, tmp_path: Path):
    copy = shutil.copytree(searched, tmp_path / "catalogue")
    assert curate("dedup", "-c", copy, "--where", "video_key <> 'whole.mp4'").code == 0
    found = rows(copy, "select video_key, is_keeper from clip order by video_key")
    assert [row["is_keeper"] for row in found] == [True, False, True, None]
    assert not [problem for problem in verify(Catalogue.open(copy), media=False) if problem.is_error]


def test_a_condition_that_is_no_sql_is_named(searched: Path):
    ran = curate("dedup", "-c", searched, "--where", "secnods > 3")
    assert ran.code == 2
    assert "condition 'secnods > 3'" in ran.err and "Traceback" not in ran.err


def test_a_search_without_signatures_says_what_to_do(tmp_path: Path):
    Catalogue.open(tmp_path / "empty", create=True)
    ran = curate("dedup", "-c", tmp_path / "empty")
    assert ran.code == 0
    assert "no clip has a signature: `curate scan` makes them" in ran.err
