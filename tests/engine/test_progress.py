"""What a person is told while a run goes on."""

from __future__ import annotations

import io
from collections import Counter

from engine.progress import Tally, progress


def test_a_line_says_how_many_how_fast_how_long_and_what_was_turned_away():
    tally = Tally("scan", total=40, done=9, rejected=Counter({"no_frames": 1}), seconds=5)
    # 10 rows in 5 s are 2 a second; the 30 that are left take 15 s
    assert tally.line() == "scan: 10/40 · 2.0/s · about 0:00:15 left · turned away: no_frames 1"


def test_the_last_line_speaks_of_no_time_left():
    assert Tally("scan", total=2, done=2, seconds=1).line() == "scan: 2/2 · 2.0/s"


def test_reasons_come_most_frequent_first():
    assert Tally("add", 9, rejected=Counter(empty_file=1, timeout=3)).reasons() == "timeout 3, empty_file 1"


def test_where_there_is_no_terminal_a_finished_run_is_one_plain_line():
    stream = io.StringIO()
    with progress("scan", 2, stream) as show:
        show(Tally("scan", 2, done=1, seconds=1))
        show(Tally("scan", 2, done=2, seconds=2))
    assert stream.getvalue() == "scan: 2/2 · 1.0/s\n"


def test_a_run_without_rows_says_nothing():
    stream = io.StringIO()
    with progress("scan", 0, stream) as show:
        show(Tally("scan", 0))
    assert stream.getvalue() == ""
