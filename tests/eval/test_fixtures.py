"""Every number that the original scripts gave for the reference fixtures; any folder of the same form will do.

LONGTAKE_FIXTURES names the folder; by default it is ../shared/fixtures.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from eval.choices.official import Branch, is_correct, read_letter
from eval.metrics.bleu import bleu
from eval.metrics.cider import cider
from eval.metrics.rouge import rouge_l
from eval.metrics.tokens import all_caption_tokens, caption_tokens
from eval.rows import read_rows
from tests.eval.conftest import FIXTURES
from tests.eval.running import run, scores_of

SCORE, METRIC = 1e-9, 1e-6


def files(pattern: str) -> list[Path]:
    return sorted(FIXTURES.glob(pattern)) if FIXTURES.is_dir() else []


def load(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def name_of(value: Any) -> str:
    return str(value.relative_to(FIXTURES)) if isinstance(value, Path) else str(value)


def is_close(ours: float | None, theirs: float | None, tolerance: float) -> bool:
    """An F1 of two zeros is 0 here and not a number there."""
    if theirs is None or math.isnan(theirs):
        return ours is None or ours == 0
    return ours is not None and abs(ours - theirs) <= tolerance


AUTODQ = [
    (predictions, predictions.with_name(predictions.name.replace("predictions", "expected")).with_suffix(".json"))
    for transcript in files("autodq/**/judge_transcript.jsonl")
    for predictions in sorted(transcript.parent.glob("predictions*.jsonl"))
]
CHOICES = [
    (file, name) for file in files("mcqa/expected.json") for name in load(file) if not name.startswith("parser_table")
]
PARSED = [
    (file, branch, place)
    for file in files("mcqa/expected.json")
    for branch in ("tarsier", "tarsier2")
    for place in range(len(load(file).get(f"parser_table_{branch}", ())))
]
TOKENIZED = [
    (file, place) for file in files("captions/tokenizer_cases.json") for place in range(len(load(file)["strings"]))
]
without = pytest.mark.skipif(not FIXTURES.is_dir(), reason=f"no reference fixtures in {FIXTURES}")


@without
def test_there_are_fixtures_of_every_kind() -> None:
    assert AUTODQ
    assert CHOICES
    assert PARSED
    assert TOKENIZED
    assert files("captions/expected.json")


@pytest.fixture(scope="session")
def autodq_results(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, tuple[dict[str, Any], str]]:
    """scores.json and the tables of each file of predictions, made once."""
    results = {}
    for predictions, _ in AUTODQ:
        out = tmp_path_factory.mktemp("autodq")
        judge = f"replay:{predictions.with_name('judge_transcript.jsonl')}"
        run("autodq", "--predictions", predictions, "--judge", judge, "--protocol", "official", "--out", out)
        results[predictions] = scores_of(out), (out / "tables.txt").read_text(encoding="utf-8")
    return results


@pytest.mark.parametrize(("predictions", "expected"), AUTODQ, ids=name_of)
def test_official_autodq_gives_every_sample_the_originals_scores(
    predictions: Path, expected: Path, autodq_results: dict[Path, tuple[dict[str, Any], str]]
) -> None:
    ours = {sample["idx"]: sample for sample in autodq_results[predictions][0]["samples"]}
    theirs = load(expected)["per_sample"]
    assert set(ours) == {sample["idx"] for sample in theirs}
    for sample in theirs:
        found = ours[sample["idx"]]
        assert found["success"] == sample["success"], sample["idx"]
        if sample["success"]:
            assert is_close(found["recall"], sample["recall"], SCORE), sample["idx"]
            assert is_close(found["precision"], sample["precision"], SCORE), sample["idx"]
            assert found["hit_num_recall"] == sample["hit_num_recall"]
            assert found["hit_num_precision"] == sample["hit_num_precision"]
            for side in ("relations_recall", "relations_precision"):
                assert found[side] == [label.strip().lower() for label in sample[side]]


@pytest.mark.parametrize(("predictions", "expected"), AUTODQ, ids=name_of)
def test_official_autodq_gives_the_originals_means(
    predictions: Path, expected: Path, autodq_results: dict[Path, tuple[dict[str, Any], str]]
) -> None:
    ours, theirs = autodq_results[predictions][0], load(expected)
    assert set(ours["subsets"]) == set(theirs["per_subtask"])
    groups = [(ours["overall"], theirs["overall"])]
    groups += [(ours["subsets"][name], figures) for name, figures in theirs["per_subtask"].items()]
    for found, wanted in groups:
        assert (found["success"], found["failed"]) == (wanted["success"], wanted["failed"])
        for metric in ("f1", "recall", "precision"):
            assert is_close(found[metric], wanted.get(metric), SCORE)
    for name, bucket in theirs["buckets"].items():
        for label, wanted in bucket["full"].items():
            found = ours["buckets"][name][label]
            assert found["count"] == wanted["count"]
            for metric in ("f1", "recall", "precision"):
                assert is_close(found[metric], wanted[metric], SCORE), (name, label)


@pytest.mark.parametrize(("predictions", "expected"), AUTODQ, ids=name_of)
def test_official_autodq_prints_the_originals_tables(
    predictions: Path, expected: Path, autodq_results: dict[Path, tuple[dict[str, Any], str]]
) -> None:
    theirs = expected.with_name(expected.stem + "_tables.txt").read_text(encoding="utf-8")
    ours = autodq_results[predictions][1]
    if "nan" not in theirs:
        assert ours.rstrip("\n") == theirs.rstrip("\n")
    words = zip(re.findall(r"[^\s|+]+", ours), re.findall(r"[^\s|+]+", theirs), strict=True)
    rules = re.compile(r"-+")
    assert all(mine == yours or (mine, yours) == ("0.0", "nan") or rules.fullmatch(mine) for mine, yours in words)


@pytest.mark.parametrize(("file", "name"), CHOICES, ids=name_of)
def test_official_choices_give_the_originals_accuracy_and_lines(file: Path, name: str, tmp_path: Path) -> None:
    wanted = load(file)[name]
    predictions = file.with_name(f"predictions_{name}.jsonl")
    crashed = "error" in wanted  # the original could not read these rows; they are another file's without one key
    if not predictions.is_file():
        assert crashed
        predictions = file.with_name(f"predictions_{name.removesuffix('_plain')}_with_idx.jsonl")
    benchmark = {"FAVOR-Bench": "favor", "Next-QA-val-multi_choice": "next-qa"}.get(wanted["dataset"])
    words = ("--benchmark", benchmark or wanted["dataset"].lower(), "--predictions", predictions)
    printed = run("choices", *words, "--protocol", "official", "--out", tmp_path)
    if crashed:
        assert printed.splitlines()[: len(wanted["printed_lines"])] == wanted["printed_lines"]
    else:
        assert printed.rstrip("\n").split("\n") == wanted["printed_lines"]
    scores = scores_of(tmp_path)
    assert (scores["overall"]["success"], scores["overall"]["failed"]) == (wanted["success"], wanted["failed"])
    if "accuracy_percent_1_decimal" in wanted:
        assert round(scores["overall"]["accuracy"] * 100, 1) == wanted["accuracy_percent_1_decimal"]
    found = {sample["idx"]: [sample["success"], sample["correct"]] for sample in scores["samples"]}
    # the original's mark of a right answer says nothing where it read none
    assert found == {idx: [parsed, parsed and correct] for idx, parsed, correct in wanted["per_sample"]}


@pytest.mark.parametrize(("file", "branch", "place"), PARSED, ids=name_of)
def test_official_letters_are_read_as_the_original_reads_them(file: Path, branch: Branch, place: int) -> None:
    case = load(file)[f"parser_table_{branch}"][place]
    letter = read_letter(case["prediction"], branch)
    correct = letter is not None and is_correct(case["prediction"], case["reference"], branch)
    assert (letter, letter is not None, correct) == (case["parsed"], case["success"], case["correct"])


@pytest.mark.parametrize("file", files("captions/expected.json"), ids=name_of)
def test_captions_have_the_originals_scores_end_to_end(file: Path, tmp_path: Path) -> None:
    wanted = load(file)
    printed = run("captions", "--predictions", file.with_name("predictions.jsonl"), "--out", tmp_path)
    assert [line for line in wanted["printed"] if line not in printed.splitlines()] == []
    scores = scores_of(tmp_path)
    assert scores["overall"]["success"] == wanted["n_samples"]
    assert is_close(scores["overall"]["cider"], wanted["cider"], METRIC)
    for metric in ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "ROUGE_L"):
        assert is_close(scores["overall"][metric], wanted["extra_corpus_metrics"][metric], METRIC)
    for found, sample in zip(scores["samples"], wanted["per_sample"], strict=True):
        assert (found["idx"], found["n_references"]) == (sample["idx"], sample["n_references"])
        assert found["tokenized_prediction"] == sample["tokenized_prediction"]
        for metric in ("cider", "BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "ROUGE_L"):
            assert is_close(found[metric], sample[metric], METRIC), sample["idx"]


@pytest.mark.parametrize("file", files("captions/tokenized_references.json"), ids=name_of)
def test_references_have_the_originals_tokens(file: Path) -> None:
    rows = read_rows(file.with_name("predictions.jsonl")).rows
    for place, references in load(file).items():
        assert [" ".join(tokens) for tokens in all_caption_tokens(rows[int(place)].references)] == references


@pytest.mark.parametrize("file", files("captions/small_corpora.json"), ids=name_of)
def test_metrics_on_the_originals_tokens_equal_its_own(file: Path) -> None:
    samples = load(file.with_name("expected.json"))["per_sample"]
    tokens = load(file.with_name("tokenized_references.json"))
    candidates = [sample["tokenized_prediction"].split() for sample in samples]
    references = [[text.split() for text in tokens[str(place)]] for place in range(len(samples))]
    for corpus in load(file):
        number = corpus["first_n_samples"]
        scores = cider(candidates[:number], references[:number])
        assert is_close(float(scores.mean()), corpus["cider"], METRIC)
        assert all(is_close(a, b, METRIC) for a, b in zip(scores.tolist(), corpus["per_sample"], strict=True))
    blue, rouge = bleu(candidates, references), rouge_l(candidates, references)
    for place, sample in enumerate(samples):
        assert is_close(rouge[place], sample["ROUGE_L"], METRIC)
        assert all(is_close(blue.per_sample[place][n], sample[f"BLEU-{n + 1}"], METRIC) for n in range(4))


@pytest.mark.parametrize(("file", "place"), TOKENIZED, ids=name_of)
def test_a_string_has_the_originals_tokens(file: Path, place: int) -> None:
    case = load(file)["strings"][place]
    assert " ".join(caption_tokens(case["text"])) == case["tokens"]
    if "tokens_without_lowercasing_first" in case:
        assert " ".join(caption_tokens(case["text"], lower_first=False)) == case["tokens_without_lowercasing_first"]


@pytest.mark.parametrize("file", files("captions/tokenizer_cases.json"), ids=name_of)
def test_the_command_tokenize_prints_a_line_for_each_line(file: Path) -> None:
    cases = [case for case in load(file)["strings"] if "\n" not in case["text"]]
    printed = run("tokenize", stdin="".join(case["text"] + "\n" for case in cases))
    assert printed.split("\n")[:-1] == [case["tokens"] for case in cases]


@pytest.mark.parametrize("file", files("captions/tokenizer_cases.json"), ids=name_of)
def test_a_line_break_within_a_caption_does_not_move_the_others(file: Path) -> None:
    for case in load(file)["line_separator_misalignment"]:
        ours = [" ".join(caption_tokens(caption)) for caption in case["captions"]]
        assert ours[1:] == ["e f", "g h"]
        assert len(ours) == len(case["captions"])
