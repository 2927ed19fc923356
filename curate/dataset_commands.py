"""The commands of `curate` at whose other end is somebody's dataset: download, import, export, stats, amend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from curate.options import CatalogueOption, Limit, ShardOption


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
    extract: Annotated[
        bool, typer.Option("--extract/--no-extract", help="Put videos within tars into the catalogue's media folder.")
    ] = True,
) -> None:
    """Bring in what datasets say: spans, captions, samples.

    The format is recognised. Bad rows are turned away by file and line. A file that was read is not read again.
    """
    from curate.doors import commands as doors  # noqa: PLC0415

    doors.import_(path, catalogue, form, dataset, media or [], extract=extract)


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


def stats(
    catalogue: CatalogueOption,
    selection: Annotated[str | None, typer.Option(help="A selection. Default: all that datasets gave.")] = None,
    plot: Annotated[str | None, typer.Option(help="An SVG file for the charts.")] = None,
    server: Annotated[
        str | None, typer.Option(help="Ask an OpenAI-style server for the captions' categories as well.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model to ask there.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Ask about so many captions at most.")] = None,
) -> None:
    """Count what datasets publish of themselves.

    Clips, hours, words, flow, categories, vocabulary, near-duplicate captions; beside LVD-2M's and others' figures.
    """
    from curate.doors import commands as doors  # noqa: PLC0415

    doors.stats(catalogue, selection, plot, server, model, limit)


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


DATASET_COMMANDS: dict[str, Callable[..., Any]] = {
    "download": download, "import": import_, "export": export, "stats": stats, "amend": amend
}  # fmt: skip
