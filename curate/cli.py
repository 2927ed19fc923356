"""The command `curate`. Results go to standard output, everything else to standard error.

Exit codes: 0 the run completed (rows turned away included), 1 it failed, 2 it was called wrongly, 130 Ctrl-C.
"""

from __future__ import annotations

from typing import Annotated

import typer

from curate.dataset_commands import DATASET_COMMANDS
from curate.options import (
    CatalogueOption,
    DetectorOption,
    ExpertOption,
    Format,
    Jobs,
    Limit,
    Name,
    Paths,
    RecipeOption,
    Retry,
    ShardOption,
    Thorough,
    Where,
)
from engine.door import Errors, WrongUse, command, open_door

app = command("curate", "Videos become a catalogue of clips that you query with SQL.")


@app.command()
def run(
    paths: Paths,
    catalogue: CatalogueOption,
    recipe: RecipeOption = "lvd2m",
    where: Where = None,
    name: Name = None,
    detector: DetectorOption = "default",
    thorough: Thorough = False,
    expert: ExpertOption = None,
    jobs: Jobs = None,
    limit: Limit = None,
    shard: ShardOption = None,
    retry: Retry = False,
) -> None:
    """Add, scan and select in one go.

    The funnel of the selection is printed. What is done is not done again.
    """
    from curate import commands  # noqa: PLC0415

    chosen, settings = (
        commands.recipe_of(recipe, where or []),
        commands.settings_of(detector, thorough=thorough, expert=expert),
    )
    effort = commands.effort_of(jobs, limit, shard, retry=retry)
    opened = commands.add(paths, catalogue, effort)
    commands.scan(opened, settings, effort)
    commands.select(opened, chosen, name)


@app.command()
def add(
    paths: Paths,
    catalogue: CatalogueOption,
    jobs: Jobs = None,
    limit: Limit = None,
    shard: ShardOption = None,
    retry: Retry = False,
) -> None:
    """Add videos, where they lie.

    Each file is hashed and probed; damaged ones are turned away by name.
    """
    from curate import commands  # noqa: PLC0415

    commands.add(paths, catalogue, commands.effort_of(jobs, limit, shard, retry=retry))


@app.command()
def scan(
    catalogue: CatalogueOption,
    detector: DetectorOption = "default",
    thorough: Thorough = False,
    expert: ExpertOption = None,
    jobs: Jobs = None,
    limit: Limit = None,
    shard: ShardOption = None,
    retry: Retry = False,
) -> None:
    """Find cuts and clips, and measure them.

    Each video that was not scanned with these settings is decoded once.
    """
    from curate import commands  # noqa: PLC0415

    settings = commands.settings_of(detector, thorough=thorough, expert=expert)
    effort = commands.effort_of(jobs, limit, shard, retry=retry)
    commands.scan(commands.open_catalogue(catalogue), settings, effort)


