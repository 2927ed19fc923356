"""The report: one page, nothing loaded from elsewhere, whatever the rows say."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from curate.report.charts import Series, bars
from curate.report.numbers import thresholds
from tests.curate.conftest import typed


@pytest.fixture
def written(
    made_catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    out = tmp_path / "report.html"
    assert typed(monkeypatch, capsys, "report", "-c", made_catalogue, "--out", out).code == 0
    return out.read_text(encoding="utf-8")


def test_the_page_asks_for_nothing_from_elsewhere(written: str):
    assert not re.search(r"<script|<link|<iframe|url\((?!#)|(src|href)=\"(?!data:|#)", written)


def test_the_page_holds_funnel_distributions_lvd2m_and_rejects(written: str):
    for title in ("Selection everything", "Distributions", "Beside LVD-2M", "Near-duplicates", "Turned away"):
        assert f"<h2>{title}</h2>" in written
    assert "47.8" in written  # LVD-2M's mean flow
    assert "not_a_video" in written or "empty_file" in written


def test_hostile_names_are_text(
    made_catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    hostile = shutil.copytree(made_catalogue, tmp_path / "<img src=x onerror=alert(1)>")
    out = tmp_path / "report.html"
    assert typed(monkeypatch, capsys, "report", "-c", hostile, "--out", out).code == 0
    assert "<img src=x" not in out.read_text(encoding="utf-8")


def test_an_unknown_selection_is_named_with_those_there_are(
    made_catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    ran = typed(monkeypatch, capsys, "report", "-c", made_catalogue, "--out", tmp_path / "r.html", "-s", "nope")
    assert ran.code == 2
    assert "no selection 'nope'. There are: everything" in ran.err


def test_a_threshold_is_one_value_against_one_bound():
    steps = [
        (1, "long", "seconds >= 10", 0, 0, 0, 0),
        (2, "moves", "coalesce(flow_raft_lvd, flow_dis_lvd) >= 20", 0, 0, 0, 0),
        (3, "own", "seconds >= 10 or true", 0, 0, 0, 0),
    ]
    assert [(of.value, of.bound) for of in thresholds(steps)] == [
        ("seconds", 10.0),
        ("coalesce(flow_raft_lvd, flow_dis_lvd)", 20.0),
    ]


def test_a_chart_says_its_figures_as_text():
    chart = bars("Length", ["<10", "10"], [Series("clips", [3, None])], "seconds")
    assert "clips, &lt;10: 3" in chart and "<td>3</td>" in chart
    assert chart.count("<rect") == 1


def test_a_long_name_of_an_axis_takes_two_lines_within_the_chart():
    unit = "how fast the camera moves to the right, in diagonals of the picture a second, mean of the whole clip"
    chart = bars("Pan", ["0"], [Series("clips", [1])], unit)
    # 460 pixels hold 73 characters of at most 6.3
    lines = re.findall(r'<text x="230.0" y="(\d+)" text-anchor="middle">([^<]*)</text>', chart)
    assert [(int(y), line) for y, line in lines] == [
        (188, "how fast the camera moves to the right, in diagonals of the picture a"),
        (202, "second, mean of the whole clip"),
    ]
    assert 'viewBox="0 0 460 206"' in chart


def test_labels_below_bars_do_not_touch_and_end_within_the_chart():
    labels = [f"-0.{place:06d}" for place in range(20)]  # 9 characters: 56.7 pixels, and one more between them
    chart = bars("Pan", labels, [Series("clips", [1] * 20)], "diagonals a second")
    at = [float(x) for x in re.findall(r'<text x="([\d.]+)" y="172"', chart)]
    # 414 pixels for 20 bars: every fourth label needs 63 of 82.8; the sixth would begin at 460
    assert at == [46.0, 128.8, 211.6, 294.4, 377.2]
