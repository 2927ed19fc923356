"""What a run will take, before it starts: clips, requests, tokens, hours at the roofline and as measured, and USD."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.terminal import say
from recaption.run_command import Prepared, Typed, prepare
from recaption.spans import LEAST_REST_US
from recaption.stage import Scope, Step, due_of

if TYPE_CHECKING:
    import duckdb

ASSUMED_TOKENS = 200  # of a text, where none has been written yet
TEXT_TOKENS = 40


@dataclass(frozen=True)
class Pictures:
    """Clips of one display size and the pieces that they are looked at in."""

    width: int
    height: int
    clips: int
    pieces: int


def plan(typed: Typed, gpu: str | None, gpus: int, price: tuple[float, float], usd_per_hour: float | None) -> None:
    """Print what `recaption run` with the same options would take.

    Raises:
        WrongUse, ModelError: as the run itself.
        ValueError: a GPU that is not known.
    """
    prepared = prepare(typed)
    look = prepared.steps[0]
    with prepared.catalogue.connect() as connection:
        pictures = _pictures(connection, look, prepared.scope)
        known = _known(connection, look.identity.writer.model)
        later = [(step.name, _clips(connection, step, prepared.scope)) for step in prepared.steps[1:]]
    clips = sum(one.clips for one in pictures)
    asked = look.recipe.look.prompts
    answers = sum(one.pieces for one in pictures) * len(asked) * look.sampling.samples
    print(f"due               {clips:,} clips, {sum(one.pieces for one in pictures):,} pieces, {answers:,} answers")
    for name, count in later:
        print(f"then {name:13}{count:,} clips that wait for it now, and those that are captioned until then")
    tokens = known[0] if known else ASSUMED_TOKENS
    print(
        f"tokens written    {round(answers * tokens):,} ({tokens:.0f} a text, {'as measured' if known else 'assumed'})"
    )
    seconds = _roofline(prepared, look, pictures, gpu, tokens)
    if seconds is not None:
        _print_hours(f"roofline, {gpu}", seconds / gpus, gpus, usd_per_hour)
    if known and clips:
        share = "" if seconds is None else f", {seconds / (known[1] * answers):.0%} of the roofline"
        _print_hours("as measured", known[1] * answers / gpus, gpus, usd_per_hour, share)
    elif seconds is None:
        say("no rate is known: run it with --limit 20 first, and plan again")
    if any(price):
        read = known[2] if known else 0.0
        usd = answers * (read * price[0] + tokens * price[1]) / 1e6
        print(f"server            {usd:,.2f} USD at {price[0]:g}/{price[1]:g} a million tokens"
              f"{'' if known else ', written ones alone: how many are read is not known yet'}")  # fmt: skip


def _pictures(connection: duckdb.DuckDBPyConnection, step: Step, scope: Scope) -> list[Pictures]:
    """What is due by display size."""
    look = step.recipe.look
    length = look.longest_us
    joined = LEAST_REST_US - 1 if look.segments else 0  # such a rest belongs to the piece before it
    pieces = "1" if length is None else f"greatest(1, ceil((d.end_us - d.start_us - {joined}) / {length}))"
    due = due_of(step, scope.selection).sql(scope.shard, scope.limit, retry=scope.retry)
    rows = connection.execute(
        f"select v.display_width, v.display_height, count(*), cast(sum({pieces}) as bigint) "
        f"from ({due}) d join videos v on v.video_id = d.video_id group by all order by 3 desc"
    ).fetchall()
    return [Pictures(*row) for row in rows]


def _clips(connection: duckdb.DuckDBPyConnection, step: Step, scope: Scope) -> int:
    due = due_of(step, scope.selection).sql(scope.shard, scope.limit, retry=scope.retry)
    return connection.execute(f"select count(*) from ({due})").fetchall()[0][0]


def _known(connection: duckdb.DuckDBPyConnection, model: str) -> tuple[float, float, float] | None:
    """(tokens written, seconds, tokens read) of one text by this model, as its rows say; None where there is none."""
    rows = connection.execute(
        "select avg(output_tokens), avg(seconds), avg(prompt_tokens), count(*) from history.captions "
        "where model = ? and seconds > 0 and kind <> 'raw'",
        [model],
    ).fetchall()
    written, seconds, read, count = rows[0]
    return (written, seconds, read or 0.0) if count else None


def _roofline(
    prepared: Prepared, look: Step, pictures: Sequence[Pictures], gpu: str | None, tokens: float
) -> float | None:
    """Seconds of one GPU at the arithmetic's and the memory's limit; None for what has no plan."""
    if gpu is None or look.identity.folder is None or look.identity.family == "other":
        return None
    from model.configs import open_checkpoint  # noqa: PLC0415
    from model.plan import clip_plan, gpu_named, network_sizes, tarsier2_grid  # noqa: PLC0415

    device, sizes = gpu_named(gpu), network_sizes(open_checkpoint(look.identity.folder))
    recipe, seconds = look.recipe, 0.0
    most = recipe.max_pixels or 460_800
    for one in pictures:
        if look.identity.family == "tarsier1":
            side = sizes.extra_tokens - 1
            grid = (1 if recipe.look.form == "grid" else recipe.look.n_frames, side, side)
        elif recipe.look.form == "grid":
            grid = (1, *tarsier2_grid(3 * one.width, 2 * one.height, 1, most)[1:])
        else:
            grid = tarsier2_grid(one.width, one.height, recipe.look.n_frames, most)
        cost = clip_plan(sizes, grid, device, text_tokens=TEXT_TOKENS, new_tokens=max(1, round(tokens)))
        answers = len(recipe.look.prompts) * recipe.sampling.samples
        # further prompts about the same frames encode nothing again, but read them again: counted as whole clips
        seconds += one.pieces * answers * (cost.compute_seconds + cost.memory_seconds)
    return seconds


def _print_hours(name: str, seconds: float, gpus: int, usd_per_hour: float | None, more: str = "") -> None:
    cost = f", {seconds / 3600 * gpus * usd_per_hour:,.2f} USD" if usd_per_hour is not None else ""
    print(f"{name:18}{seconds / 3600:.3g} hours on {gpus} GPU{'s' * (gpus > 1)}{cost}{more}")
