"""The command `train`. Results go to standard output, everything else to standard error.

Exit codes: 0 the run completed, 1 it failed, 2 it was called wrongly, 130 Ctrl-C or SIGTERM, after a checkpoint.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from engine.door import Errors, WrongUse, command, open_door

app = command("train", "Captions become students.")

CatalogueOption = Annotated[str, typer.Option("-c", "--catalogue", help="Folder or fsspec url of the catalogue.")]
DatasetOption = Annotated[str, typer.Option("--dataset", help="Name that mixtures call them by.")]
Where = Annotated[str | None, typer.Option("--where", help="SQL over the columns of caption.")]
Seed = Annotated[int, typer.Option("--seed", help="Of everything that is chosen at random.")]


class Device(StrEnum):
    """Where it computes."""

    cpu = "cpu"
    cuda = "cuda"


class TaskName(StrEnum):
    """What samples teach."""

    caption = "caption"
    grounded = "grounded"
    frame_order = "frame_order"
    multi_image = "multi_image"
    tracking = "tracking"


class Sharing(StrEnum):
    """How several processes (torchrun) learn as one."""

    ddp = "ddp"
    fsdp = "fsdp"


@app.command()
def run(
    recipe: Annotated[str, typer.Argument(help="Name of a recipe; `train recipes` lists them.")],
    catalogue: CatalogueOption,
    model: Annotated[Path, typer.Option("--model", help="Checkpoint folder that it begins from.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the model, metrics and checkpoints.")],
    steps: Annotated[int | None, typer.Option(min=1, help="Default: the recipe's.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Samples a step. Default: the recipe's.")] = None,
    epochs: Annotated[float | None, typer.Option(help="How often each sample is shown; replaces --steps.")] = None,
    dataset: Annotated[
        list[str] | None, typer.Option("--dataset", help="NAME or NAME=EPOCHS, several times. Default: the recipe's.")
    ] = None,
    lr: Annotated[float | None, typer.Option(help="Peak learning rate. Default: the recipe's.")] = None,
    teacher: Annotated[str | None, typer.Option(help="distillation: checkpoint of a live teacher.")] = None,
    seed: Annotated[int | None, typer.Option(help="Default: the recipe's.")] = None,
    device: Annotated[Device, typer.Option(help="cpu or cuda.")] = Device.cpu,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that OUT holds.")] = False,
    checkpoint_every: Annotated[int | None, typer.Option(min=1, help="Steps. Default: the recipe's.")] = None,
    keep: Annotated[int, typer.Option(min=1, help="Checkpoints that stay.")] = 2,
    workers: Annotated[int, typer.Option(min=0, help="Processes that decode ahead; 0: in between.")] = 0,
    cache_gb: Annotated[float, typer.Option(min=0, help="Decoded frames kept on disk; 0: none.")] = 0.0,
    sharing: Annotated[Sharing, typer.Option(help="Under torchrun: ddp, or fsdp to split the weights.")] = Sharing.ddp,
    compile: Annotated[
        bool, typer.Option("--compile", help="Compile norms, gates and rotations: quicker on a GPU; keep it to resume.")
    ] = False,
) -> None:
    """Train a model by a recipe; the model is in OUT/model, what each step did in OUT/metrics.parquet."""
    from train import commands  # noqa: PLC0415

    changes = commands.Changes(steps, batch, epochs, tuple(dataset or ()), lr, teacher, seed, checkpoint_every)
    commands.run(
        recipe, catalogue, model, out, changes, device=device.value, resume=resume, keep=keep, workers=workers,
        cache_gb=cache_gb, sharing=sharing.value, compile=compile,
    )  # fmt: skip


@app.command()
def samples(
    catalogue: CatalogueOption,
    dataset: DatasetOption,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", help="Kind of captions, several times. Default: raw; of grounded its own."),
    ] = None,
    where: Where = None,
    task: Annotated[TaskName, typer.Option(help="What they teach.")] = TaskName.caption,
    imported: Annotated[
        str | None, typer.Option(help="Conversations of this imported dataset, in place of captions.")
    ] = None,
    tracks: Annotated[
        Path | None, typer.Option(help="tracking: Parquet, CSV or JSONL: clip_id, object, time_us, x1, y1, x2, y2.")
    ] = None,
    frames: Annotated[int, typer.Option(min=2, help="That grounded samples name; the most of tracks, pictures.")] = 16,
    prompt: Annotated[
        list[str] | None, typer.Option("--prompt", help="Question; of several each caption gets one.")
    ] = None,
    validation: Annotated[float, typer.Option(help="Share of the videos for validation.")] = 0.0,
    test: Annotated[float, typer.Option(help="Share of the videos for test.")] = 0.0,
    seed: Seed = 0,
) -> None:
    """Make samples out of captions. All clips of a video are in one split; what is there is not made again."""
    from train import commands  # noqa: PLC0415

    if imported is not None and (kind or where or prompt or tracks or task is not TaskName.caption):
        raise WrongUse("--imported takes conversations as they are: leave --kind, --where, --task, --prompt out.")
    kinds = tuple(kind or (("grounded",) if task is TaskName.grounded else ("raw",)))
    commands.samples(
        catalogue, imported, dataset=dataset, kinds=kinds, where=where, prompts=tuple(prompt or ()), task=task.value,
        n_frames=frames, tracks=tracks, validation=validation, test=test, seed=seed,
    )  # fmt: skip


@app.command()
def pairs(
    catalogue: CatalogueOption,
    dataset: DatasetOption,
    samples: Annotated[str, typer.Option("--samples", help="Dataset of samples whose questions are answered.")],
    model: Annotated[Path | None, typer.Option("--model", help="Who answers; without it pairs are chosen.")] = None,
    scores: Annotated[
        Path | None, typer.Option("--scores", help="Parquet or CSV: caption_id, recall, precision of the answers.")
    ] = None,
    reward_free: Annotated[bool, typer.Option("--reward-free", help="Take every pair that differs.")] = False,
    least: Annotated[float, typer.Option(help="Least sum of the gains in recall and precision.")] = 0.3,
    corruption: Annotated[
        list[str] | None, typer.Option("--corruption", help="switch, reverse, crop, drop; default: all four.")
    ] = None,
    answers: Annotated[
        int | None, typer.Option(min=2, help="So many to the clip as it is, and none to it corrupted.")
    ] = None,
    temperature: Annotated[float, typer.Option(min=0, help="Of all answers.")] = 0.7,
    top_p: Annotated[float, typer.Option(min=0, max=1, help="Of all answers; 1 leaves no token out.")] = 0.7,
    frames: Annotated[int, typer.Option(min=4, help="Frames of the true clip.")] = 16,
    limit: Annotated[int | None, typer.Option(min=1, help="Answer at most so many samples.")] = None,
    device: Annotated[Device, typer.Option(help="cpu or cuda.")] = Device.cpu,
    seed: Seed = 0,
) -> None:
    """Make preferences: answers to true and corrupted clips, or several to a true one; pairs that a judge tells apart.

    With --model answers are written as captions of the kinds preference_true and preference_corrupted, or with
    --answers preference_sampled. Then have them judged, and come back with --scores.
    """
    from train import commands  # noqa: PLC0415

    if model is None and scores is None and not reward_free:
        raise WrongUse("give --model to write answers, then --scores (or --reward-free) to choose pairs.")
    if scores is not None and reward_free:
        raise WrongUse("give --scores or --reward-free, not both.")
    if answers is not None and (corruption or reward_free):
        raise WrongUse("--answers shows clips as they are and needs --scores: leave --corruption, --reward-free out.")
    if model is not None:
        commands.write_answers(
            catalogue, model, limit, device.value, dataset=samples, answers=answers, temperature=temperature,
            top_p=top_p, n_frames=frames, seed=seed, **({"corruptions": tuple(corruption)} if corruption else {}),
        )  # fmt: skip
    if scores is not None or reward_free:
        commands.choose_pairs(catalogue, dataset, samples, least, scores)


@app.command()
def batch(
    recipe: Annotated[str, typer.Argument(help="Name of a recipe.")],
    catalogue: CatalogueOption,
    step: Annotated[int, typer.Option(min=1, help="Which step, from 1.")],
    size: Annotated[int | None, typer.Option("--batch", min=1, help="Samples a step. Default: the recipe's.")] = None,
    dataset: Annotated[
        list[str] | None, typer.Option("--dataset", help="NAME or NAME=EPOCHS, several times. Default: the recipe's.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Default: the recipe's.")] = None,
) -> None:
    """Name the samples of a step: id and how often each was shown before."""
    from train import commands  # noqa: PLC0415

    commands.batch(recipe, catalogue, step, commands.Changes(batch=size, datasets=tuple(dataset or ()), seed=seed))


@app.command()
def curves(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs, finished or not; several are drawn as one.")],
    out: Annotated[Path | None, typer.Option(help="A .png, .svg or .pdf. Default: curves.png in the one run.")] = None,
) -> None:
    """Draw loss, learning rate, gradient norm and speed of runs."""
    from train import commands  # noqa: PLC0415

    commands.curves(runs, out)


@app.command()
def recipes() -> None:
    """List the recipes."""
    from train import commands  # noqa: PLC0415

    commands.recipes()


def main() -> None:
    """The door of the house: what a person can mend is one line, a bug is a traceback."""
    open_door(app, _named, extras="train", goes_on="--resume goes on from the last checkpoint")


def _named() -> Errors:
    from engine.store import CatalogueError  # noqa: PLC0415
    from model.errors import ModelError  # noqa: PLC0415

    return (CatalogueError, ModelError)
