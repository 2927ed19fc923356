"""What an answer to a multiple-choice question means, and what the two protocols make of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eval.choices.reading import options_in, read_choice
from eval.errors import EvalError
from tests.eval.odd_answers import READ
from tests.eval.running import run, scores_of, write_rows

ODD = [(options, answer, letter) for options, letter, answers in READ for answer in answers]


def test_the_table_has_two_hundred_answers() -> None:
    assert len(ODD) >= 200


@pytest.mark.parametrize(("options", "answer", "letter"), ODD)
def test_an_odd_answer_is_read_as_a_person_reads_it(options: tuple[str, ...], answer: str, letter: str | None) -> None:
    assert read_choice(answer, options) == letter


def test_options_are_found_one_a_line() -> None:
    assert options_in("Question: What?\n(A) a cat\n(B) a dog\nAnswer with the letter.") == ["a cat", "a dog"]
    assert options_in("What?\nA. 2\nB. 3\nC. 4") == ["2", "3", "4"]
    assert options_in("What is it?") == []


def test_open_counts_an_answer_that_cannot_be_read_as_wrong_and_official_leaves_it_out(tmp_path: Path) -> None:
    rows = [
        {
            "idx": i,
            "dataset": "EgoSchema",
            "text": {"prompt": "Q\n(A) x y\n(B) z w", "response": "B", "prediction": said},
        }
        for i, said in enumerate(["B", "no idea", "The answer is B"])
    ]
    predictions = write_rows(tmp_path / "p.jsonl", rows)
    accuracies = {}
    for protocol in ("open", "official"):
        run("choices", "-b", "egoschema", "-p", predictions, "--protocol", protocol, "-o", tmp_path / protocol)
        accuracies[protocol] = scores_of(tmp_path / protocol)["overall"]
    assert accuracies["open"] == {"accuracy": pytest.approx(2 / 3), "success": 2, "failed": 1}
    assert accuracies["official"] == {"accuracy": 0.5, "success": 2, "failed": 1}  # "T" counts there, and is wrong


def test_egoschemas_full_set_has_no_answers_and_becomes_the_files_that_its_site_scores(tmp_path: Path) -> None:
    prompt = "What?\n(A) a cat\n(B) a dog\n(C) a cow"
    rows = [
        {"idx": i, "dataset": "EgoSchema", "vid": f"uid-{i}", "text": {"prompt": prompt, "prediction": said}}
        for i, said in enumerate(["C", "no idea", "(a) a cat"])
    ]
    printed = run("choices", "-b", "egoschema", "-p", write_rows(tmp_path / "p.jsonl", rows), "-o", tmp_path / "o")
    assert json.loads((tmp_path / "o" / "submission.json").read_text()) == {"uid-0": 2, "uid-2": 0}
    assert (tmp_path / "o" / "submission.csv").read_text() == "q_uid,answer\nuid-0,2\nuid-2,0\n"
    assert "1 answers could not be read" in printed
    assert "the site wants all 5,031 questions, here are 3" in printed


def test_other_rows_without_answers_are_refused(tmp_path: Path) -> None:
    predictions = write_rows(tmp_path / "p.jsonl", [{"idx": 1, "dataset": "TVBench/x", "prediction": "A"}])
    with pytest.raises(EvalError, match="hold no answers to score against"):
        run("choices", "-b", "tvbench", "-p", predictions, "-o", tmp_path / "o")
