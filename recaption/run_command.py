"""What `recaption run` does: arguments become steps, steps are run, and a person is told what happened."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime

from engine.catalogue import Catalogue, now
from engine.door import WrongUse
from engine.due import Shard
from engine.progress import Tally
from engine.store import CatalogueError
from engine.terminal import printable, say
from recaption.alike import ALIKE_CLIPS, REASON
from recaption.engines import EngineChoice, Identity, identify, opened
from recaption.prompts import load_prompts
from recaption.recipes import US, Choices, Sampling, recipe_named
from recaption.stage import Scope, Step, count_due, finish_step, run_step, steps_of

NAMED_REJECTS = 20


@dataclass(frozen=True)
class Typed:
    """The options of `recaption run` as they were typed."""

    catalogue: str
    model: str
    selection: str | None = None
    recipe: str = "tarsier"
    engine: str = "transformers"
    base_url: str | None = None
    device: str = "cpu"
    dtype: str = "auto"
    shard: str | None = None
    limit: int | None = None
    samples: int = 1
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    top_logprobs: int = 0
    prompt: list[str] | None = None
    prompts: str | None = None
    frames: int | None = None
    max_pixels: int | None = None
    max_new_tokens: int = 512
    window: float | None = None
    grid: bool = True
    gates: str = "auto"
    refine_model: str | None = None
    refine_url: str | None = None
    rows: int | None = None
    workers: int | None = None
    images: bool = False
    price: str | None = None
    budget: float | None = None
    retry: bool = False
    compile: bool = False


@dataclass(frozen=True)
class Prepared:
    """All that a run needs, checked before anything is loaded."""

    catalogue: Catalogue
    scope: Scope
    steps: list[Step]
    choice: EngineChoice
    refiner: EngineChoice

    def choice_of(self, step: Step) -> EngineChoice:
        return self.choice if step.look else self.refiner


def prepare(typed: Typed) -> Prepared:
    """Options as steps over a catalogue.

    Raises:
        WrongUse: an option cannot be as it stands.
        ModelError: the checkpoint cannot be used.
    """
    try:
        choice, refiner = _choices(typed)
        shard = Shard.parse(typed.shard) if typed.shard else None
        catalogue = Catalogue.open(typed.catalogue)
        known = load_prompts(typed.prompts)
        looker = identify(choice)
        choices = Choices(
            tuple(typed.prompt or ()), typed.frames, round(typed.window * US) if typed.window else None, typed.grid
        )
        make = recipe_named(typed.recipe, known, looker.frames, choices)
        sampling = Sampling(
            typed.samples, typed.temperature, typed.top_p, typed.seed, typed.top_logprobs, typed.max_new_tokens
        )
        recipe = make(sampling, typed.max_pixels, _gated(typed.gates, looker))
        steps = steps_of(recipe, looker, looker if refiner is choice else identify(refiner))
    except (ValueError, OSError, CatalogueError) as error:
        raise WrongUse(str(error)) from error
    check_selection(catalogue, typed.selection)
    return Prepared(catalogue, Scope(typed.selection, shard, typed.limit, typed.retry), steps, choice, refiner)


def run(typed: Typed) -> None:
    """Run what is due, step after step; an engine is loaded only where there is something for it to do."""
    prepared = prepare(typed)
    recipe = prepared.steps[0].recipe
    if not recipe.gates:
        say(
            "gates are off: texts are kept whatever they say"
            + (" (this model is a toy: it has under 10 million parameters)" if typed.gates == "auto" else "")
        )
    with ExitStack() as stack:
        engines: dict[int, tuple] = {}
        for step in prepared.steps:
            began_at = now()
            with prepared.catalogue.connect() as connection:
                left = count_due(connection, step, prepared.scope)
            if left:
                choice = prepared.choice_of(step)
                if id(choice) not in engines:
                    engines[id(choice)] = stack.enter_context(opened(choice, step.identity))
                say(told(run_step(prepared.catalogue, step, prepared.scope, engines[id(choice)][0])))
            else:
                say(f"{step.name}: nothing to do")
            if common := finish_step(prepared.catalogue, step):
                say(f"{step.name}: {common:,} texts withdrawn, more than {ALIKE_CLIPS} clips say the same ({REASON})")
            name_rejects(prepared.catalogue, step, began_at)
        for _, lines in engines.values():
            for line in lines():
                say(line)


def told(tally: Tally) -> str:
    """What a step did, in a line."""
    line = f"{tally.stage}: {tally.done:,} done in {tally.seconds:.1f} s"
    return line + (f", {tally.rejected.total():,} turned away ({tally.reasons()})" if tally.rejected else "")


def name_rejects(catalogue: Catalogue, step: Step, since: datetime) -> None:
    """Say what a step has turned away since then."""
    with catalogue.connect() as connection:
        rows = connection.execute(
            "select coalesce(video_key, key), reason, detail from rejects where stage = ? and fingerprint = ? "
            f"and created_at >= ? order by 1, 3 limit {NAMED_REJECTS + 1}",
            [step.name, step.fingerprint, since],
        ).fetchall()
    for key, reason, detail in rows[:NAMED_REJECTS]:
        say(f"  {printable(key)} · {printable(reason)} · {printable(detail)}")
    if len(rows) > NAMED_REJECTS:
        say("  … and more: curate sql 'from rejects' names all of them")


def _choices(typed: Typed) -> tuple[EngineChoice, EngineChoice]:
    """Who looks, and who refines: the same, unless another was named."""
    read, written = price_of(typed.price)
    look = EngineChoice(
        typed.engine, typed.model, typed.base_url, typed.device, typed.dtype, typed.rows, typed.workers, typed.images,
        typed.max_pixels, read, written, typed.budget, typed.compile,
    )  # fmt: skip
    if typed.refine_model is None and typed.refine_url is None:
        return look, look
    if typed.refine_model is None:
        raise ValueError("--refine-url needs --refine-model, the name by which the server knows it")
    if typed.refine_url is None:
        return look, EngineChoice("transformers", typed.refine_model, None, typed.device, typed.dtype, typed.rows)
    return look, EngineChoice(
        "openai", typed.refine_model, typed.refine_url, rows=typed.rows, workers=0, usd_read=read,
        usd_written=written, budget_usd=typed.budget,
    )  # fmt: skip


def price_of(text: str | None) -> tuple[float, float]:
    """USD for a million tokens read and written, of "0.15/0.6"."""
    if text is None:
        return 0.0, 0.0
    read, slash, written = text.partition("/")
    try:
        price = float(read), float(written)
    except ValueError:
        price = (-1.0, -1.0)
    if not slash or min(price) < 0:
        raise ValueError(f"--price is USD a million tokens read and written, for example 0.15/0.6, got {text!r}")
    return price


def _gated(gates: str, looker: Identity) -> bool:
    return gates == "on" or (gates == "auto" and not looker.is_toy)


def check_selection(catalogue: Catalogue, name: str | None) -> None:
    """Raises WrongUse where there is no such selection."""
    if name is None:
        return
    with catalogue.connect() as connection:
        known = [row[0] for row in connection.execute("select distinct selection from funnels order by 1").fetchall()]
    if name not in known:
        there = f"There are: {', '.join(known)}" if known else "curate select makes one"
        raise WrongUse(f"no selection {name!r} in {catalogue.url}. {there}")
