"""`python -m bench.truth` tells what is wrong with a catalogue of made videos, and only that."""

from __future__ import annotations

import pytest

from bench.cut_score import Transition
from bench.truth import Found, FoundClip, compare, is_off, report, should_keep, true_flow
from media.synthetic.motion import Motion
from media.synthetic.truth import TrueClip, TrueCut, Truth
from schemas.spans import Span

S = 1_000_000


def clip(start_s: float, end_s: float, flow: float) -> TrueClip:
    motion = Motion(flow, flow, flow, 0, 1, 0, flow, 0, 0, 0)
    return TrueClip(int(start_s * S), int(end_s * S), 10, 100, motion)


def found_clip(start_s: float, end_s: float, flow: float, *, is_kept: bool = False) -> FoundClip:
    return FoundClip("a.mp4", Span(int(start_s * S), int(end_s * S)), flow, is_kept, ("moves_lvd",))


# 24 s at 10 frames a second; a hard cut at 12 s, before it 0.1 diagonals a second, after it nothing moves
TRUTH = Truth(
    "libx264", 64, 48, 0, tuple(range(0, 24 * S, S // 10)), 24 * S,
    (TrueCut(12 * S, 12 * S, "hard"),), (), (clip(0, 12, 0.1), clip(12, 24, 0)),
)  # fmt: skip


def said(cuts: list[Transition], clips: list[FoundClip], rejects: dict[str, str]) -> tuple[list[str], list[str]]:
    """All lines, and those that say that something is wrong."""
    lines = list(report({"a.mp4": TRUTH}, ["broken.mp4"], Found({"a.mp4": cuts}, {"a.mp4": clips}, rejects)))
    return [line for line, _ in lines], [line for line, is_wrong in lines if is_wrong]


def test_a_right_catalogue_has_nothing_wrong() -> None:
    clips = [found_clip(0, 12, 0.09, is_kept=True), found_clip(12, 24, 0.001)]
    lines, wrong = said([Transition(12 * S, 12 * S)], clips, {"broken.mp4": "no_frames"})
    assert not wrong
    assert "lvd2m keeps 1 of the 1 clips that it should keep, and 0 that it should not" in lines
    assert "damaged: broken.mp4 is turned away: no_frames" in lines


def test_a_missed_hard_cut_is_wrong() -> None:
    _, wrong = said([], [found_clip(0, 24, 0.05)], {"broken.mp4": "no_frames"})
    assert wrong == ["missed: a.mp4 12.000 (a hard cut)"]


def test_a_flow_that_is_off_is_wrong() -> None:
    clips = [found_clip(0, 12, 0.2), found_clip(12, 24, 0)]
    _, wrong = said([Transition(12 * S, 12 * S)], clips, {"broken.mp4": "no_frames"})
    assert wrong == ["flow is off: a.mp4 0.0-12.0 s: 0.2000, true is 0.1000 diagonals a second"]


def test_a_damaged_file_that_is_not_turned_away_is_wrong() -> None:
    _, wrong = said([Transition(12 * S, 12 * S)], [found_clip(0, 12, 0.1), found_clip(12, 24, 0)], {})
    assert wrong == ["damaged: broken.mp4 is not turned away"]


def test_a_clip_that_the_recipe_loses_is_named_with_the_condition() -> None:
    lines, _ = said([Transition(12 * S, 12 * S)], [found_clip(0, 12, 0.1)], {})
    assert "  lost: a.mp4 0.0-12.0 s, turned away by moves_lvd" in lines


def test_hard_cuts_are_off_by_whole_frames() -> None:
    assert compare("a.mp4", TRUTH, [Transition(12 * S + 100_000, 12 * S + 100_000)], []).frames_off == [1]
    assert compare("a.mp4", TRUTH, [Transition(13 * S, 13 * S)], []).frames_off == []


def test_the_true_flow_of_two_clips_is_their_mean_over_time() -> None:
    clips = [clip(0, 1, 0.1), clip(1, 4, 0.02)]
    assert true_flow(clips, Span(0, 4 * S)) == pytest.approx((1 * 0.1 + 3 * 0.02) / 4)


def test_the_true_flow_of_half_a_clip_is_not_known() -> None:
    assert true_flow([clip(0, 4, 0.1)], Span(0, 2 * S)) is None


def test_flow_may_be_off_by_a_factor_of_one_and_a_half_and_a_floor() -> None:
    assert not is_off(0.15, 0.1)
    assert is_off(0.16, 0.1)  # 1.5 x 0.1 + 0.005 = 0.155
    assert not is_off(0.004, 0)
    assert is_off(0.05, 0.1)  # 0.1 / 1.5 - 0.005 = 0.0617


def test_lvd2m_should_keep_ten_seconds_with_twenty_pixels_in_half_a_second() -> None:
    assert should_keep(clip(0, 10, 0.037))  # 20 px / |(960, 520)| px / 0.5 s = 0.0366 diagonals a second
    assert not should_keep(clip(0, 10, 0.036))
    assert not should_keep(clip(0, 9.9, 0.1))
