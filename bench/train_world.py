"""What the ways to train are worth in the world of stories, where every event is judged exactly. Runs on a CPU.

python -m bench.train_world logits       a student of kept logprobs beside one of captions alone, at equal steps
python -m bench.train_world preference   DPO on a network's own answers, beside the chosen ones learned as captions
python -m bench.train_world grounding    captions that name the frames of their events, then plain ones; or only plain

Each prints JSON: values of every seed, and the difference with a 95 % interval over films, which are resampled whole
(all seeds of a film together). Held-out films tell combinations that no film of the training split shows.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from bench.measure import save
from engine.catalogue import Catalogue
from engine.views import quoted
from engine.write import write
from model.load import LoadedModel, load_model
from model.prune import prune
from schemas.ids import content_id
from train.build_samples import SampleRule, build_samples
from train.network.loading import load_for_training
from train.preferences.choose import PairRule, choose_pairs
from train.preferences.generate import AnswerRule, write_answers
from train.recipes import story_dpo, story_student, story_student_logits, story_teacher
from train.run import RunOptions, train
from train.settings import Optimiser, Part, Recipe
from train.small_world.caption import caption_stories
from train.small_world.make import STUDENT, make_tarsier2
from train.small_world.marks import with_mark_tokens
from train.small_world.scoring import scored_captions, told
from train.small_world.shelf import add_stories

TEACHER = Path(__file__).parents[1] / "assets" / "story_teacher"
RESAMPLES = 10_000
Counts = NDArray[np.float64]  # [films, 4]: events said, of them right, true events, of them found
DEFAULTS = {
    "logits": {"steps": 1_000, "seeds": 3, "films": 2_000, "held_out": 300},
    "preference": {"steps": 105, "seeds": 2, "films": 2_000, "held_out": 300},
    "grounding": {"steps": 240, "seeds": 2, "films": 400, "held_out": 600},
}
SETTINGS = ("steps", "seeds", "films", "first", "lr", "held_out", "first_held_out")
THINGS, EVENTS = 2, 2  # of a story at most
REST_S = 2.0  # of stillness in films to be grounded; where events follow at once, marks would always be the same
MET, MET_STEPS = range(200_000, 202_000), 400  # seeds of films in which a network first meets marks, and for how long
GROUNDED_PROMPT = "Describe what happens."  # in words that the small world's tokenizer has
WRONGLY = "wrong_times/train"
MARKED = SampleRule("marked", kinds=("grounded",), task="grounded", prompts=(GROUNDED_PROMPT,))


def main() -> int:
    """Runs one experiment; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.train_world", description="What ways to train are worth.")
    parser.add_argument("experiment", choices=tuple(EXPERIMENTS))
    parser.add_argument("--steps", type=int, help="of each run; default: the experiment's")
    parser.add_argument("--seeds", type=int, help="runs a way; default: the experiment's")
    parser.add_argument("--films", type=int, help="to learn from; default: the experiment's")
    parser.add_argument("--first", type=int, default=0, help="seed of the first film to learn from (0)")
    parser.add_argument("--lr", type=float, help="peak learning rate; default: the experiment's")
    parser.add_argument("--held-out", type=int, help="films to be judged on; default: the experiment's")
    parser.add_argument("--first-held-out", type=int, default=0, help="seed of the first film to be judged on (0)")
    parser.add_argument("--teacher", type=Path, default=TEACHER, help="checkpoint that speaks the grammar")
    parser.add_argument("--corrupted", action="store_true", help="preference: also with pairs of corrupted films")
    parser.add_argument("--folder", type=Path, help="where it works, and goes on; default: one that is removed")
    asked = parser.parse_args()
    for name, value in DEFAULTS[asked.experiment].items():
        if getattr(asked, name) is None:
            setattr(asked, name, value)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        catalogue = Catalogue.open(folder / "catalogue", create=True)
        films = range(asked.first, asked.first + asked.films)
        rest_s = REST_S if asked.experiment == "grounding" else 0.0
        limits: dict[str, Any] = {"max_things": THINGS, "max_events": EVENTS}
        if rest_s:
            add_stories(catalogue, MET, grounded=True, **limits)
        limits["max_rest_s"] = rest_s
        add_stories(catalogue, films, grounded=rest_s > 0, **limits)
        held_out = range(asked.first_held_out, asked.first_held_out + asked.held_out)
        add_stories(catalogue, held_out, "held_out", **limits)
        result = EXPERIMENTS[asked.experiment](catalogue, folder, asked)
    settings = {name: getattr(asked, name) for name in SETTINGS}
    save(f"train_world_{asked.experiment}", settings | result)
    print(json.dumps(settings | result))
    return 0


