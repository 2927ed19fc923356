"""The command `evaluate`. Results go to standard output, everything else to standard error.

Exit codes: 0 it completed (samples that could not be judged included), 1 it failed, 2 it was called wrongly, 130
Ctrl-C.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from engine.door import Errors, command, open_door

app = command("evaluate", "What captions and answers are worth: AutoDQ, multiple choice, open questions, CIDEr.")

Predictions = Annotated[Path, typer.Option("--predictions", "-p", help="A .jsonl file, or a folder of them.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for scores.json and the tables.")]
Cache = Annotated[Path | None, typer.Option("--cache", help="File of judgements. Default: one for all runs.")]
Prompts = Annotated[Path | None, typer.Option(help="A copy of the original repository, for its prompts.")]
ModelName = Annotated[str | None, typer.Option("--name", help="Whose predictions they are. Default: the file's name.")]
Catalogue = Annotated[str | None, typer.Option("-c", "--catalogue", help="Add the result's rows to this catalogue.")]
JudgeOption = Annotated[
    str,
    typer.Option("--judge", "-j", help="replay:FILE, http://HOST/v1?model=NAME, llm:FOLDER, nli:FOLDER or rules."),
]


class Protocol(StrEnum):
    """Two ways to score, which never share a column."""

    open = "open"
    official = "official"


ProtocolOption = Annotated[Protocol, typer.Option(help="open: ours. official: as the original, for old numbers.")]


@app.command()
def autodq(
    predictions: Predictions,
    judge: JudgeOption,
    out: Out,
    references: Annotated[Path | None, typer.Option("--references", "-r", help="Rows of DREAM-1k.jsonl.")] = None,
    protocol: ProtocolOption = Protocol.open,
    cache: Cache = None,
    prompts: Prompts = None,
    repeat: Annotated[int, typer.Option(help="Which of several independent judgings this is, from 0.")] = 0,
    batch_out: Annotated[Path | None, typer.Option(help="Write the questions here; ask no server.")] = None,
    batch_in: Annotated[Path | None, typer.Option(help="Answers to such a file, as a batch interface gives.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would cost.")] = False,
    model: ModelName = None,
    catalogue: Catalogue = None,
) -> None:
    """Score captions by events: recall and precision of what happens, F1 of the two, by a judge."""
    from eval import commands  # noqa: PLC0415

    if batch_in is not None and batch_out is None:
        raise typer.BadParameter("--batch-in needs --batch-out, for the questions that its answers lead to.")
    batch = None if batch_out is None else commands.Batch(batch_in, batch_out)
    commands.autodq(
        predictions,
        references,
        judge,
        protocol.value,
        commands.Kept(out, model, catalogue),
        cache=cache,
        prompts=prompts,
        repeat=repeat,
        batch=batch,
        dry_run=dry_run,
    )


@app.command()
def captions(
    predictions: Predictions,
    out: Out,
    dataset: Annotated[str | None, typer.Option(help="Where the file holds rows of several.")] = None,
    also: Annotated[list[str] | None, typer.Option(help="meteor or spice: need pycocoevalcap and Java.")] = None,
    model: ModelName = None,
    catalogue: Catalogue = None,
) -> None:
    """Score short captions: CIDEr, BLEU and ROUGE-L against several references."""
    from eval import commands  # noqa: PLC0415

    commands.captions(predictions, commands.Kept(out, model, catalogue), dataset=dataset, also=also or ())


@app.command()
def choices(
    predictions: Predictions,
    out: Out,
    benchmark: Annotated[
        str, typer.Option("--benchmark", "-b", help="tvbench, mvbench, video-mme, next-qa, egoschema or favor.")
    ],
    protocol: ProtocolOption = Protocol.open,
    model: ModelName = None,
    catalogue: Catalogue = None,
) -> None:
    """Score multiple-choice answers by the letter that they mean."""
    from eval import commands  # noqa: PLC0415

    commands.choices(benchmark, predictions, protocol.value, commands.Kept(out, model, catalogue))


@app.command()
def answers(
    predictions: Predictions,
    judge: JudgeOption,
    out: Out,
    benchmark: Annotated[str, typer.Option("--benchmark", "-b", help="msvd-qa, msr-vtt-qa, tgif-qa or anet-qa.")],
    protocol: ProtocolOption = Protocol.open,
    cache: Cache = None,
    prompts: Prompts = None,
    model: ModelName = None,
    catalogue: Catalogue = None,
) -> None:
    """Have short open answers graded by a judge."""
    from eval import commands  # noqa: PLC0415

    kept = commands.Kept(out, model, catalogue)
    commands.open_answers(benchmark, predictions, judge, protocol.value, kept, cache=cache, prompts=prompts)


@app.command()
def score(
    benchmark: Annotated[str, typer.Argument(help="One of the benchmarks; `evaluate benchmarks` lists them.")],
    predictions: Predictions,
    out: Out,
    judge: Annotated[str | None, typer.Option("--judge", "-j", help="For captions by events and open answers.")] = None,
    references: Annotated[Path | None, typer.Option("--references", "-r", help="The published rows.")] = None,
    protocol: ProtocolOption = Protocol.open,
    cache: Cache = None,
    prompts: Prompts = None,
    model: ModelName = None,
    catalogue: Catalogue = None,
) -> None:
    """Score the predictions of a benchmark as it is meant to be scored."""
    from eval import commands  # noqa: PLC0415
    from eval.running.commands import score_benchmark  # noqa: PLC0415

    kept = commands.Kept(out, model, catalogue)
    score_benchmark(
        benchmark, predictions, kept, judge=judge, references=references, protocol=protocol.value, cache=cache,
        prompts=prompts,
    )  # fmt: skip


@app.command()
def run(
    benchmark: Annotated[list[str], typer.Argument(help="Benchmarks or groups: dream, tvbench, mc_qa, all, stories.")],
    model: Annotated[str, typer.Option("--model", "-m", help="A checkpoint, or http://HOST:8000/v1?model=NAME.")],
    annotations: Annotated[Path, typer.Option("--annotations", "-a", help="The published rows, or their folder.")],
    videos: Annotated[str, typer.Option("--videos", help="A folder of videos, or a catalogue.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder: one in it for each benchmark.")],
    judge: Annotated[str | None, typer.Option("--judge", "-j", help="For captions by events and open answers.")] = None,
    protocol: ProtocolOption = Protocol.open,
    device: Annotated[str, typer.Option(help="cpu, cuda, or several: cuda:0,cuda:1.")] = "cpu",
    dtype: Annotated[str, typer.Option(help="float32, float16, bfloat16, or auto.")] = "auto",
    frames: Annotated[int | None, typer.Option(help="Of a clip. Default: the model family's own.")] = None,
    shard: Annotated[
        str | None, typer.Option(help="i/n: predict the i-th of n shares, from 0, and do not score.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Only the first so many rows.")] = None,
    cache: Cache = None,
    prompts: Prompts = None,
    catalogue: Catalogue = None,
) -> None:
    """Predict and score: every question once, and what is answered is not asked again."""
    from eval.running.commands import Asked, run_benchmarks  # noqa: PLC0415

    asked = Asked(model, annotations, videos, out, device=device, dtype=dtype, frames=frames, shard=shard, limit=limit)
    run_benchmarks(
        benchmark, asked, judge=judge, protocol=protocol.value, cache=cache, prompts=prompts, catalogue=catalogue
    )


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(help="Folder of a result.")],
    b: Annotated[Path, typer.Argument(help="Folder of another, by the same judge.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare two models on the same clips: paired differences, and the clips that differ most."""
    from eval.running.commands import print_comparison  # noqa: PLC0415

    print_comparison(a, b, as_json=as_json)


