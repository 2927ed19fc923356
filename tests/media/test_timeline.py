"""Times are exact, and broken ones are repaired in a known way."""

from fractions import Fraction

import pytest

from media.timeline import Timeline, middle_times, to_us

MS = Fraction(1, 1000)


def places(timeline: Timeline, *frames: tuple[int | None, int | None]) -> list[int]:
    return [timeline.place(pts, duration) for pts, duration in frames]


def test_ticks_become_microseconds_by_rounding_to_nearest():
    assert to_us(1, Fraction(1001, 30000)) == 33_367  # 33366.67
    assert to_us(2, Fraction(1001, 30000)) == 66_733  # 66733.33
    assert to_us(-1, Fraction(1, 3)) == -333_333


def test_times_a_year_from_the_start_stay_exact():
    ticks = 90_000 * 86_400 * 365 + 1  # one tick of 11.11 us after a year
    assert to_us(ticks, Fraction(1, 90_000)) == 365 * 86_400 * 1_000_000 + 11


def test_sound_timestamps_pass_unchanged_from_the_first_frame():
    timeline = Timeline(MS, None)
    assert places(timeline, (500, 40), (540, 40), (700, 40)) == [0, 40, 200]
    assert (timeline.repaired, timeline.start_pts, timeline.end_ticks) == (False, 500, 240)


def test_a_missing_pts_follows_at_the_duration_of_the_frame_before():
    timeline = Timeline(MS, None)
    assert places(timeline, (0, 40), (None, 40), (80, 40)) == [0, 40, 80]
    assert timeline.repaired


def test_a_pts_that_stands_still_follows_by_one_tick():
    timeline = Timeline(MS, None)
    assert places(timeline, (0, 40), (0, 40), (80, 40)) == [0, 1, 80]
    assert timeline.repaired


def test_a_small_step_back_does_not_shift_what_follows():
    timeline = Timeline(MS, None)
    assert places(timeline, (0, 40), (80, 40), (60, 40), (120, 40)) == [0, 80, 81, 120]


def test_a_jump_back_is_a_new_clock_joined_at_the_duration():
    timeline = Timeline(MS, None)
    assert places(timeline, (9000, 40), (9040, 40), (0, 40), (40, 40)) == [0, 40, 80, 120]
    assert timeline.repaired


def test_a_gap_of_eleven_seconds_is_real_unless_the_clock_may_jump():
    frames = [(0, 40), (11_000, 40)]
    assert places(Timeline(MS, None), *frames) == [0, 11_000]
    assert places(Timeline(MS, None, clock_may_jump=True), *frames) == [0, 40]


def test_durations_in_decoding_order_give_the_end_by_their_sum():
    # shown at 0, 1, 3 for 1, 2, 1 ticks; decoded as 0, 3, 1: durations 1, 1, 2 stick to other frames
    timeline = Timeline(MS, None, durations_add_up=True)
    places(timeline, (0, 1), (1, 1), (3, 2))
    assert timeline.end_ticks == 4


def test_a_last_frame_without_duration_lasts_as_long_as_the_gap_before():
    timeline = Timeline(MS, None)
    places(timeline, (0, None), (67, None), (134, None))
    assert timeline.end_ticks == 201


def test_no_pts_no_duration_and_no_rate_is_an_error():
    timeline = Timeline(MS, None)
    timeline.place(None, None)
    with pytest.raises(ValueError, match="no frame rate"):
        timeline.place(None, None)


def test_middle_times_are_the_centres_of_equal_parts():
    assert middle_times(0, 4_000_000, 2) == [1_000_000, 3_000_000]
    assert middle_times(10, 13, 1) == [11]


@pytest.mark.parametrize("asked", [(0, 0, 1), (0, 10, 0), (10, 0, 2)])
def test_middle_times_refuses_an_empty_span(asked):
    with pytest.raises(ValueError, match="need n > 0"):
        middle_times(*asked)
