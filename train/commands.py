"""What the commands of `train` do: arguments become settings, and a person is told what happened."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from engine.catalogue import Catalogue
from engine.door import WrongUse
from engine.store import CatalogueError
from train.build_samples import PROMPT, SampleRule, build_samples, counted
from train.imported_samples import build_imported
from train.recipes import RECIPES, recipe_named
from train.settings import Part, Recipe
from train.sources import SampleSource
from train.tasks.rule import GROUNDED_PROMPT


@dataclass(frozen=True)
class Changes:
    """What a person changes about a recipe; None and empty leave it as it is. datasets: NAME or NAME=EPOCHS."""

    steps: int | None = None
    batch: int | None = None
    epochs: float | None = None
    datasets: tuple[str, ...] = ()
    lr: float | None = None
    teacher: str | None = None
    seed: int | None = None
    checkpoint_every: int | None = None


def run(
    recipe: str,
    catalogue: str,
    model: Path,
    out: Path,
    changes: Changes,
    *,
    device: str,
    resume: bool,
    keep: int,
    workers: int,
    cache_gb: float,
    sharing: str,
    compile: bool,
) -> None:
    """Train a model; its folder is printed."""
    for name in ("torch", "transformers", "peft"):
        if find_spec(name) is None:
            raise WrongUse(f"train run needs {name}: pip install 'longtake[train]'")
    chosen = changed(recipe_named(recipe), changes)
    opened = open_catalogue(catalogue)
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    import torch  # noqa: PLC0415

    from train.run import RunOptions, train  # noqa: PLC0415

    if device == "cuda" and not torch.cuda.is_available():
        raise WrongUse("device is cuda, and torch sees no GPU here. Use --device cpu.")
    options = RunOptions(
        model, out, device, resume, keep, workers, int(cache_gb * 1e9),
        sharing="fsdp" if sharing == "fsdp" else "ddp", compile=compile,
    )  # fmt: skip
    print(train(opened, chosen, options, say))


def samples(catalogue: str, imported: str | None, *, dataset: str, prompts: tuple[str, ...], **rest: Any) -> None:
    """Make samples of captions, or of imported conversations, and say how many. rest: further fields of SampleRule."""
    opened = open_catalogue(catalogue)
    try:
        usual = GROUNDED_PROMPT if rest.get("task") == "grounded" else PROMPT  # a mixture must not ask one for both
        rule = SampleRule(dataset, prompts=prompts or (usual,), **rest)
        counts = build_imported(opened, rule, imported) if imported else build_samples(opened, rule)
    except ValueError as error:
        raise WrongUse(str(error)) from error
    say(f"samples of {dataset}: {counted(sorted(counts.items()))}")
    if not counts:
        say(
            f"no caption of kind {' or '.join(rule.kinds)} fits: "
            'curate sql "select kind, count(*) from captions group by 1"'
        )


def write_answers(catalogue: str, model: Path, limit: int | None, device: str, **settings: Any) -> None:
    """Answer the clips of a dataset, and say how many. settings: fields of AnswerRule."""
    from train.network.loading import load_for_training  # noqa: PLC0415
    from train.preferences.generate import AnswerRule  # noqa: PLC0415
    from train.preferences.generate import write_answers as write  # noqa: PLC0415

    try:
        rule = AnswerRule(**settings)
    except ValueError as error:
        raise WrongUse(str(error)) from error
    counts = write(open_catalogue(catalogue), load_for_training(model, device), rule, limit)
    say(f"answers for {rule.dataset}: {counted(sorted(counts.items()))}")


def choose_pairs(catalogue: str, dataset: str, samples: str, least: float, scores: Path | None) -> None:
    """Choose pairs among answers."""
    from train.preferences.choose import PairRule  # noqa: PLC0415
    from train.preferences.choose import choose_pairs as choose  # noqa: PLC0415

    counts = choose(open_catalogue(catalogue), PairRule(dataset, samples, least), scores)
    say(f"pairs of {dataset}: {counted(sorted(counts.items()))}")


def batch(recipe: str, catalogue: str, step: int, changes: Changes) -> None:
    """Print id and turn of each sample of a step, a line each."""
    chosen = changed(recipe_named(recipe), changes)
    for sample_id, turn in SampleSource(open_catalogue(catalogue), chosen).names(step - 1):
        print(f"{sample_id}\t{turn}")


def curves(runs: list[Path], out: Path | None) -> None:
    """Draw a picture; its place is printed."""
    from train.curves import PICTURE, draw  # noqa: PLC0415

    if out is None and len(runs) > 1:
        raise WrongUse("several runs need a place for their picture: --out FILE.")
    print(draw(runs, out or runs[0] / PICTURE))


def recipes() -> None:
    """A line a recipe."""
    for name, make in RECIPES.items():
        print(f"{name:<22}{make().about}")


def changed(recipe: Recipe, changes: Changes) -> Recipe:
    """The recipe with what a person changed. Raises WrongUse."""
    if changes.epochs is not None and changes.steps is not None:
        raise WrongUse("give --steps or --epochs, not both.")
    new: dict[str, object] = {
        name: value
        for name in ("steps", "batch", "seed", "checkpoint_every")
        if (value := getattr(changes, name)) is not None
    }
    try:
        if changes.datasets:
            new["mixture"] = tuple(_part(text, changes.epochs) for text in changes.datasets)
        elif changes.epochs is not None:
            if not recipe.mixture:
                raise WrongUse("--epochs needs --dataset, so that it is known whose.")
            new["mixture"] = tuple(replace(part, epochs=changes.epochs) for part in recipe.mixture)
        if changes.epochs is not None or (
            changes.datasets and changes.steps is None and "=" in "".join(changes.datasets)
        ):
            new["steps"] = None
        if changes.lr is not None:
            new["optimiser"] = replace(recipe.optimiser, lr=changes.lr)
        if changes.teacher is not None:
            if recipe.distil is None:
                raise WrongUse(f"--teacher is for distillation by logits; {recipe.name} is none.")
            new["distil"] = replace(recipe.distil, teacher=changes.teacher)
        return replace(recipe, **new)  # pyright: ignore[reportArgumentType]
    except ValueError as error:
        raise WrongUse(str(error)) from error


def open_catalogue(url: str) -> Catalogue:
    try:
        return Catalogue.open(url)
    except CatalogueError as error:
        raise WrongUse(str(error)) from error


def say(message: str) -> None:
    """A line for the person, on standard error."""
    print(message, file=sys.stderr, flush=True)


def _part(text: str, epochs: float | None) -> Part:
    name, _, own = text.partition("=")
    if own and epochs is not None:
        raise WrongUse(f"give --epochs or {text!r}, not both.")
    try:
        return Part(name, float(own) if own else epochs or 1.0)
    except ValueError as error:
        raise WrongUse(f"--dataset must be NAME or NAME=EPOCHS, got {text!r}: {error}") from error
