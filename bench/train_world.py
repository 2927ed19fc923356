"""What the ways to train are worth in the world of stories, where every event is judged exactly. Runs on a CPU.

python -m bench.train_world logits       a student of kept logprobs beside one of captions alone, at equal steps
python -m bench.train_world preference   a teacher before and after DPO on its own answers
python -m bench.train_world grounding    captions that name the frames of their events, and the same without

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
from engine.catalogue import Catalogue, now, tool_version
from engine.views import quoted
from engine.write import write
from media.synthetic.stories import StoryFilm, event_spans_us, make_story
from model.load import load_model
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
from train.small_world.scoring import scored_captions, told
from train.small_world.shelf import add_stories

TEACHER = Path(__file__).parents[1] / "assets" / "story_teacher"
RESAMPLES = 10_000
Counts = NDArray[np.float64]  # [films, 4]: events said, of them right, true events, of them found
THINGS, EVENTS = 2, 2  # of a story at most


def main() -> int:
    """Runs one experiment; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.train_world", description="What ways to train are worth.")
    parser.add_argument("experiment", choices=tuple(EXPERIMENTS))
    parser.add_argument("--steps", type=int, default=1_000, help="of each run (1000)")
    parser.add_argument("--seeds", type=int, default=3, help="runs a way (3)")
    parser.add_argument("--films", type=int, default=2_000, help="to learn from (2000)")
    parser.add_argument("--first", type=int, default=0, help="seed of the first film to learn from (0)")
    parser.add_argument("--lr", type=float, help="peak learning rate; default: the experiment's")
    parser.add_argument("--held-out", type=int, default=300, help="to be judged on (300)")
    parser.add_argument("--teacher", type=Path, default=TEACHER, help="checkpoint that speaks the grammar")
    parser.add_argument("--folder", type=Path, help="where it works, and goes on; default: one that is removed")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        catalogue = Catalogue.open(folder / "catalogue", create=True)
        films = range(asked.first, asked.first + asked.films)
        add_stories(catalogue, films, max_things=THINGS, max_events=EVENTS)
        add_stories(catalogue, range(asked.held_out), "held_out", max_things=THINGS, max_events=EVENTS)
        result = EXPERIMENTS[asked.experiment](catalogue, folder, asked)
    settings = {name: getattr(asked, name) for name in ("steps", "seeds", "films", "first", "lr", "held_out")}
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


