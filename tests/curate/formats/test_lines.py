"""Lines of records in a csv file."""

from __future__ import annotations

import io

import pytest

from curate.formats import lines
from curate.formats.lines import lines_of_records

TEXT = b'h\n"a\nb"\nc\n"d ""\n"" e"\nf\n'
#        1  2 3    4  5     6      7     records: h=1 a=2 c=4 d=5 f=7


@pytest.mark.parametrize("block", [1, 2, 3, 7, 1 << 20])
def test_a_line_break_in_quotes_ends_no_record_wherever_a_block_ends(block: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lines, "READ_BYTES", block)
    found, _ = lines_of_records(io.BytesIO(TEXT), {1, 2, 3, 4, 5})
    assert found == {1: 1, 2: 2, 3: 4, 4: 5, 5: 7}


def test_refused_records_do_not_count_and_have_a_line():
    at = TEXT.index(b"c\n")
    assert lines_of_records(io.BytesIO(TEXT), {3}, {at}) == ({3: 5}, {at: 4})
    assert lines_of_records(io.BytesIO(TEXT), {3}, {at - 1}) == ({3: 5}, {at - 1: 4})


def test_a_refused_record_is_the_one_that_a_position_lies_in_wherever_in_it():
    at = TEXT.index(b'"d ""')
    for place in (at - 1, at, at + 5, at + 9):
        assert lines_of_records(io.BytesIO(TEXT), {4}, {place}) == ({4: 7}, {place: 5})
