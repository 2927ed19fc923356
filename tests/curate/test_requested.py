"""Asked spans on a video's own timeline, and what touches their edges."""

from __future__ import annotations

from typing import Any

from curate.detectors.cut import Cut
from curate.requested import columns_at_edges, place
from schemas.spans import Span

S = 1_000_000
TIMES = [i * 40_000 for i in range(250)]  # 25 frames a second, 10 s
KEYS = [0, 2 * S, 4 * S, 6 * S, 8 * S]


def asked(start: float, end: float, frames: tuple[int, int] | None = None) -> dict[str, Any]:
    first, last = frames or (None, None)
    return {"request_id": "r", "span_start_us": int(start * S), "span_end_us": int(end * S),
            "hdvg_start_frame": first, "hdvg_end_frame": last}  # fmt: skip


def placed(*requests: dict[str, Any]):
    return place(requests, TIMES, KEYS, 10 * S)


def test_a_span_is_taken_as_it_is_asked_for():
    (found,), _ = placed(asked(1.5, 3))
    assert (found.span, found.uncertainty_us) == (Span(1_500_000, 3 * S), None)


def test_no_span_is_the_whole_video():
    whole = asked(0, 0) | {"span_start_us": None, "span_end_us": None}
    (found,), _ = placed(whole)
    assert found.span == Span(0, 10 * S)


def test_a_span_that_reaches_behind_the_end_is_cut_off_there_and_one_behind_it_is_turned_away():
    (found,), (missing,) = placed(asked(9, 99), asked(10, 11))
    assert found.span == Span(9 * S, 10 * S)
    assert missing.reason == "span_outside_video"


def test_hdvg_frames_count_from_the_key_frame_before_the_clip():
    # HD-VILA's clip begins at 5 s; its copy began at the key frame at 4 s. Frames 50 to 75 are 2 s to 3 s behind that.
    (found,), _ = placed(asked(5, 9.5, (50, 75)))
    assert found.span == Span(6 * S, 7 * S)
    assert found.uncertainty_us == 2 * S  # from one key frame to the next


def test_hdvg_minus_one_is_the_end_of_the_clip():
    (found,), _ = placed(asked(5, 9.5, (0, -1)))
    assert found.span == Span(4 * S, 9_500_000)


def test_hdvg_frames_behind_the_video_are_turned_away():
    assert placed(asked(5, 9.5, (500, 600)))[1][0].reason == "span_outside_video"


def cut_at(seconds: float, end: float | None = None, kind: str = "hard") -> Cut:
    return Cut(int(seconds * S), int((end or seconds) * S), kind, None, "d")


def test_a_cut_just_behind_the_start_lets_the_shot_before_in():
    found = columns_at_edges(Span(2 * S, 8 * S), [cut_at(2.2)])
    assert found == {"transitions_inside": 1, "transition_at_start": True, "transition_at_end": False,
                     "clean_start_us": 2_200_000, "clean_end_us": 8 * S}  # fmt: skip


def test_cuts_exactly_at_the_edges_leave_a_span_clean():
    found = columns_at_edges(Span(2 * S, 8 * S), [cut_at(2), cut_at(8)])
    assert (found["transitions_inside"], found["transition_at_start"], found["transition_at_end"]) == (0, False, False)


def test_a_dissolve_that_reaches_in_counts_and_a_rejected_flash_does_not():
    found = columns_at_edges(Span(2 * S, 8 * S), [cut_at(7.8, 8.4, "dissolve"), cut_at(5, kind="flash_rejected")])
    assert (found["transitions_inside"], found["transition_at_end"], found["clean_end_us"]) == (1, True, 7_800_000)


def test_a_cut_in_the_middle_is_inside_and_at_no_edge():
    found = columns_at_edges(Span(2 * S, 8 * S), [cut_at(5)])
    assert (found["transitions_inside"], found["transition_at_start"], found["transition_at_end"]) == (1, False, False)
