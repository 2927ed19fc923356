"""Options that several commands of `recaption` share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Gates(StrEnum):
    """When texts are judged."""

    auto = "auto"
    on = "on"
    off = "off"


class EngineName(StrEnum):
    """Who answers."""

    transformers = "transformers"
    openai = "openai"


CatalogueOption = Annotated[str, typer.Option("-c", "--catalogue", help="Folder or fsspec url of the catalogue.")]
Selection = Annotated[str | None, typer.Option("--selection", help="Name of a selection. Default: all clips.")]
ModelOption = Annotated[str, typer.Option("--model", "-m", help="Folder, owner/name, or a server's name for it.")]
RecipeOption = Annotated[str, typer.Option("--recipe", "-r", help="tarsier, lvd2m, semantic or grounded.")]
Engine = Annotated[EngineName, typer.Option("--engine", help="transformers runs it here, openai asks a server.")]
BaseUrl = Annotated[str | None, typer.Option("--base-url", help="Of a server, with /v1; its key: OPENAI_API_KEY.")]
Device = Annotated[str, typer.Option(help="cpu, cuda (a process for each GPU), or one, as cuda:1.")]
Dtype = Annotated[str, typer.Option(help="float32, float16, bfloat16, or auto, the checkpoint's own.")]
ShardOption = Annotated[str | None, typer.Option("--shard", help="i/n: only the i-th of n shares, from 0.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Do at most so many clips.")]
Samples = Annotated[int, typer.Option(help="Texts of each prompt; they need a temperature.")]
Temperature = Annotated[float, typer.Option(help="0 is greedy.")]
TopP = Annotated[float, typer.Option("--top-p", help="Likeliest tokens with so much of the probability.")]
Seed = Annotated[int, typer.Option(help="Of the choice of tokens where the temperature is not 0.")]
TopLogprobs = Annotated[int, typer.Option("--top-logprobs", help="Likeliest tokens to keep beside each one.")]
PromptOption = Annotated[
    list[str] | None, typer.Option("--prompt", help="Id of a prompt in place of the recipe's; may be repeated.")
]
PromptFile = Annotated[str | None, typer.Option("--prompts", help="TOML file with prompts of your own.")]
Frames = Annotated[int | None, typer.Option("--frames", help="Frames to look at. Default: the recipe's.")]
MaxPixels = Annotated[int | None, typer.Option(help="Pixels of a frame at most. Default: the model's.")]
MaxNewTokens = Annotated[int, typer.Option(help="Tokens to write at most.")]
Window = Annotated[float | None, typer.Option("--window", help="Longest piece of a clip, s. Default: the recipe's.")]
Grid = Annotated[bool, typer.Option("--grid/--no-grid", help="lvd2m: six frames in one picture, or as a video.")]
GatesOption = Annotated[Gates, typer.Option("--gates", help="Turn unfit texts away; auto: unless the model is a toy.")]
RefineModel = Annotated[str | None, typer.Option("--refine-model", help="Who refines texts. Default: --model.")]
RefineUrl = Annotated[str | None, typer.Option("--refine-url", help="Of the server that refines, with /v1.")]
Rows = Annotated[int | None, typer.Option("--rows", help="Requests in a batch, or calls at once.")]
Workers = Annotated[int | None, typer.Option("--workers", help="Processes that decode ahead. Default: the cores.")]
Images = Annotated[bool, typer.Option("--images", help="Send frames as pictures: servers that take no video.")]
Price = Annotated[str | None, typer.Option("--price", help="USD for a million tokens read and written, as 0.15/0.6.")]
Budget = Annotated[float | None, typer.Option("--budget", help="USD after which nothing more is sent.")]
Compile = Annotated[
    bool,
    typer.Option("--compile", help="Compile norms, gates and rotations: quicker on a GPU, later to begin."),
]
Retry = Annotated[bool, typer.Option("--retry", help="Try again what was turned away for good.")]