def preference(catalogue: Catalogue, folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """The teacher's answers to true and corrupted films, judged, chosen as in the paper, and learned from."""
    build_samples(catalogue, SampleRule("stories", kinds=("given",), where="model = 'truth/train'"))
    write_answers(catalogue, load_for_training(asked.teacher, "cpu"), AnswerRule("stories", max_new_tokens=64))
    scores = folder / "scores.parquet"
    pq.write_table(pa.Table.from_pylist(scored_captions(catalogue, "c.kind like 'preference_%'")), scores)
    pairs = choose_pairs(catalogue, PairRule("prefer", "stories"), scores)
    print(f"pairs: {dict(pairs)}", file=sys.stderr)
    runs = [_trained(catalogue, folder, f"dpo-{seed}", _own(story_dpo(), ("prefer",), seed, asked), asked.teacher)
            for seed in range(asked.seeds)]  # fmt: skip
    before = _judged(catalogue, asked.teacher, "before")
    result = _compared({"before": [before] * asked.seeds, "dpo": runs}, ("dpo", "before"))
    return result | {"pairs": dict(pairs)}


def grounding(catalogue: Catalogue, folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """The teacher goes on with true captions of the same films: plain ones, or half of them with their events' frames.

    All are judged by their answer to the plain question, so that one has to stay in the mixture.
    """
    _ground(catalogue, range(asked.first, asked.first + asked.films))
    build_samples(catalogue, SampleRule("plain", kinds=("given",), where="model = 'truth/train'"))
    build_samples(catalogue, SampleRule("grounded", kinds=("grounded",), task="grounded"))
    recipe = replace(story_teacher(), optimiser=replace(story_teacher().optimiser, lr=5e-4))
    ways = {"grounded": ("grounded", "plain"), "plain": ("plain",)}
    counts = {
        name: [_trained(catalogue, folder, f"{name}-{seed}", _own(recipe, shown, seed, asked), asked.teacher)
               for seed in range(asked.seeds)]
        for name, shown in ways.items()
    }  # fmt: skip
    return _compared(counts, ("grounded", "plain"))


def _ground(catalogue: Catalogue, seeds: range) -> None:
    """Captions of kind `grounded` beside the true ones: marks in the text, times of the events."""
    with catalogue.connect() as connection:
        sql = """select v.video_key, t.clip_id from captions t join clips c using (clip_id)
            join videos v on v.video_id = c.video_id where t.model = 'truth/train'"""
        clips = dict(connection.execute(sql).fetchall())
    rows = []
    for seed in seeds:
        story = make_story(seed, max_things=THINGS, max_events=EVENTS)
        clip_id = clips.get(f"train_{StoryFilm().size}_{seed:06}.mp4")
        if clip_id is None or not story.events:
            continue
        spans = event_spans_us(story)
        marked = replace(story.caption, frames=tuple((n + 1, n + 1) for n in range(len(spans))))
        rows.append(
            {
                "caption_id": content_id(clip_id, "grounded", "truth"), "clip_id": clip_id, "kind": "grounded",
                "text": marked.text, "model": "truth/grounded", "event_start_us": [start for start, _ in spans],
                "event_end_us": [end for _, end in spans], "event_texts": [event.text for event in story.events],
                "fingerprint": "bench", "tool_version": tool_version(), "created_at": now(),
            }
        )  # fmt: skip
    write(catalogue, {"captions": rows}, stage="bench")


def _own(recipe: Recipe, datasets: Sequence[str], seed: int, asked: argparse.Namespace) -> Recipe:
    warmup = min(recipe.optimiser.warmup_steps, max(1, asked.steps // 10))
    optimiser: Optimiser = replace(recipe.optimiser, warmup_steps=warmup, lr=asked.lr or recipe.optimiser.lr)
    mixture = tuple(Part(name) for name in datasets)
    return replace(recipe, mixture=mixture, steps=asked.steps, seed=seed, optimiser=optimiser)


def _trained(catalogue: Catalogue, folder: Path, name: str, recipe: Recipe, start: Path) -> Counts:
    """Trains by the recipe, or goes on with it, and judges what came of it."""
    out = folder / name
    options = RunOptions(
        start, out, resume=(out / "run.json").is_file(), cache_bytes=10**9, cache_folder=folder / "frames"
    )
    return _judged(catalogue, train(catalogue, recipe, options, _say), name)


def _judged(catalogue: Catalogue, model: Path, name: str) -> Counts:
    """Greedy captions of the held-out films, event by event."""
    caption_stories(catalogue, load_model(model), name, "held_out", top=0)
    sql = f"""select c.text, t.text from captions c join captions t on t.clip_id = c.clip_id
        where c.model = {quoted(name)} and t.model = 'truth/held_out' order by c.clip_id"""
    with catalogue.connect() as connection:
        films = [told(said, true) for said, true in connection.execute(sql).fetchall()]
    return np.array([[film.said, film.right, film.true, film.found] for film in films], float)


def _compared(counts: Mapping[str, Sequence[Counts]], pair: tuple[str, str]) -> dict[str, Any]:
    """Scores of every run, and of all seeds together what the first way has above the second."""
    runs = {name: [_scores(one) for one in some] for name, some in counts.items()}
    better, worse = (np.stack(counts[name]).sum(axis=0) for name in pair)
    picks = np.random.default_rng(0).integers(0, len(better), (RESAMPLES, len(better)))
    drawn = [(_scores(better[pick]), _scores(worse[pick])) for pick in picks]
    gains = {}
    for metric in ("precision", "recall", "f1"):
        low, high = np.percentile([one[metric] - other[metric] for one, other in drawn], [2.5, 97.5])
        gain = _scores(better)[metric] - _scores(worse)[metric]
        gains[metric] = {"gain": round(gain, 4), "low": round(float(low), 4), "high": round(float(high), 4)}
    for metric, gain in gains.items():
        print(f"{pair[0]} - {pair[1]}, {metric}: {gain}", file=sys.stderr)
    return {"runs": runs, "difference": f"{pair[0]} - {pair[1]}", "gains": gains}


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
