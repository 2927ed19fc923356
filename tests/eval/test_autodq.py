# ruff: noqa: E501  (rows as they are in files)
"""AutoDQ's two protocols, with toy judges whose verdicts are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eval.autodq.official_answers import BadAnswer, read_events, read_labels
from eval.errors import EvalError
from eval.judges.answers import UnusableAnswer, read_open_events, read_open_labels
from eval.prompts.library import Prompt, original, ours
from media.synthetic.stories import make_story
from tests.eval.running import run, scores_of, write_rows


def transcript(file: Path, answers: dict[tuple[str, str], list[str]]) -> str:
    """A replay judge of these answers by (sample, stage)."""
    rows = [
        {"sample": sample, "stage": stage, "responses": [{"content": text} for text in texts]}
        for (sample, stage), texts in answers.items()
    ]
    return f"replay:{write_rows(file, rows)}"


def scored(tmp_path: Path, rows: list[dict[str, Any]], answers: dict[tuple[str, str], list[str]], protocol: str) -> Any:
    judge = transcript(tmp_path / "t.jsonl", answers)
    predictions = write_rows(tmp_path / "p.jsonl", rows)
    run("autodq", "-p", predictions, "-j", judge, "--protocol", protocol, "-o", tmp_path / "out")
    return scores_of(tmp_path / "out")


def row(idx: int, prediction: str | None, events: list[str], dataset: str = "D/a") -> dict[str, Any]:
    return {"idx": idx, "dataset": dataset, "prediction": prediction, "reference": "A dog runs.", "events": events}


NOTHING = {
    ("D/a_1", "extract_pred"): ['{"events": []}'],
    ("D/a_1", "recall"): ['{"events": [{"relationship": "neutral"}]}'],
}


def test_official_gives_a_point_for_an_empty_list_and_says_so(tmp_path: Path) -> None:
    answers = NOTHING | {("D/a_1", "precision"): ['{"events": [{"relationship": "contradiction"}]}']}
    scores = scored(tmp_path, [row(1, "A dog.", ["a dog runs"])], answers, "official")
    assert (scores["overall"]["recall"], scores["overall"]["precision"]) == (0.0, 1.0)
    assert scores["free_points"] == {"recall": 0, "precision": 1}


def test_open_gives_no_point_for_an_empty_list(tmp_path: Path) -> None:
    scores = scored(tmp_path, [row(1, "A dog.", ["a dog runs"])], NOTHING, "open")
    assert (scores["overall"]["recall"], scores["overall"]["precision"]) == (0.0, 0.0)
    assert scores["free_points"] == {"recall": 0, "precision": 0}


def test_open_has_nothing_to_recall_where_the_annotators_saw_no_event(tmp_path: Path) -> None:
    answers = {
        ("D/a_1", "extract_pred"): ['{"events": ["a dog runs"]}'],
        ("D/a_1", "precision"): ['{"0": "entailment"}'],
    }
    scores = scored(tmp_path, [row(1, "A dog runs.", [])], answers, "open")
    assert (scores["samples"][0]["recall"], scores["samples"][0]["precision"]) == (None, 1.0)


def test_open_counts_a_failed_prediction_as_a_failed_row_and_an_empty_one_as_nothing_said(tmp_path: Path) -> None:
    rows = [row(1, "<error>", ["x runs"]), row(2, "", ["x runs"]), row(3, None, ["x runs"])]
    scores = scored(tmp_path, rows, {}, "open")
    found = [(s["failure"], s["recall"], s["precision"]) for s in scores["samples"]]
    assert found == [("failed_prediction", None, None), (None, 0.0, 0.0), ("no_prediction", None, None)]
    assert scores["coverage"] == pytest.approx(1 / 3)


def test_means_are_macro_over_subsets_and_f1_is_of_the_means(tmp_path: Path) -> None:
    # a: recalls 1 and 0, mean 1/2; b: 1. Recall (1/2 + 1) / 2 = 3/4, precision 1/2: F1 = 2 * 3/8 / (5/4) = 0.6
    rows = [row(1, "x", ["e"]), row(2, "x", ["e"]), row(3, "x", ["e"], "D/b")]
    labels = {1: ("entailment", "neutral"), 2: ("neutral", "neutral"), 3: ("entailment", "entailment")}
    answers = {}
    for idx, (recall, precision) in labels.items():
        key = f"D/{'b' if idx == 3 else 'a'}_{idx}"
        answers[key, "extract_pred"] = ['{"events": ["f"]}']
        answers[key, "recall"], answers[key, "precision"] = [json.dumps({"0": recall})], [json.dumps({"0": precision})]
    overall = scored(tmp_path, rows, answers, "open")["overall"]
    assert (overall["recall"], overall["precision"]) == (0.75, 0.5)
    assert overall["f1"] == pytest.approx(0.6)


def test_predictions_meet_the_references_of_another_file_by_idx(tmp_path: Path) -> None:
    references = write_rows(tmp_path / "r.jsonl", [row(7, None, ["a dog runs"], "DREAM/youtube")])
    predictions = write_rows(tmp_path / "p.jsonl", [{"idx": 7, "prediction": "A dog runs."}])
    answers = {
        ("DREAM/youtube_7", "extract_pred"): ['{"events": ["a dog runs"]}'],
        ("DREAM/youtube_7", "recall"): ['{"0": "entailment"}'],
        ("DREAM/youtube_7", "precision"): ['{"0": "entailment"}'],
    }
    judge = transcript(tmp_path / "t.jsonl", answers)
    run("autodq", "-p", predictions, "-r", references, "-j", judge, "-o", tmp_path / "out")
    assert scores_of(tmp_path / "out")["overall"]["f1"] == 1.0


@pytest.mark.parametrize(
    ("answer", "labels"),
    [
        ('{"0": "entailment", "1": "neutral"}', ["entailment", "neutral"]),
        ('{"1": "neutral", "0": "Entailment "}', ["entailment", "neutral"]),
        ('{"labels": [{"i": 1, "label": "neutral"}, {"i": 0, "label": "entailment"}]}', ["entailment", "neutral"]),
        ('Sure!\n```json\n{"0": "entailment", "1": "neutral"}\n```', ["entailment", "neutral"]),
        ('{"events": [{"relationship": "entailment"}, {"relationship": "neutral"},]}', ["entailment", "neutral"]),
    ],
)
def test_open_reads_labels_by_their_number(answer: str, labels: list[str]) -> None:
    assert read_open_labels(answer, 2) == labels


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ('{"0": "entailment"}', "wrong_count"),
        ('{"0": "entailment", "1": "neutral", "2": "neutral"}', "wrong_count"),
        ('[{"i": 0, "label": "neutral"}, {"i": 0, "label": "neutral"}]', "wrong_count"),
        ('{"0": "entailment", "1": "maybe"}', "bad_label"),
        ('{"0": "entailment", "1": null}', "bad_label"),
        ("I cannot do that.", "not_parsed"),
        ('{"0": "entailment", "1": "neu', "not_parsed"),
        ("[" * 100_000, "not_parsed"),
    ],
)
def test_open_refuses_what_leaves_a_label_open(answer: str, reason: str) -> None:
    with pytest.raises(UnusableAnswer) as error:
        read_open_labels(answer, 2)
    assert error.value.reason == reason


def test_open_keeps_each_event_once() -> None:
    assert read_open_events('{"events": ["A dog runs", " a dog runs", "", "b"]}') == ["A dog runs", "b"]


@pytest.mark.parametrize(
    "answer", ['\n```json\n{"events": ["a"]}\n```', "{'events': 'a'}", "{'events': [1]}", "(" * 5_000]
)
def test_official_fails_where_the_original_fails(answer: str) -> None:
    with pytest.raises(BadAnswer):
        read_events(answer)


def test_official_repairs_what_the_original_repairs() -> None:
    answer = '```json\n"events": [{"relationship": "Entailment ", "sure": True} {"relationship": "neutral", "reason": [Placeholder],},]'
    assert read_labels(answer, 2) == ["entailment", "neutral"]


def test_a_prompt_is_filled_in_one_pass() -> None:
    assert Prompt("x", 'Say {caption} as {"events": []}').fill(caption="{events}") == 'Say {events} as {"events": []}'


def test_the_originals_prompts_are_read_from_a_copy_and_never_run(tmp_path: Path) -> None:
    folder = tmp_path / "evaluation" / "metrics"
    folder.mkdir(parents=True)
    (folder / "evaluate_dream_gpt.py").write_text(
        "raise SystemExit\n"
        "def call_azure_gpt_api(events, reference, prediction, model):\n"
        "    return dict(messages=[{'role': 'user', 'content': 'About ' f'{prediction}: {events} ' '{\"events\": 1}'}])\n"
        "def call_azure_gpt_api_for_events(caption, model):\n"
        "    return {'content': f'List {caption}'}\n"
    )
    prompts = original(tmp_path)
    assert prompts["autodq-entail"].fill(description="d", events="['e']") == "About d: ['e'] {\"events\": 1}"
    assert prompts["autodq-extract"].text == "List {caption}"
    assert prompts["autodq-entail"].sha256 != ours()["autodq-entail"].sha256


def test_a_folder_without_the_originals_is_named(tmp_path: Path) -> None:
    with pytest.raises(EvalError, match=r"holds no evaluation/metrics/evaluate_dream_gpt\.py"):
        original(tmp_path)


def test_rules_judge_the_made_world_exactly_and_refuse_other_text(tmp_path: Path) -> None:
    caption = make_story(0).caption
    events = [event.text for event in caption.events]
    first = (
        f"{caption.text.split('. ')[0]}. {events[0][0].upper()}{events[0][1:]}."  # tells the first of the events only
    )
    rows = [
        {"idx": 1, "dataset": "Stories/a", "prediction": caption.text, "reference": caption.text, "events": events},
        {"idx": 2, "dataset": "Stories/a", "prediction": first, "reference": caption.text, "events": events},
        {"idx": 3, "dataset": "Stories/a", "prediction": "A nice film.", "reference": caption.text, "events": events},
    ]
    run("autodq", "-p", write_rows(tmp_path / "p.jsonl", rows), "-j", "rules", "-o", tmp_path / "out")
    found = [(s["recall"], s["precision"], s["failure"]) for s in scores_of(tmp_path / "out")["samples"]]
    assert found == [(1.0, 1.0, None), (pytest.approx(1 / len(events)), 1.0, None), (None, None, "not_in_grammar")]


def test_the_originals_grading_prompts_are_read_too_and_named_by_their_hash(tmp_path: Path) -> None:
    folder = tmp_path / "evaluation" / "metrics"
    folder.mkdir(parents=True)
    (folder / "evaluate_qa_oe_gpt.py").write_text(
        "def call_azure_gpt_api(question, answer, prediction, model):\n"
        "    return send(messages=[{'role': 'system', 'content': 'You ' 'grade.'},\n"
        "        {'role': 'user', 'content': f'{question} {answer} ' f'{prediction} as ' \"{'pred': 'yes'}\"}])\n"
    )
    rows = [{"idx": 1, "dataset": "MSVD-QA-val", "question": "Who?", "prediction": "a man", "reference": "man"}]
    answers = {("MSVD-QA-val_1", "answer"): ["{'pred': 'yes', 'score': 4}"]}
    judge = transcript(tmp_path / "t.jsonl", answers)
    predictions = write_rows(tmp_path / "p.jsonl", rows)
    words = ("answers", "-b", "msvd-qa", "-p", predictions, "-j", judge)
    run(*words, "--prompts", tmp_path, "-o", tmp_path / "theirs")
    run(*words, "-o", tmp_path / "ours")
    theirs, own = (scores_of(tmp_path / name)["prompts"] for name in ("theirs", "ours"))
    wanted = {"qa-system": "You grade.", "qa-grade": "{question} {answer} {prediction} as {'pred': 'yes'}"}
    assert {name: one["sha256"] for name, one in theirs.items()} == {
        name: Prompt("", text).sha256 for name, text in wanted.items()
    }
    assert theirs["qa-grade"]["sha256"] != own["qa-grade"]["sha256"]
