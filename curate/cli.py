"""The command `curate`. Results go to standard output, everything else to standard error.

Exit codes: 0 the run completed (rows turned away included), 1 it failed, 2 it was called wrongly, 130 Ctrl-C.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated, Any, cast

import typer

from curate.wrong_use import WrongUse

INTERRUPTED = 130  # what Typer makes of Ctrl-C

app = typer.Typer(
    name="curate",
    help="Videos become a catalogue of clips that you query with SQL.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

CatalogueOption = Annotated[str, typer.Option("-c", "--catalogue", help="Folder or fsspec url of the catalogue.")]
Paths = Annotated[list[str], typer.Argument(help="Files, folders, globs in quotes, or urls of buckets.")]
Jobs = Annotated[int | None, typer.Option("--jobs", "-j", help="Cores to use. Default: all.")]
Limit = Annotated[int | None, typer.Option(help="Do at most so many rows.")]
ShardOption = Annotated[str | None, typer.Option("--shard", help="i/n: only the i-th of n shares, from 0.")]
Retry = Annotated[bool, typer.Option("--retry", help="Try again what was turned away for good.")]
DetectorOption = Annotated[
    str,
    typer.Option(help="default, transnetv2, scenedetect-adaptive, -content, -hash or -histogram, lvd2m, panda70m."),
]
Thorough = Annotated[bool, typer.Option("--thorough", help="Decode every frame; default: those that decide.")]
RecipeOption = Annotated[
    str, typer.Option("--recipe", "-r", help="everything, long_takes, lvd2m, lvd2m_strict or panda70m.")
]
Where = Annotated[
    list[str] | None, typer.Option("--where", help="SQL over the columns of clip; may be given several times.")
]
Name = Annotated[str | None, typer.Option("--name", help="Name of the selection. Default: the recipe's.")]


class Format(StrEnum):
    """Forms in which a result can be had."""

    table = "table"
    csv = "csv"
    json = "json"
    jsonl = "jsonl"
    parquet = "parquet"


@app.command()
def run(
    paths: Paths,
    catalogue: CatalogueOption,
    recipe: RecipeOption = "lvd2m",
    where: Where = None,
    name: Name = None,
    detector: DetectorOption = "default",
    thorough: Thorough = False,
    jobs: Jobs = None,
    limit: Limit = None,
    shard: ShardOption = None,
    retry: Retry = False,
) -> None:
    """Add, scan and select in one go.

    The funnel of the selection is printed. What is done is not done again.
    """
    from curate import commands  # noqa: PLC0415

    chosen, settings = commands.recipe_of(recipe, where or []), commands.settings_of(detector, thorough=thorough)
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
    jobs: Jobs = None,
    limit: Limit = None,
    shard: ShardOption = None,
    retry: Retry = False,
) -> None:
    """Find cuts and clips, and measure them.

    Each video that was not scanned with these settings is decoded once.
    """
    from curate import commands  # noqa: PLC0415

    settings = commands.settings_of(detector, thorough=thorough)
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


@app.command()
def download(
    catalogue: CatalogueOption,
    csv: Annotated[
        list[str] | None, typer.Option("--csv", help="A dataset's file: csv, tsv, json, jsonl, parquet, txt.")
    ] = None,
    url: Annotated[list[str] | None, typer.Option("--url", help="The url of one video.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Name for its requests. Default: the format's.")] = None,
    columns: Annotated[
        str | None, typer.Option(help="What columns mean: url=…,start=…,end=…,span=…,spans=…,key=…,video_key=…")
    ] = None,
    base_url: Annotated[str | None, typer.Option(help="Where the media lie that the file names by path.")] = None,
    backend: Annotated[str, typer.Option(help="auto, http, yt-dlp or pytube.")] = "auto",
    max_height: Annotated[int, typer.Option(min=1, help="Wanted height of the picture.")] = 720,
    min_height: Annotated[int | None, typer.Option(min=1, help="Turn away what is lower.")] = None,
    keep: Annotated[str, typer.Option(help="full: whole videos; spans: only exact cuts of what was asked.")] = "full",
    check: Annotated[bool, typer.Option("--check/--no-check", help="Look for transitions in asked spans.")] = True,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Videos at once.")] = 8,
    limit: Limit = None,
    shard: ShardOption = None,
    retry: Annotated[bool, typer.Option("--retry", help="Try again what failed for good or was given up.")] = False,
    max_attempts: Annotated[int, typer.Option(min=1, help="Give a video up after so many temporary failures.")] = 5,
    backoff: Annotated[float, typer.Option(min=0.01, help="Seconds after the first failure; then doubled.")] = 2.0,
    patience: Annotated[float, typer.Option(min=1, help="Longest wait within a run, in seconds.")] = 900.0,
    rate: Annotated[float | None, typer.Option(help="Videos an hour from one host. Default: YouTube 300.")] = None,
    cookies: Annotated[str | None, typer.Option(help="A cookie file, or a folder of them: a pool of accounts.")] = None,
    proxy: Annotated[str | None, typer.Option(help="http, https or socks5 url of a proxy.")] = None,
    extractor_args: Annotated[
        list[str] | None, typer.Option(help="yt-dlp's: EXTRACTOR:NAME=VALUE[;…], for example for PO-token plugins.")
    ] = None,
    sections: Annotated[
        bool, typer.Option("--sections", help="yt-dlp: only the asked spans. Slower and inexact; see the docs.")
    ] = False,
    allow_private_hosts: Annotated[
        bool, typer.Option("--allow-private-hosts", help="Connect to addresses that are not public as well.")
    ] = False,
    max_gb: Annotated[float, typer.Option(min=0.001, help="Largest size of one video.")] = 20.0,
    stall: Annotated[float, typer.Option(min=1, help="Give an attempt up after so many seconds without bytes.")] = 60.0,
    min_free_gb: Annotated[float, typer.Option(min=0, help="Stop while so much is free on the disk.")] = 1.0,
    status: Annotated[bool, typer.Option("--status", help="Only say what happened so far, and what helps.")] = False,
) -> None:
    """Bring the videos that a dataset's file asks for.

    Politely, each once, and exactly on from where it was left. The format of the file is recognised.
    """
    from curate.download import typed  # noqa: PLC0415

    if status:
        typed.show_status(catalogue)
        return
    reading = typed.reading_of(dataset, columns, base_url)
    wish = typed.wish_of(csv or [], url or [], reading, backend, keep, check=check)
    settings = typed.settings_of(
        max_height, min_height, proxy, extractor_args or [], max_gb, stall, min_free_gb,
        allow_private=allow_private_hosts, sections=sections,
    )  # fmt: skip
    job = typed.job_of(settings, cookies, rate, backoff, patience, max_attempts, jobs)
    if not typed.download(catalogue, wish, job, typed.effort_of(limit, shard, retry=retry)):
        raise typer.Exit(1)


@app.command(name="import")
def import_(
    catalogue: CatalogueOption,
    path: Annotated[
        str | None, typer.Argument(help="A dataset's file, a shard or a folder. Without: only name clips that came.")
    ] = None,
    form: Annotated[str | None, typer.Option("--format", "-f", help="Where the file could be several things.")] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Name for its rows. Default: the format's, or the file's.")
    ] = None,
    media: Annotated[
        list[str] | None, typer.Option("--media", help="A folder with the media; rows whose files miss are named.")
    ] = None,
) -> None:
    """Bring in what datasets say: spans, captions, samples.

    The format is recognised. Bad rows are turned away by file and line. A file that was read is not read again.
    """
    from curate.doors import commands as doors  # noqa: PLC0415

    doors.import_(path, catalogue, form, dataset, media or [])


@app.command()
def export(
    catalogue: CatalogueOption,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            help="lvd2m-csv, tarsier-jsonl, videochat2-it, llava, sharegpt, ms-swift, openai, "
            "webdataset, hf, files or lance.",
        ),
    ],
    out: Annotated[str, typer.Option("--out", "-o", help="The file or folder to write.")],
    selection: Annotated[str | None, typer.Option(help="A selection. Default: all that datasets gave.")] = None,
    prompt: Annotated[str | None, typer.Option(help="The question, where captions become conversations.")] = None,
    shard_mb: Annotated[int, typer.Option(min=1, help="webdataset: size of a shard.")] = 1024,
    media: Annotated[bool, typer.Option("--media/--no-media", help="webdataset, files: with the clips.")] = True,
) -> None:
    """Write clips and samples in somebody's format.

    What the format cannot hold is listed first. The same selection gives the same bytes.
    """
    from curate.doors import commands as doors  # noqa: PLC0415

    doors.export(catalogue, form, out, selection, prompt, shard_mb, media=media)


@app.command()
def stats(
    catalogue: CatalogueOption,
    selection: Annotated[str | None, typer.Option(help="A selection. Default: all that datasets gave.")] = None,
    plot: Annotated[str | None, typer.Option(help="An SVG file for the charts.")] = None,
) -> None:
    """Count what datasets publish of themselves.

    Clips, hours, words, flow, categories, vocabulary, near-duplicate captions; beside LVD-2M's and others' figures.
    """
    from curate.doors import commands as doors  # noqa: PLC0415

    doors.stats(catalogue, selection, plot)


@app.command()
def amend(
    catalogue: CatalogueOption,
    step: Annotated[str, typer.Argument(help="repair, refusals, choices, truncate, instructions or overlap.")],
    dataset: Annotated[str | None, typer.Option(help="The dataset whose samples are amended.")] = None,
    into: Annotated[str | None, typer.Option(help="Name of what comes of it. Default: dataset/step.")] = None,
    server: Annotated[str | None, typer.Option(help="refusals, instructions: an OpenAI-style server's url.")] = None,
    model: Annotated[str | None, typer.Option(help="The model to ask there.")] = None,
    labels: Annotated[str | None, typer.Option(help="choices: jsonl, a video and its likeliest labels a line.")] = None,
    dense: Annotated[str | None, typer.Option(help="truncate: the dataset with the dense captions.")] = None,
    question: Annotated[str, typer.Option(help="choices: what is asked.")] = "Which action is shown?",
    out: Annotated[str | None, typer.Option(help="overlap: a csv file for the samples that leak.")] = None,
) -> None:
    """Build an instruction set: one step over samples.

    Mends texts, rewrites apologies, makes choices of labels, shortens videos, writes instructions, finds leaks.
    """
    from pathlib import Path  # noqa: PLC0415

    from curate.doors.amend_command import Job  # noqa: PLC0415
    from curate.doors.amend_command import amend as do  # noqa: PLC0415

    file = Path(labels).expanduser() if labels else None
    do(catalogue, Job(step, dataset, into, server, model, file, dense, question, out))


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
    from engine.interrupt import noted_interrupts, was_interrupted  # noqa: PLC0415

    try:
        with noted_interrupts():
            code = app(standalone_mode=False)
            if was_interrupted() and not code:
                code = INTERRUPTED
    except typer.TyperException as error:
        cast("Any", error).show()  # usage errors know how; their class is private to Typer
        code = error.exit_code
    except WrongUse as error:
        print(f"error: {error}", file=sys.stderr)
        code = 2
    except Exception as error:
        from engine.store import CatalogueError  # noqa: PLC0415

        if not isinstance(error, CatalogueError):
            raise
        print(f"error: {error}", file=sys.stderr)
        code = 1
    if code == INTERRUPTED:
        print("interrupted: what was finished is kept; the same command goes on from there", file=sys.stderr)
    sys.exit(code or 0)
