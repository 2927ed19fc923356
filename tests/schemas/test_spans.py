"""Time is integer microseconds; spans are half-open."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.spans import Span, count_within, format_timecode, parse_timecode, spans_between, to_us


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("0:01:20.880", 80_880_000),  # Panda-70M's form: one digit of hours
        ("00:01:35.750", 95_750_000),  # HD-VILA's form: two digits
        ("10:00:00", 36_000_000_000),
        ("1:20", 80_000_000),
        ("95.5", 95_500_000),
        ("12,25", 12_250_000),
        ("0", 0),
    ],
)
def test_times_as_the_datasets_write_them(text: str, us: int):
    assert parse_timecode(text) == us


@pytest.mark.parametrize("text", ["", "abc", "1:2:3:4", "-5", "1:99", "0:61:00", "1e3"])
def test_what_is_no_time_is_refused(text: str):
    with pytest.raises(ValueError, match="not a time"):
        parse_timecode(text)


def test_a_time_is_written_to_the_millisecond():
    assert format_timecode(3_723_004_500) == "1:02:03.005"  # 3723.0045 s, half a millisecond is rounded up


def test_seconds_become_whole_microseconds():
    assert to_us(Fraction(1001, 30000)) == 33_367  # 33366.67 µs


def test_a_span_that_ends_before_it_starts_is_refused():
    with pytest.raises(ValueError, match="start_us <= end_us"):
        Span(5, 4)


def test_spans_that_only_touch_share_nothing():
    assert Span(0, 10).overlap_us(Span(10, 20)) == 0
    assert Span(0, 10).overlap_us(Span(5, 20)) == 5
    assert Span(0, 10).contains(Span(0, 10))


def test_a_hard_cut_divides_and_a_dissolve_is_left_out():
    cut, dissolve = Span(1_000, 1_000), Span(2_000, 3_000)
    assert spans_between([dissolve, cut], 5_000) == [Span(0, 1_000), Span(1_000, 2_000), Span(3_000, 5_000)]


def test_gaps_at_the_edges_leave_nothing_empty():
    assert spans_between([Span(0, 10), Span(5, 20), Span(90, 200)], 100) == [Span(20, 90)]
    assert spans_between([Span(0, 0), Span(100, 100)], 100) == [Span(0, 100)]
    assert spans_between([], 100) == [Span(0, 100)]


@given(
    st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 300)).map(lambda p: Span(p[0], p[0] + p[1]))),
    st.integers(1, 1000),
)
def test_spans_and_gaps_together_fill_the_video_and_never_overlap(gaps: list[Span], end_us: int):
    left = spans_between(gaps, end_us)
    taken = [0] * end_us
    for span in left:
        assert span.start_us < span.end_us
        for us in range(span.start_us, span.end_us):
            taken[us] += 1
    for us in range(end_us):
        in_gap = any(gap.start_us <= us < gap.end_us for gap in gaps)
        assert taken[us] == (0 if in_gap else 1)


def test_a_frame_at_the_end_of_a_span_is_not_in_it():
    assert count_within([0, 10, 20, 30], Span(10, 30)) == 2
