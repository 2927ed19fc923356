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

app = typer.Typer(
    name="evaluate",
    help="What captions and answers are worth: AutoDQ, multiple choice, open questions, CIDEr.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Predictions = Annotated[Path, typer.Option("--predictions", "-p", help="A .jsonl file, or a folder of them.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for scores.json and the tables.")]
Cache = Annotated[Path | None, typer.Option("--cache", help="File of judgements. Default: one for all runs.")]
Prompts = Annotated[Path | None, typer.Option(help="A copy of the original repository, for its prompts.")]
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
) -> None:
    """Score captions by events: recall and precision of what happens, F1 of the two, by a judge."""
    from eval import commands  # noqa: PLC0415

    commands.autodq(predictions, references, judge, protocol.value, out, cache=cache, prompts=prompts)


@app.command()
def captions(
    predictions: Predictions,
    out: Out,
    dataset: Annotated[str | None, typer.Option(help="Where the file holds rows of several.")] = None,
    also: Annotated[list[str] | None, typer.Option(help="meteor or spice: need pycocoevalcap and Java.")] = None,
) -> None:
    """Score short captions: CIDEr, BLEU and ROUGE-L against several references."""
    from eval import commands  # noqa: PLC0415

    commands.captions(predictions, out, dataset=dataset, also=also or ())


@app.command()
def choices(
    predictions: Predictions,
    out: Out,
    benchmark: Annotated[
        str, typer.Option("--benchmark", "-b", help="tvbench, mvbench, video-mme, next-qa, egoschema or favor.")
    ],
    protocol: ProtocolOption = Protocol.open,
) -> None:
    """Score multiple-choice answers by the letter that they mean."""
    from eval import commands  # noqa: PLC0415

    commands.choices(benchmark, predictions, protocol.value, out)


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
    """The door: errors that have names are one line and an exit code."""
    from eval.errors import EvalError  # noqa: PLC0415

    try:
        app()
    except EvalError as error:
        print(f"evaluate: {error}", file=sys.stderr)
        sys.exit(1)
