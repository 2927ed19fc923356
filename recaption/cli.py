"""The command `recaption`. Results go to standard output, everything else to standard error.

Exit codes: 0 the run completed (clips turned away included), 1 it failed, 2 it was called wrongly, 130 Ctrl-C.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated, Any

import typer

from engine.door import Errors, command, open_door, reading_words
from recaption.options import (
    BaseUrl,
    Budget,
    CatalogueOption,
    Compile,
    Device,
    Dtype,
    Engine,
    EngineName,
    Frames,
    Gates,
    GatesOption,
    Grid,
    Images,
    Limit,
    MaxNewTokens,
    MaxPixels,
    ModelOption,
    Price,
    PromptFile,
    PromptOption,
    RecipeOption,
    RefineModel,
    RefineUrl,
    Retry,
    Rows,
    Samples,
    Seed,
    Selection,
    ShardOption,
    Temperature,
    TopLogprobs,
    TopP,
    Window,
    Workers,
)

app = command("recaption", "Clips become dense captions, over shards, and no clip is done twice.")


@app.command()
def run(
    catalogue: CatalogueOption,
    model: ModelOption,
    selection: Selection = None,
    recipe: RecipeOption = "tarsier",
    engine: Engine = EngineName.transformers,
    base_url: BaseUrl = None,
    device: Device = "cpu",
    dtype: Dtype = "auto",
    shard: ShardOption = None,
    limit: Limit = None,
    samples: Samples = 1,
    temperature: Temperature = 0.0,
    top_p: TopP = 1.0,
    seed: Seed = 0,
    top_logprobs: TopLogprobs = 0,
    prompt: PromptOption = None,
    prompts: PromptFile = None,
    frames: Frames = None,
    max_pixels: MaxPixels = None,
    max_new_tokens: MaxNewTokens = 512,
    window: Window = None,
    grid: Grid = True,
    gates: GatesOption = Gates.auto,
    refine_model: RefineModel = None,
    refine_url: RefineUrl = None,
    rows: Rows = None,
    workers: Workers = None,
    images: Images = False,
    price: Price = None,
    budget: Budget = None,
    retry: Retry = False,
    compile: Compile = False,
) -> None:
    """Caption the clips of a selection that are not captioned yet.

    The same command again does what is left: after Ctrl-C, a crash, or with other shards.
    """
    typed = plain(locals())
    from recaption import run_command  # noqa: PLC0415

    run_command.run(run_command.Typed(**typed))


def plain(given: dict[str, Any]) -> dict[str, Any]:
    """Arguments of a command, those of a list of words as the word."""
    return {name: value.value if isinstance(value, StrEnum) else value for name, value in given.items()}


@app.command()
def describe(
    file: Annotated[str, typer.Argument(help="A video, gif or picture: a file or a url.")],
    model: ModelOption,
    prompt: Annotated[str | None, typer.Option(help="The question, in place of the recipe's.")] = None,
    device: Device = "cpu",
    dtype: Dtype = "auto",
    frames: Frames = None,
    max_pixels: MaxPixels = None,
    max_new_tokens: MaxNewTokens = 512,
    temperature: Temperature = 0.0,
    top_p: TopP = 1.0,
    seed: Seed = 0,
    engine: Engine = EngineName.transformers,
    base_url: BaseUrl = None,
) -> None:
    """Describe one file or url; prints the text alone."""
    from recaption import describe as describing  # noqa: PLC0415
    from recaption.engines import EngineChoice  # noqa: PLC0415

    with reading_words():
        choice = EngineChoice(engine.value, model, base_url, device, dtype, rows=1, workers=0, max_pixels=max_pixels)
        question = describing.Question(prompt, frames, max_new_tokens, temperature, top_p, seed)
    print(describing.describe(file, choice, question))


@app.command()
def chat(
    model: ModelOption,
    files: Annotated[list[str] | None, typer.Argument(help="Pictures, gifs or videos to begin with.")] = None,
    device: Device = "cpu",
    dtype: Dtype = "auto",
    frames: Frames = None,
    max_pixels: MaxPixels = None,
    max_new_tokens: MaxNewTokens = 512,
    temperature: Temperature = 0.0,
    top_p: TopP = 1.0,
) -> None:
    """Talk about pictures, gifs and videos in the terminal; /help there says what else."""
    from recaption import chat as talking  # noqa: PLC0415
    from recaption.conversation import Style  # noqa: PLC0415
    from recaption.engines import EngineChoice  # noqa: PLC0415

    with reading_words():
        choice = EngineChoice("transformers", model, None, device, dtype, rows=1, workers=0, max_pixels=max_pixels)
        style = Style(frames, temperature, top_p, max_new_tokens)
    talking.chat(files or [], choice, style)


@app.command()
def demo(
    model: ModelOption,
    device: Device = "cpu",
    dtype: Dtype = "auto",
    max_pixels: MaxPixels = None,
    max_new_tokens: MaxNewTokens = 256,
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 lets others in.")] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(help="Port. Default: the first free one from 7860.")] = None,
) -> None:
    """Serve a page for talking about pictures, gifs and videos in the browser."""
    from recaption import demo as showing  # noqa: PLC0415
    from recaption.conversation import Style  # noqa: PLC0415
    from recaption.engines import EngineChoice  # noqa: PLC0415

    with reading_words():
        choice = EngineChoice("transformers", model, None, device, dtype, rows=1, workers=0, max_pixels=max_pixels)
        style = Style(max_new_tokens=max_new_tokens)
    showing.demo(choice, style, host, port)


@app.command()
def plan(
    catalogue: CatalogueOption,
    model: ModelOption,
    selection: Selection = None,
    recipe: RecipeOption = "tarsier",
    engine: Engine = EngineName.transformers,
    base_url: BaseUrl = None,
    shard: ShardOption = None,
    samples: Samples = 1,
    temperature: Temperature = 0.0,
    prompt: PromptOption = None,
    prompts: PromptFile = None,
    frames: Frames = None,
    max_pixels: MaxPixels = None,
    window: Window = None,
    gpu: Annotated[str | None, typer.Option(help="H200, H100, A100, L40S, L4, A10, RTX4090, RTX3090 or T4.")] = None,
    gpus: Annotated[int, typer.Option(min=1, help="How many of them.")] = 1,
    price: Price = None,
    usd_per_hour: Annotated[float | None, typer.Option(min=0, help="What an hour of one GPU costs.")] = None,
) -> None:
    """Say how long a run will take and what it will cost, before it starts."""
    from recaption import plan as planning  # noqa: PLC0415
    from recaption import run_command  # noqa: PLC0415

    typed = run_command.Typed(
        catalogue, model, selection, recipe, engine.value, base_url, shard=shard, samples=samples,
        temperature=temperature, prompt=prompt, prompts=prompts, frames=frames, max_pixels=max_pixels, window=window,
    )  # fmt: skip
    with reading_words():
        planning.plan(typed, gpu, gpus, run_command.price_of(price), usd_per_hour)


@app.command()
def status(
    catalogue: CatalogueOption,
    selection: Selection = None,
    shards: Annotated[int, typer.Option(min=1, help="Say it for each of so many shards as well.")] = 1,
    price: Price = None,
) -> None:
    """Say what is captioned: done, left, rate, time left, failures by reason, tokens, cost."""
    from engine.catalogue import Catalogue  # noqa: PLC0415
    from recaption import run_command  # noqa: PLC0415
    from recaption import status as telling  # noqa: PLC0415

    opened = Catalogue.open(catalogue)
    run_command.check_selection(opened, selection)
    with reading_words():
        prices = run_command.price_of(price)
    telling.status(opened, selection, shards, prices)


def main() -> None:
    """The door of the house: what a person can mend is one line, a bug is a traceback."""
    open_door(app, _named, extras="model,ui")


def _named() -> Errors:
    from engine.store import CatalogueError  # noqa: PLC0415
    from model.errors import ModelError  # noqa: PLC0415
    from recaption.unanswered import Unanswered  # noqa: PLC0415

    names: Errors = (CatalogueError, ModelError, Unanswered)
    if "aiohttp" in sys.modules:
        from model.engines.server_call import ServerBroken  # noqa: PLC0415

        names = (*names, ServerBroken)
    return names
