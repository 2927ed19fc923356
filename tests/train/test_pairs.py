"""Preferences: corruptions as the paper has them, answers, and which pairs are kept."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.catalogue import Catalogue
from engine.door import WrongUse
from engine.write import write
from train.build_samples import SampleRule, build_samples
from train.cli import pairs
from train.metrics import read
from train.network.loading import load_for_training
from train.preferences.choose import PairRule, choose_pairs
from train.preferences.corruptions import CORRUPTIONS, corrupted
from train.preferences.generate import AnswerRule, write_answers
from train.run import RunOptions, train
from train.settings import Adapter, Part, Preference, Recipe
from train.small_world.scoring import score_of, scored_captions, told
from train.small_world.shelf import add_stories


def test_switching_changes_the_places_of_two_quarters() -> None:
    for seed in range(20):
        found = corrupted("switch", 0, 15, 16, Random(seed))
        quarters = [found[start : start + 4] for start in (0, 4, 8, 12)]
        assert sorted(found) == list(range(16))
        assert sum(quarter != list(range(4 * n, 4 * n + 4)) for n, quarter in enumerate(quarters)) == 2
        assert all(quarter == list(range(quarter[0], quarter[0] + 4)) for quarter in quarters)


def test_reversing_turns_a_run_of_at_least_half() -> None:
    for seed in range(20):
        found = corrupted("reverse", 10, 25, 16, Random(seed))
        moved = [place for place, frame in enumerate(found) if frame != 10 + place]
        run = found[moved[0] : moved[-1] + 1]
        assert run == sorted(run, reverse=True)
        assert len(run) >= 8
        assert sorted(found) == list(range(10, 26))


def test_cropping_looks_at_half_of_the_duration_with_as_many_frames() -> None:
    for seed in range(20):
        found = corrupted("crop", 0, 99, 16, Random(seed))
        assert len(found) == 16
        assert found == sorted(found)
        assert found[-1] - found[0] == 49  # 50 frames, both ends included


def test_dropping_leaves_half_of_the_frames_in_order() -> None:
    found = corrupted("drop", 0, 15, 16, Random(0))
    assert len(found) == 8
    assert found == sorted(set(found))


@pytest.mark.parametrize("total", range(4, 20))
def test_every_length_can_be_corrupted_and_differs(total: int) -> None:
    for kind in CORRUPTIONS:
        for seed in range(5):
            found = corrupted(kind, 0, total - 1, 16, Random(seed))
            assert found != list(range(min(total, 16)))
            assert all(0 <= frame < total for frame in found)


def test_a_clip_of_three_frames_is_too_short() -> None:
    with pytest.raises(ValueError, match="3 frames is too short to corrupt; it needs 4"):
        corrupted("drop", 0, 2, 16, Random(0))


def test_exact_events_are_counted_both_ways() -> None:
    truth = "There is a red bar. The red bar grows. Then the camera zooms in."
    one = told("There is a red bar. The red bar grows. Then the red bar moves left. Then the camera pans left.", truth)
    assert (one.said, one.right, one.true, one.found) == (3, 1, 2, 1)
    lost = told("a video", truth)
    assert (lost.said, lost.true, lost.in_grammar) == (0, 2, False)
    score = score_of([one, lost])
    assert (score.precision, score.recall) == (pytest.approx(1 / 3), pytest.approx(1 / 4))
    assert score.f1 == pytest.approx(2 * (1 / 3) * (1 / 4) / (1 / 3 + 1 / 4))
    assert score.f1_low <= score.f1 <= score.f1_high


@pytest.fixture
def answered(tmp_path: Path, checkpoints: dict[str, Path]) -> Catalogue:
    """Six stories with answers of an untrained network to true and corrupted clips."""
    catalogue = Catalogue.open(tmp_path / "catalogue", create=True)
    add_stories(catalogue, range(6))
    build_samples(catalogue, SampleRule("stories", kinds=("given",)))
    counts = write_answers(catalogue, load_for_training(checkpoints["tarsier2"], "cpu"), rule())
    assert counts == {"preference_true": 6, "preference_corrupted": 6}
    return catalogue


def rule() -> AnswerRule:
    return AnswerRule("stories", max_new_tokens=6, temperature=1.0, top_p=1.0)


def test_answers_and_pairs_are_written_once_and_learned_from(
    answered: Catalogue, checkpoints: dict[str, Path], recipe: Recipe, tmp_path: Path
) -> None:
    again = write_answers(answered, load_for_training(checkpoints["tarsier2"], "cpu"), rule())
    assert again == {"known": 12}
    counts = choose_pairs(answered, PairRule("prefer", "stories"), None)
    assert counts["pairs"] >= 4
    assert choose_pairs(answered, PairRule("prefer", "stories"), None)["known"] == counts["pairs"]
    asked = replace(
        recipe, objective="dpo", mixture=(Part("prefer"),), steps=12, batch=counts["pairs"], preference=Preference(0.5),
        adapter=Adapter(rank=4, alpha=8), optimiser=replace(recipe.optimiser, lr=1e-2, warmup_steps=1),
    )  # fmt: skip
    train(answered, asked, RunOptions(checkpoints["tarsier2"], tmp_path / "out"), lambda _: None)
    rows = read(tmp_path / "out")
    assert rows[0]["loss"] == pytest.approx(0.6931, abs=1e-3)  # log 2: the policy still is the reference
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert rows[-1]["parts"]["margin"] > 0


def test_all_weights_learn_from_pairs_with_a_reference_computed_before(
    answered: Catalogue, checkpoints: dict[str, Path], recipe: Recipe, tmp_path: Path
) -> None:
    count = choose_pairs(answered, PairRule("prefer", "stories"), None)["pairs"]
    asked = replace(
        recipe, objective="dpo", mixture=(Part("prefer"),), steps=6, batch=count, preference=Preference(0.5),
        optimiser=replace(recipe.optimiser, lr=1e-3, warmup_steps=1),
    )  # fmt: skip
    out = tmp_path / "all"
    train(answered, asked, RunOptions(checkpoints["tarsier2"], out), lambda _: None)
    rows = read(out)
    assert rows[0]["loss"] == pytest.approx(math.log(2), abs=1e-5)  # the policy still is the reference
    assert rows[-1]["loss"] < rows[0]["loss"]
    (part,) = (out / "reference").iterdir()
    assert pq.read_table(part).num_rows == count
    # with an adapter both ways to the reference are one
    lora = replace(asked, adapter=Adapter(rank=4, alpha=8), steps=3)
    for name, precomputed in (("before", True), ("without", False)):
        own = replace(lora, preference=Preference(0.5, precomputed=precomputed))
        train(answered, own, RunOptions(checkpoints["tarsier2"], tmp_path / name), lambda _: None)
    before, without = ([row["loss"] for row in read(tmp_path / name)] for name in ("before", "without"))
    assert before == pytest.approx(without, abs=1e-6)


def test_a_reference_that_was_cut_short_goes_on(
    answered: Catalogue, checkpoints: dict[str, Path], recipe: Recipe, tmp_path: Path
) -> None:
    choose_pairs(answered, PairRule("prefer", "stories"), None)
    asked = replace(recipe, objective="dpo", mixture=(Part("prefer"),), steps=2, preference=Preference())
    said: list[str] = []
    train(answered, asked, RunOptions(checkpoints["tarsier2"], tmp_path / "out"), said.append)
    (part,) = (tmp_path / "out" / "reference").iterdir()
    whole = pq.read_table(part)
    pq.write_table(whole.slice(1), part)
    train(answered, asked, RunOptions(checkpoints["tarsier2"], tmp_path / "out", resume=True), said.append)
    assert [line for line in said if line.startswith("reference")][1:] == ["reference: 1 pairs before the first step"]
    found = [row for path in (tmp_path / "out" / "reference").iterdir() for row in pq.read_table(path).to_pylist()]
    logprobs = {row["sample_id"]: (row["chosen"], row["rejected"]) for row in found}
    for row in whole.to_pylist():
        assert logprobs[row["sample_id"]] == pytest.approx((row["chosen"], row["rejected"]), abs=1e-4)


def test_pairs_are_kept_by_the_judges_gains(answered: Catalogue, tmp_path: Path) -> None:
    with answered.connect() as connection:
        sql = """select worse.caption_id, better.caption_id from captions worse
            join captions better on better.caption_id = worse.parents[1] where worse.text <> better.text order by 1"""
        ids = connection.execute(sql).fetchall()
    # gains in (recall, precision): clearly better; exactly 0.3; too little; better and worse
    gains = [(0.4, 0.2), (0.3, 0.0), (0.1, 0.1), (0.9, -0.1)]
    scores = []
    for (worse, better), (recall, precision) in zip(ids, gains, strict=False):
        scores.append({"caption_id": worse, "recall": 0.05, "precision": 0.25})
        scores.append({"caption_id": better, "recall": 0.05 + recall, "precision": 0.25 + precision})
    pq.write_table(pa.Table.from_pylist(scores), tmp_path / "scores.parquet")
    counts = choose_pairs(answered, PairRule("judged", "stories"), tmp_path / "scores.parquet")
    assert counts["pairs"] == 2
    assert counts["not clearly better"] == 2
    assert counts["without scores"] == len(ids) - 4


def test_two_datasets_may_hold_the_same_pair(answered: Catalogue) -> None:
    for dataset in ("one", "other"):
        count = choose_pairs(answered, PairRule(dataset, "stories"), None)["pairs"]
    with answered.connect() as connection:
        held = connection.execute("select dataset, count(*) from pairs group by 1 order by 1").fetchall()
    assert held == [("one", count), ("other", count)]


def test_of_several_answers_the_best_and_the_worst_that_are_clearly_apart_become_a_pair(
    tmp_path: Path, checkpoints: dict[str, Path]
) -> None:
    catalogue = Catalogue.open(tmp_path / "catalogue", create=True)
    add_stories(catalogue, range(3))
    build_samples(catalogue, SampleRule("stories", kinds=("given",)))
    model = load_for_training(checkpoints["tarsier2"], "cpu")
    asked = replace(rule(), answers=4)
    assert write_answers(catalogue, model, asked) == {"preference_sampled": 12}
    assert write_answers(catalogue, model, asked) == {"known": 12}
    with catalogue.connect() as connection:
        sql = """select split_part(prompt_id, ':', 1) as sample, list(caption_id order by caption_id),
            list(text order by caption_id) from captions where kind = 'preference_sampled' group by 1 order by 1"""
        films = connection.execute(sql).fetchall()
    assert all(len(set(texts)) > 1 for _, _, texts in films)  # they are samples, not one answer four times
    scores = [  # recall and precision of each film's four answers, in the order of their ids
        [(0.5, 0.5), (1.0, 1.0), (0.0, 0.5), (0.5, 0.0)],  # the last two are 1.5 below the best: the first of them
        [(1.0, 0.2), (0.2, 1.0), (0.8, 0.2), (0.9, 0.2)],  # 1 and 2 differ most, but not in one direction
        [(0.5, 0.5), (0.5, 0.6), (0.6, 0.6), (0.5, 0.5)],  # 0.2 is not enough
    ]
    rows = [
        {"caption_id": name, "recall": recall, "precision": precision}
        for (_, names, _), some in zip(films, scores, strict=True)
        for name, (recall, precision) in zip(names, some, strict=True)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "scores.parquet")
    chosen = choose_pairs(catalogue, PairRule("own", "stories", 0.2 + 1e-6), tmp_path / "scores.parquet")
    assert chosen == {"pairs": 1, "not clearly better": 2}
    with catalogue.connect() as connection:
        columns = "chosen, rejected, reason, recall_gain, precision_gain"
        (pair,) = connection.execute(f"select {columns} from pairs").fetchall()
    assert pair == (films[0][2][1], films[0][2][2], "sampled", 1.0, 0.5)
    # without a judge nobody knows which of them is better
    assert choose_pairs(catalogue, PairRule("own", "stories"), None) == {"sampled answers need scores": 3}


def test_several_answers_are_sampled() -> None:
    with pytest.raises(ValueError, match="answers must be >= 2, got 1"):
        AnswerRule("stories", answers=1)
    with pytest.raises(ValueError, match="at temperature 0 are all the same"):
        AnswerRule("stories", answers=4, temperature=0.0)
    with pytest.raises(ValueError, match=r"top_p must be in \(0, 1\], got 0"):
        AnswerRule("stories", top_p=0)
    with pytest.raises(WrongUse, match="shows clips as they are and needs --scores"):
        pairs("catalogue", "own", "stories", answers=4, reward_free=True)


def test_a_table_without_scores_is_refused(answered: Catalogue, tmp_path: Path) -> None:
    pq.write_table(pa.table({"caption_id": ["a"]}), tmp_path / "bad.parquet")
    with pytest.raises(WrongUse, match="must be Parquet or CSV with caption_id, recall, precision"):
        choose_pairs(answered, PairRule("judged", "stories"), tmp_path / "bad.parquet")
    pq.write_table(pa.table({"caption_id": ["a"], "recall": [2.0], "precision": [0.0]}), tmp_path / "bad.parquet")
    with pytest.raises(WrongUse, match=r"must lie in 0\.\.1"):
        choose_pairs(answered, PairRule("judged", "stories"), tmp_path / "bad.parquet")


def test_the_small_worlds_judge_scores_captions_against_the_truth(answered: Catalogue) -> None:
    with answered.connect() as connection:
        row = connection.sql("select * from captions where kind = 'given' order by 1 limit 1").to_arrow_table()
    (caption,) = row.to_pylist()
    write(answered, {"captions": [caption | {"caption_id": "same", "kind": "raw", "model": "parrot"}]}, stage="test")
    assert scored_captions(answered, "c.model = 'parrot'") == [{"caption_id": "same", "recall": 1.0, "precision": 1.0}]
