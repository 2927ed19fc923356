"""Intervals, paired tests, agreement, and what two results may be compared for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from eval.errors import EvalError
from eval.statistics.agreement import Agreement, agreement
from eval.statistics.bootstrap import clips_of, intervals, mean_interval
from eval.statistics.paired import paired
from tests.eval.running import run, write_rows


def test_a_score_without_spread_has_an_interval_of_no_width() -> None:
    found = intervals(clips_of(["a", "a", "b"], [0.5] * 3, [1.0] * 3))
    assert (found["recall"].low, found["recall"].high) == (0.5, 0.5)
    assert found["f1"].low == pytest.approx(2 / 3)


def test_resampling_stays_within_subsets() -> None:
    # sub-set a is always 0, b always 1: without strata the macro mean would move, with them it cannot
    found = intervals(clips_of(["a"] * 5 + ["b"] * 5, [0.0] * 5 + [1.0] * 5, [1.0] * 10))
    assert (found["recall"].low, found["recall"].high) == (0.5, 0.5)


def test_the_interval_of_a_mean_is_about_two_standard_errors() -> None:
    values = np.random.default_rng(1).normal(0.4, 0.3, 1000).tolist()
    found = mean_interval(values)
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.3 / 1000**0.5, rel=0.1)


def test_equal_models_differ_by_nothing() -> None:
    clips = clips_of(["a"] * 20, [0.1 * (i % 10) for i in range(20)], [0.5] * 20)
    found = paired(clips, clips)["f1"]
    assert (found.difference, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)


def test_a_constant_lead_is_sure_however_wide_each_score_is() -> None:
    base = [0.05 * (i % 18) for i in range(60)]
    found = paired(
        clips_of(["a"] * 60, base, [0.5] * 60), clips_of(["a"] * 60, [value + 0.1 for value in base], [0.5] * 60)
    )["recall"]
    assert (found.difference, found.low, found.high) == (pytest.approx(0.1), pytest.approx(0.1), pytest.approx(0.1))
    assert found.p < 0.001


def test_kappa_of_a_worked_example() -> None:
    # observed 3/4; expected (2*1 + 2*3)/16 = 1/2; kappa (3/4 - 1/2) / (1/2)
    assert agreement("yynn", "ynnn") == Agreement(0.75, 0.5, 4)
    assert agreement("yy", "yy").kappa is None


def results(tmp_path: Path, name: str, label: str, *, judge: str = "t") -> Path:
    """Two samples; the first event is recalled, the second is as the label says."""
    rows = [{"idx": i, "dataset": "D/a", "prediction": "x y", "reference": "r", "events": ["e", "f"]} for i in range(2)]
    answers = [
        {"sample": f"D/a_{i}", "stage": stage, "responses": [text]}
        for i in range(2)
        for stage, text in (
            ("extract_pred", '{"events": ["g"]}'),
            ("recall", json.dumps({"0": "entailment", "1": label})),
            ("precision", '{"0": "entailment"}'),
        )
    ]
    predictions = write_rows(tmp_path / "p.jsonl", rows)
    transcript = write_rows(tmp_path / f"{judge}.jsonl", answers)
    run("autodq", "-p", predictions, "-j", f"replay:{transcript}", "-o", tmp_path / name, "--name", name)
    return tmp_path / name


def test_compare_refuses_two_judges_and_points_to_judges(tmp_path: Path) -> None:
    a = results(tmp_path, "a", "neutral", judge="one")
    b = results(tmp_path, "b", "entailment", judge="other")
    with pytest.raises(EvalError, match="different rulers"):
        run("compare", a, b)
    printed = run("judges", a, b)
    # recall 1/2 becomes 1: two of four labels agree; expected (4*2)/16 = 1/2, so kappa is 0
    assert "| OVERALL | 0.3333 | 0.5000 |   0.0000  |" in printed
    assert "reference events: 4 judged by both, 50.0% the same label, kappa 0.0000" in printed


def test_compare_prints_paired_differences_and_the_clips_that_differ(tmp_path: Path) -> None:
    a = results(tmp_path, "a", "neutral")
    (tmp_path / "b").mkdir()
    scores = json.loads((a / "scores.json").read_text())
    scores["model"] = "b"
    for sample in scores["samples"]:
        sample["recall"] = 1.0
    (tmp_path / "b" / "scores.json").write_text(json.dumps(scores))
    found = json.loads(run("compare", a, tmp_path / "b", "--json"))
    assert found["differences"]["recall"]["difference"] == 0.5
    assert found["samples"] == 2
    printed = run("compare", a, tmp_path / "b")
    # two samples alike: recall 1/2 becomes 1 in both, precision is 1: F1 2/3 becomes 1
    assert "f1: b is better by 0.3333" in printed
    assert "| D/a_0  | 0.6667 | 1.0000 |   0.3333   |" in printed
    assert "2 samples that both could judge, of 2 and 2" in printed


def test_equal_results_are_said_to_be_not_told_apart(tmp_path: Path) -> None:
    a = results(tmp_path, "a", "neutral")
    printed = run("compare", a, a)
    assert "f1: the interval holds 0, so these samples do not tell the two apart" in printed
    assert "no sample differs" in printed


def test_the_leaderboard_keeps_judges_apart_and_the_published_table_apart_from_both(tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue"
    for judge, label in (("one", "neutral"), ("other", "entailment")):
        folder = results(tmp_path, judge, label, judge=judge)
        words = ("autodq", "-p", tmp_path / "p.jsonl", "-j", f"replay:{tmp_path / judge}.jsonl", "-o", folder)
        run(*words, "--name", "m", "-c", catalogue)
    printed = run("leaderboard", "-c", catalogue, "--no-published")
    assert printed.count("| model ") == 2
    assert "replay:one@" in printed
    assert "0.6667" in printed
