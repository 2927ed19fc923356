"""Results on a terminal and for programs."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate import show


def reader(**columns: list[object]) -> pa.RecordBatchReader:
    return pa.table(columns).to_reader()


def test_json_is_an_array_with_an_object_a_row(capsys: pytest.CaptureFixture[str]):
    show.show_result(reader(a=[1, None], b=["x", 'quote " and\nnewline']), "json")
    assert json.loads(capsys.readouterr().out) == [{"a": 1, "b": "x"}, {"a": None, "b": 'quote " and\nnewline'}]


def test_no_rows_are_an_empty_array(capsys: pytest.CaptureFixture[str]):
    show.show_result(pa.schema([("a", pa.int64())]).empty_table().to_reader(), "json")
    assert json.loads(capsys.readouterr().out) == []


def test_json_has_no_nan(capsys: pytest.CaptureFixture[str]):
    show.show_result(reader(a=[float("nan"), float("inf"), 1.5]), "jsonl")
    assert [json.loads(line)["a"] for line in capsys.readouterr().out.splitlines()] == [None, None, 1.5]


def test_times_are_iso_and_lists_stay_lists(capsys: pytest.CaptureFixture[str]):
    show.show_result(reader(t=[datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)], x=[[1, 2]]), "json")
    assert json.loads(capsys.readouterr().out) == [{"t": "2026-01-02T03:04:05+00:00", "x": [1, 2]}]


def test_csv_keeps_newlines_and_quotes_and_writes_lists_as_json(capsys: pytest.CaptureFixture[str]):
    show.show_result(reader(a=['say "hi"\nthere', None], b=[["x"], None]), "csv")
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert rows == [["a", "b"], ['say "hi"\nthere', '["x"]'], ["", ""]]


def test_parquet_goes_to_a_file_with_its_types(tmp_path: Path):
    table = pa.table({"a": pa.array([1, 2], pa.int32()), "t": [["x"], []]})
    show.show_result(table.to_reader(), "parquet", str(tmp_path / "out.parquet"))
    assert pq.read_table(tmp_path / "out.parquet").equals(table)


def test_text_from_rows_never_reaches_the_terminal_as_control_codes(capsys: pytest.CaptureFixture[str]):
    show.show_result(reader(caption=["\x1b[2J\x1b]0;owned\x07 [red]markup[/red]"]), "table")
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert r"\x1b[2J" in out
    assert "[red]markup[/red]" in out


def test_a_table_says_how_many_rows_it_does_not_show(capsys: pytest.CaptureFixture[str]):
    show.show_result(reader(a=list(range(show.TABLE_ROWS + 5))), "table")
    assert "and 5 more rows" in capsys.readouterr().err


def test_a_long_text_is_cut_on_the_terminal():
    assert show.printable("x" * 500) == "x" * (show.CELL_WIDTH - 1) + "…"
