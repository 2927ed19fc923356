"""Options that several commands of `curate` share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

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
ExpertOption = Annotated[str | None, typer.Option("--expert", help="transnetv2: asked where default is not sure.")]
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