@app.command()
def flow(
    catalogue: CatalogueOption,
    model: Annotated[str, typer.Option("--model", help="raft_small or raft_large.")] = "raft_large",
    weights: Annotated[
        str | None, typer.Option("--weights", help="A .pth or .safetensors file. Default: torchvision's, fetched once.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="cpu, cuda or cuda:1.")] = "cpu",
    jobs: Jobs = None,
    limit: Limit = None,
    shard: ShardOption = None,
    retry: Retry = False,
) -> None:
    """Score clips as LVD-2M does, with RAFT.

    Fills clip.flow_raft_lvd of clips that this network has not scored. Needs the extra model.
    """
    from curate import commands  # noqa: PLC0415

    network = commands.flow_model_of(model, weights)
    effort = commands.effort_of(jobs, limit, shard, retry=retry)
    commands.flow(commands.open_catalogue(catalogue), network, effort, device)


@app.command()
def ocr(
    catalogue: CatalogueOption,
    jobs: Jobs = None,
    limit: Limit = None,
    shard: ShardOption = None,
    retry: Retry = False,
) -> None:
    """Read the text in the picture.

    Fills clip.ocr_text and clip.ocr_text_share of clips that were not read, from a frame every two seconds. Needs the
    extra ocr.
    """
    from curate import commands  # noqa: PLC0415

    commands.ocr(commands.open_catalogue(catalogue), commands.effort_of(jobs, limit, shard, retry=retry))


@app.command()
def select(
    catalogue: CatalogueOption,
    recipe: RecipeOption = "everything",
    where: Where = None,
    name: Name = None,
    order: Annotated[str, typer.Option(help="SQL by which the clips are ranked.")] = "video_id, start_us",
) -> None:
    """Freeze the clips that keep a recipe.

    The funnel says what each condition turns away, alone and in order.
    """
    from curate import commands  # noqa: PLC0415

    chosen = commands.recipe_of(recipe, where or [])
    commands.select(commands.open_catalogue(catalogue), chosen, name, order)


@app.command()
def dedup(
    catalogue: CatalogueOption,
    where: Annotated[
        list[str] | None, typer.Option("--where", help="SQL over the columns of clip: compare only such clips.")
    ] = None,
    jobs: Jobs = None,
) -> None:
    """Group clips that show the same footage.

    Re-encodes, crops, borders, other speeds, trims, mirrored copies. Of each group one clip is suggested to be kept;
    nothing is deleted: curate select --where is_keeper.
    """
    from curate import dedup_command  # noqa: PLC0415

    dedup_command.dedup(dedup_command.open_catalogue(catalogue), where or [], jobs)


@app.command()
def report(
    catalogue: CatalogueOption,
    out: Annotated[str, typer.Option("--out", "-o", help="The HTML file to write.")],
    selection: Annotated[
        str | None, typer.Option("--selection", "-s", help="Its funnel and thresholds. Default: the newest.")
    ] = None,
    pictures: Annotated[
        bool, typer.Option("--pictures/--no-pictures", help="Decode sample frames from the videos.")
    ] = True,
) -> None:
    """Write what the catalogue holds as one HTML page.

    Funnel, histograms, LVD-2M's published figures beside yours, frames at each threshold, doubtful cuts, duplicates.
    """
    from curate import report_command  # noqa: PLC0415

    report_command.report(report_command.open_catalogue(catalogue), out, selection, pictures=pictures)


for _name, _function in DATASET_COMMANDS.items():
    app.command(name=_name)(_function)


@app.command()
def cut(
    catalogue: CatalogueOption,
    out: Annotated[str, typer.Option("--out", help="Folder for the clips and their manifest.parquet.")],
    selection: Annotated[
        str | None, typer.Option(help="A selection. Default: what dataset files asked for, else all clips.")
    ] = None,
    crf: Annotated[int, typer.Option(min=0, max=51, help="Quality of libx264, lower is better.")] = 18,
    audio: Annotated[bool, typer.Option("--audio/--no-audio", help="Keep the sound.")] = True,
    jobs: Jobs = None,
    limit: Limit = None,
    shard: ShardOption = None,
) -> None:
    """Write clips as files, exact to the frame.

    Each is <key>.mp4, with a manifest.parquet beside them. What is there is not made again.
    """
    from curate import commands  # noqa: PLC0415

    opened = commands.open_catalogue(catalogue)
    commands.cut(opened, selection, out, crf, commands.effort_of(jobs, limit, shard, retry=False), audio=audio)


@app.command()
def forget(
    catalogue: CatalogueOption,
    video_key: Annotated[list[str], typer.Option("--video-key", help="Key of a video that was taken down.")],
    reason: Annotated[str | None, typer.Option(help="Why, for the tombstone.")] = None,
) -> None:
    """Remove a video, its clips and captions, for good.

    A tombstone stays, so that it is never fetched again. What is left of it is asked of every table and printed.
    """
    from curate.download.forget import forget as forget_all  # noqa: PLC0415
    from curate.query_commands import open_catalogue  # noqa: PLC0415

    if forget_all(open_catalogue(catalogue), video_key, reason):
        raise typer.Exit(1)


@app.command()
def sql(
    catalogue: CatalogueOption,
    query: Annotated[str | None, typer.Argument(help="One statement that reads.")] = None,
    form: Annotated[Format, typer.Option("--format", "-f", help="How to write the result.")] = Format.table,
    output: Annotated[str | None, typer.Option("--output", "-o", help="File in place of standard output.")] = None,
    shell: Annotated[bool, typer.Option("--shell", help="Ask for one query after another.")] = False,
) -> None:
    """Query the catalogue with SQL.

    There is a view for each table, and the wide views clip and caption. A query reads the catalogue and nothing else.
    """
    from curate import query_commands  # noqa: PLC0415

    if shell and query is not None:
        raise WrongUse("--shell asks for its queries itself: leave the query out")
    if not shell and query is None:
        raise WrongUse('give a query, for example "from clip limit 10", or --shell for a prompt')
    query_commands.sql(query_commands.open_catalogue(catalogue), query, form.value, output)


@app.command()
def verify(
    catalogue: CatalogueOption,
    fast: Annotated[bool, typer.Option("--fast", help="Do not read the video files again.")] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Set damaged parts aside; their rows are due again.")
    ] = False,
) -> None:
    """Check all that can be checked.

    Each problem comes with what to do. Exit code 1 if something is wrong.
    """
    from curate import query_commands  # noqa: PLC0415

    if not query_commands.verify(query_commands.open_catalogue(catalogue), fast=fast, repair=repair):
        raise typer.Exit(1)


@app.command()
def compact(
    catalogue: CatalogueOption,
    keep_superseded: Annotated[
        bool, typer.Option("--keep-superseded", help="Keep rows of older runs, in history.")
    ] = False,
    grace: Annotated[float, typer.Option(min=0, help="Seconds for which readers may still need the old parts.")] = 3600,
) -> None:
    """Tidy up, so that queries are fast.

    Small parts are merged, rows of older runs dropped, and the wide view clip is stored.
    """
    from curate import query_commands  # noqa: PLC0415

    query_commands.compact(query_commands.open_catalogue(catalogue), drop_superseded=not keep_superseded, grace_s=grace)


def main() -> None:
    """The door of the house: what a person can mend is one line, a bug is a traceback."""
    open_door(app, _named)


def _named() -> Errors:
    from engine.store import CatalogueError  # noqa: PLC0415

    return (CatalogueError,)