@app.command()
def judges(
    a: Annotated[Path, typer.Argument(help="Folder of a result.")],
    b: Annotated[Path, typer.Argument(help="Folder of another about the same captions.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare two judges, or one judge twice, about the same captions: offsets and Cohen's kappa."""
    from eval.running.commands import print_judges  # noqa: PLC0415

    print_judges(a, b, as_json=as_json)


@app.command()
def leaderboard(
    catalogue: Annotated[str, typer.Option("-c", "--catalogue", help="Folder or url of the catalogue.")],
    published: Annotated[bool, typer.Option(help="Show the published DREAM-1K table below.")] = True,
) -> None:
    """Show all scores in a catalogue, a table for each judge and protocol."""
    from eval.catalogue import leaderboard_lines  # noqa: PLC0415

    print("\n".join(leaderboard_lines(catalogue, published=published)))


@app.command()
def benchmarks() -> None:
    """List the benchmarks, their published files and how they are scored."""
    from eval.benchmarks.choose import ALL, GROUPS  # noqa: PLC0415

    for one in ALL:
        print(f"{one.name:17}{one.metric:14}{', '.join(one.files)}")
    for group, members in GROUPS.items():
        print(f"{group}: {', '.join(members)}")


@app.command()
def judgements(
    action: Annotated[str, typer.Argument(help="count, export or import.")],
    file: Annotated[Path | None, typer.Argument(help="A Parquet file.")] = None,
    cache: Cache = None,
) -> None:
    """Count the judgements that are kept, or carry them to and from a Parquet file."""
    from eval.running.commands import carry_judgements  # noqa: PLC0415

    carry_judgements(action, file, cache)


@app.command()
def tokenize(
    file: Annotated[Path | None, typer.Argument(help="Lines of text. Default: standard input.")] = None,
    punctuation: Annotated[bool, typer.Option("--punctuation", help="Keep it; caption metrics leave it out.")] = False,
    as_written: Annotated[bool, typer.Option("--as-written", help="Lower the case after, not before.")] = False,
) -> None:
    """Print the Penn Treebank tokens of each line, as caption metrics count them."""
    import io  # noqa: PLC0415

    from eval import commands  # noqa: PLC0415
    from eval.errors import EvalError  # noqa: PLC0415

    try:
        raw = file.read_bytes() if file else sys.stdin.buffer.read()
    except OSError as error:
        raise EvalError(f"{file} cannot be read: {error.strerror}.") from error
    text = io.StringIO(raw.decode("utf-8", errors="replace"), newline="\n")
    commands.tokenize(text, keep_punctuation=punctuation, as_written=as_written)


def main() -> None:
    """The door of the house: what a person can mend is one line, a bug is a traceback."""
    open_door(
        app, _named, extras="eval", goes_on="what was answered and judged is kept; the same command goes on from there"
    )


def _named() -> Errors:
    from engine.store import CatalogueError  # noqa: PLC0415
    from eval.errors import EvalError  # noqa: PLC0415
    from media.errors import MediaError  # noqa: PLC0415
    from model.errors import ModelError  # noqa: PLC0415

    names: Errors = (CatalogueError, EvalError, MediaError, ModelError)
    if "aiohttp" in sys.modules:
        from model.engines.server_call import ServerBroken  # noqa: PLC0415

        names = (*names, ServerBroken)
    return names