def logits(catalogue: Catalogue, folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Two students from the same random weights: what the teacher wrote, and its likeliest tokens as well."""
    caption_stories(catalogue, load_model(asked.teacher), "teacher", "train")
    build_samples(catalogue, SampleRule("taught", where="model = 'teacher'"))
    ways = {"sequence": story_student(), "logits": story_student_logits()}

    def start(seed: int) -> Path:
        untrained = folder / f"untrained-{seed}"
        return untrained if untrained.is_dir() else make_tarsier2(untrained, STUDENT, seed)

    counts = {
        name: [_trained(catalogue, folder, f"{name}-{seed}", _own(recipe, ("taught",), seed, asked), start(seed))
               for seed in range(asked.seeds)]
        for name, recipe in ways.items()
    }  # fmt: skip
    return _compared(counts, ("logits", "sequence"))


def grounding(catalogue: Catalogue, folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Tarsier2's SFT-1 and SFT-2 on few films whose events happen at any time: captions with the frames of their events
    beside plain ones and then plain ones, or only plain ones, of the same films in as many steps.

    A third way has marks of other films: what it gains comes of a second text for each film, and not of the times.

    All begin as one network. Tarsier2's had met grounding in its pre-training; so has this one, on other films, in
    which one event follows the other: it can write marks, and no film has told it when something happens.
    """
    truth = "model = 'truth/train' and video_key {} like '%_rests_%'"
    for name, pool in {"met": truth.format("not"), "films": truth.format("")}.items():
        build_samples(catalogue, SampleRule(name, kinds=("given",), where=pool))
        build_samples(catalogue, replace(MARKED, dataset=f"{name} marked", where=pool))
    recipe = replace(story_teacher(), optimiser=replace(story_teacher().optimiser, lr=7e-4))
    start = folder / "start" / "model"
    if not start.is_dir():
        words = folder / "words"
        source = words if words.is_dir() else with_mark_tokens(asked.teacher, words)
        met = replace(_own(recipe, ("met", "met marked"), 0, asked), steps=MET_STEPS)
        _learned(catalogue, folder, "start", met, source)
    counts: dict[str, list[Counts]] = {}
    _mark_wrongly(catalogue, truth.format(""))
    build_samples(catalogue, replace(MARKED, dataset="films marked wrongly", where=f"model = '{WRONGLY}'"))
    ways = {
        "grounded": ("films", "films marked"), "plain": ("films",), "wrong times": ("films", "films marked wrongly"),
    }  # fmt: skip
    for way, datasets in ways.items():
        for seed in range(asked.seeds):
            second = replace(recipe, optimiser=replace(recipe.optimiser, lr=3e-4))
            stages = {
                "sft1": _own(recipe, datasets, 1 + seed, asked),
                "sft2": replace(_own(second, ("films",), 11 + seed, asked), steps=max(1, asked.steps // 3)),
            }
            before = start
            for stage, own in stages.items():
                run = f"{way}-{stage}-{seed}"
                counts.setdefault(f"{way} {stage}", []).append(_trained(catalogue, folder, run, own, before))
                before = folder / run / "model"
    counts["before"] = [_judged(catalogue, start, "before")] * asked.seeds
    pairs = [
        (f"grounded {stage}", f"{other} {stage}") for other in ("plain", "wrong times") for stage in ("sft1", "sft2")
    ]
    return _compared(counts, *pairs, ("plain sft2", "before"))


def _mark_wrongly(catalogue: Catalogue, where: str) -> None:
    """Grounded captions once more, each with the times of another film's that tells as many events."""
    with catalogue.connect() as connection:
        if connection.execute(f"select 1 from captions where model = '{WRONGLY}' limit 1").fetchone():
            return
        sql = f"""select c.* from captions c join clips using (clip_id) join videos using (video_id)
            where kind = 'grounded' and {where} order by caption_id"""
        rows = connection.sql(sql).to_arrow_table().to_pylist()
    alike: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        alike.setdefault(len(row["event_texts"]), []).append(row)
    wrong = [
        row | {"caption_id": content_id(row["caption_id"], WRONGLY), "model": WRONGLY,
               "event_start_us": other["event_start_us"], "event_end_us": other["event_end_us"]}
        for films in alike.values() for row, other in zip(films, films[1:] + films[:1], strict=True)
    ]  # fmt: skip
    write(catalogue, {"captions": wrong}, stage="wrong_times")


def preference(catalogue: Catalogue, folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """The teacher without one of its layers, which makes mistakes of all kinds, learns from answers of its own that the
    judge tells apart, to films that no network has seen: the best and the worst of five (dpo), or the best ones of the
    same pairs as captions (sft). With --corrupted also one to the film as it is and one to it corrupted, as in the
    paper."""
    start = folder / "start"
    if not start.is_dir():
        prune(asked.teacher, start, layers=3)
    build_samples(catalogue, SampleRule("stories", kinds=("given",), where="model = 'truth/train'"))
    network = load_for_training(start, "cpu")
    sampled = AnswerRule("stories", answers=5, temperature=1.0, top_p=1.0, max_new_tokens=64)
    pairs = {"dpo": _pairs(catalogue, folder, network, "dpo", sampled)}
    if asked.corrupted:
        pairs["corrupted"] = _pairs(catalogue, folder, network, "corrupted", replace(sampled, answers=None))
    build_samples(catalogue, SampleRule("sft", kinds=("preference_sampled",), where=_chosen(catalogue, "dpo")))
    captions = replace(story_teacher(), optimiser=story_dpo().optimiser)
    ways = {name: story_dpo() for name in pairs} | {"sft": captions}
    runs = {
        name: [_trained(catalogue, folder, f"{name}-{seed}", _own(recipe, (name,), seed, asked), start)
               for seed in range(asked.seeds)]
        for name, recipe in ways.items()
    }  # fmt: skip
    runs["before"] = [_judged(catalogue, start, "before")] * asked.seeds
    above = [(name, "before") for name in ways] + [("dpo", "sft")]
    return _compared(runs, *above) | {"pairs": pairs}


def _pairs(catalogue: Catalogue, folder: Path, network: LoadedModel, dataset: str, rule: AnswerRule) -> dict[str, int]:
    """Writes answers, judges them, chooses pairs; how many, and why not more."""
    write_answers(catalogue, network, rule)
    kinds = "('preference_sampled')" if rule.answers else "('preference_true', 'preference_corrupted')"
    scores = folder / f"{dataset}.parquet"
    pq.write_table(pa.Table.from_pylist(scored_captions(catalogue, f"c.kind in {kinds}")), scores)
    return dict(choose_pairs(catalogue, PairRule(dataset, "stories"), scores))


def _chosen(catalogue: Catalogue, dataset: str) -> str:
    """SQL for one caption a pair that says its chosen text."""
    sql = f"""select min(c.caption_id) from captions c
        join pairs p on p.sample_id = split_part(c.prompt_id, ':', 1) and p.chosen = c.text
        where p.dataset = {quoted(dataset)} and c.kind = 'preference_sampled' group by p.pair_id order by 1"""
    with catalogue.connect() as connection:
        ids = [row[0] for row in connection.execute(sql).fetchall()]
    return f"caption_id in ({', '.join(map(quoted, ids))})"


def _own(recipe: Recipe, datasets: Sequence[str], seed: int, asked: argparse.Namespace) -> Recipe:
    warmup = min(recipe.optimiser.warmup_steps, max(1, asked.steps // 10))
    optimiser: Optimiser = replace(recipe.optimiser, warmup_steps=warmup, lr=asked.lr or recipe.optimiser.lr)
    mixture = tuple(Part(name) for name in datasets)
    return replace(recipe, mixture=mixture, steps=asked.steps, seed=seed, optimiser=optimiser)


def _trained(catalogue: Catalogue, folder: Path, name: str, recipe: Recipe, start: Path) -> Counts:
    """Trains by the recipe, or goes on with it, and judges what came of it."""
    return _judged(catalogue, _learned(catalogue, folder, name, recipe, start), name)


def _learned(catalogue: Catalogue, folder: Path, name: str, recipe: Recipe, start: Path) -> Path:
    """Trains by the recipe, or goes on with it; returns the model's folder."""
    out = folder / name
    options = RunOptions(
        start, out, resume=(out / "run.json").is_file(), cache_bytes=10**9, cache_folder=folder / "frames"
    )
    return train(catalogue, recipe, options, _say)


def _judged(catalogue: Catalogue, model: Path, name: str) -> Counts:
    """Greedy captions of the held-out films, event by event."""
    caption_stories(catalogue, load_model(model), name, "held_out", top=0)
    sql = f"""select c.text, t.text from captions c join captions t on t.clip_id = c.clip_id
        where c.model = {quoted(name)} and t.model = 'truth/held_out' and t.kind = 'given' order by c.clip_id"""
    with catalogue.connect() as connection:
        films = [told(said, true) for said, true in connection.execute(sql).fetchall()]
    return np.array([[film.said, film.right, film.true, film.found] for film in films], float)


def _compared(counts: Mapping[str, Sequence[Counts]], *pairs: tuple[str, str]) -> dict[str, Any]:
    """Scores of every run, and of all seeds together what the first way of each pair has above the second."""
    runs = {name: [_scores(one) for one in some] for name, some in counts.items()}
    summed = {name: np.stack(some).sum(axis=0) for name, some in counts.items()}
    films = len(next(iter(summed.values())))
    picks = np.random.default_rng(0).integers(0, films, (RESAMPLES, films))
    drawn = {name: [_scores(some[pick]) for pick in picks] for name, some in summed.items()}
    gains: dict[str, dict[str, dict[str, float]]] = {}
    for better, worse in pairs:
        own = gains[f"{better} - {worse}"] = {}
        for metric in ("precision", "recall", "f1"):
            differences = [one[metric] - two[metric] for one, two in zip(drawn[better], drawn[worse], strict=True)]
            low, high = np.percentile(differences, [2.5, 97.5])
            gain = _scores(summed[better])[metric] - _scores(summed[worse])[metric]
            own[metric] = {"gain": round(gain, 4), "low": round(float(low), 4), "high": round(float(high), 4)}
            print(f"{better} - {worse}, {metric}: {own[metric]}", file=sys.stderr)
    return {"runs": runs, "gains": gains}


def _scores(counts: Counts) -> dict[str, float]:
    said, right, true, found = counts.sum(axis=0)
    precision, recall = right / said if said else 0.0, found / true if true else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {"precision": round(float(precision), 4), "recall": round(float(recall), 4), "f1": round(float(f1), 4)}


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


EXPERIMENTS: dict[str, Callable[[Catalogue, Path, argparse.Namespace], dict[str, Any]]] = {
    "logits": logits, "preference": preference, "grounding": grounding,
}  # fmt: skip

if __name__ == "__main__":
    sys.exit(main())
