"""python -m train.small_world: the small world from nothing to scores; runs/small_world.sh is the whole tour."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.door import WrongUse

app = typer.Typer(name="train.small_world", add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
CatalogueOption = Annotated[Path, typer.Option("-c", "--catalogue", help="Local folder.")]
Split = Annotated[str, typer.Option("--split", help="train or held_out.")]


@app.command()
def teach(
    out: Annotated[Path, typer.Option("--out", help="Folder for the run; the teacher is in OUT/model.")],
    steps: Annotated[int, typer.Option(min=1)] = 14_000,
    seed: Annotated[int, typer.Option()] = 0,
    resume: Annotated[bool, typer.Option("--resume")] = False,
) -> None:
    """Train the teacher from random weights on stories that are rendered as they are shown."""
    from train.recipes import story_teacher  # noqa: PLC0415
    from train.run import RunOptions, train_on  # noqa: PLC0415
    from train.small_world.make import TEACHER, make_tarsier2  # noqa: PLC0415
    from train.small_world.told import ToldStories  # noqa: PLC0415

    _one_thread()
    start = out.with_name(out.name + "_untrained")
    if not start.is_dir():
        make_tarsier2(start, TEACHER, seed)
    recipe = replace(story_teacher(), steps=steps, seed=seed)
    source = ToldStories(recipe.batch, steps, seed=seed)
    print(train_on(source, Path.cwd(), recipe, RunOptions(start, out, resume=resume), _say))


@app.command()
def student(out: Annotated[Path, typer.Argument()], seed: Annotated[int, typer.Option()] = 0) -> None:
    """Make an untrained student with at most a quarter of the teacher's weights."""
    from train.small_world.make import STUDENT, make_tarsier2  # noqa: PLC0415

    print(make_tarsier2(out, STUDENT, seed))


@app.command()
def shelf(
    catalogue: CatalogueOption,
    count: Annotated[int, typer.Option(min=1)] = 200,
    first: Annotated[int, typer.Option(min=0)] = 0,
    split: Split = "train",
    things: Annotated[int, typer.Option(min=1, max=3)] = 2,
    events: Annotated[int, typer.Option(min=1, max=4)] = 2,
    rest: Annotated[float, typer.Option(min=0, help="Seconds of stillness between a film's events, at most.")] = 0.0,
    grounded: Annotated[bool, typer.Option("--grounded", help="Captions with the times of events, too.")] = False,
) -> None:
    """Add films of stories and their true captions to a catalogue."""
    from engine.catalogue import Catalogue  # noqa: PLC0415
    from train.small_world.shelf import add_stories  # noqa: PLC0415

    opened = Catalogue.open(catalogue, create=True)
    seeds = range(first, first + count)
    added = add_stories(
        opened, seeds, _split(split), max_things=things, max_events=events, max_rest_s=rest, grounded=grounded
    )
    _say(f"{added} stories are new")


@app.command()
def caption(
    catalogue: CatalogueOption,
    model: Annotated[Path, typer.Option("--model")],
    name: Annotated[str, typer.Option("--name", help="Under which the captions stand.")],
    split: Split = "train",
    limit: Annotated[int | None, typer.Option(min=1)] = None,
) -> None:
    """Caption films, tokens and likeliest tokens kept."""
    from engine.catalogue import Catalogue  # noqa: PLC0415
    from model.load import load_model  # noqa: PLC0415
    from train.small_world.caption import caption_stories  # noqa: PLC0415

    _one_thread()
    _say(str(dict(caption_stories(Catalogue.open(catalogue), load_model(model), name, split, limit=limit))))


@app.command()
def score(catalogue: CatalogueOption, name: Annotated[str, typer.Option("--name")], split: Split = "held_out") -> None:
    """Score the captions under a name against the truth, event by event; JSON."""
    from engine.catalogue import Catalogue  # noqa: PLC0415
    from train.small_world.scoring import score_captions  # noqa: PLC0415

    print(json.dumps(asdict(score_captions(Catalogue.open(catalogue), name, _split(split)))))


@app.command()
def judge(
    catalogue: CatalogueOption,
    out: Annotated[Path, typer.Option("--out", help="Parquet file, as `train pairs --scores` takes it.")],
) -> None:
    """Judge the answers that `train pairs --model` wrote: recall and precision of each against the truth."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    from engine.catalogue import Catalogue  # noqa: PLC0415
    from train.small_world.scoring import scored_captions  # noqa: PLC0415

    rows = scored_captions(Catalogue.open(catalogue), "c.kind like 'preference_%'")
    pq.write_table(pa.Table.from_pylist(rows), out)
    _say(f"{len(rows)} answers are judged")


@app.command()
def card(
    run: Annotated[Path, typer.Argument(help="Folder that `teach` wrote.")],
    scores: Annotated[Path, typer.Option("--scores", help="The scores.json that `evaluate` wrote of its model.")],
) -> None:
    """Say beside a model how it was made and how it scored; JSON."""
    from train.small_world.card import write_card  # noqa: PLC0415

    print(json.dumps(write_card(run, scores)))


def _split(text: str) -> Any:
    if text not in ("train", "held_out"):
        raise WrongUse(f"--split must be train or held_out, got {text!r}.")
    return text


def _one_thread() -> None:
    """Products this small only wait for a second thread."""
    import torch  # noqa: PLC0415

    torch.set_num_threads(1)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # one file of a few MB needs none
    app()
