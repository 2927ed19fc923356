"""A training run from its recipe to its model: begun, or gone on with where it was left."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from engine.catalogue import Catalogue, tool_version
from engine.door import WrongUse
from model.errors import ModelError
from model.fused import fuse
from train import checkpoints
from train.choosing import answers_of, count_of, objective_of
from train.curves import PICTURE, draw
from train.frame_cache import FrameCache
from train.learner import Learner
from train.metrics import Metrics
from train.network.forward import PackedNetwork
from train.network.loading import load_for_training
from train.network.saving import save_model
from train.network.towers import prepare
from train.parallel import Parallel, Sharing
from train.preferences.reference import reference_logprobs
from train.reading import Batch, Reader, Unread
from train.settings import Recipe
from train.sources import SampleSource, Source

RUN_FILE = "run.json"
CHECKPOINTS = "checkpoints"
UNREAD_FILE = "unread.parquet"


@dataclass(frozen=True)
class RunOptions:
    """What a recipe does not say. workers: processes that decode ahead. cache_bytes: of decoded frames kept below
    `out`; 0 is off. keep: checkpoints that stay. compile: the network's small parts; losses then differ by rounding.
    """

    model: Path
    out: Path
    device: str = "cpu"
    resume: bool = False
    keep: int = 2
    workers: int = 0
    cache_bytes: int = 0
    cache_folder: Path | None = None
    sharing: Sharing = "ddp"
    compile: bool = False

    def __post_init__(self) -> None:
        if self.keep < 1:
            raise ValueError(f"keep must be >= 1, got {self.keep}: without a checkpoint nothing can be gone on with.")
        if self.workers < 0 or self.cache_bytes < 0:
            raise ValueError("workers and cache_bytes must be >= 0; 0 is off.")


def train(catalogue: Catalogue, recipe: Recipe, options: RunOptions, say: Callable[[str], None]) -> Path:
    """Runs the recipe; returns the folder of the model. A run that is finished is not run again.

    Raises WrongUse: nothing to learn from, a folder that holds another run; ModelError; KeyboardInterrupt after a
    checkpoint, on Ctrl-C and on SIGTERM.
    """
    source = SampleSource(catalogue, recipe)
    if leaked := source.leaked():
        say(f"{leaked:,} videos of this mixture are in another split than {recipe.split!r} of some samples, too")
    return train_on(source, Path(catalogue.url), recipe, options, say)


def train_on(source: Source, root: Path, recipe: Recipe, options: RunOptions, say: Callable[[str], None]) -> Path:
    """The same over any source; paths in its messages are relative to root."""
    parallel = Parallel(options.device, options.sharing)
    try:
        return _train(source, root, recipe, options, parallel, say if parallel.is_first else lambda _: None)
    finally:
        parallel.close()


def _train(
    source: Source, root: Path, recipe: Recipe, options: RunOptions, parallel: Parallel, say: Callable[[str], None]
) -> Path:
    steps = recipe.steps or source.steps()
    recipe = replace(recipe, steps=steps)
    torch.manual_seed(recipe.seed)
    loaded = load_for_training(options.model, str(parallel.device))
    if parallel.is_first:
        _begin(options, recipe, source, loaded.weights)
    parallel.barrier()
    start = checkpoints.saved(options.out / CHECKPOINTS)[-1:] if options.resume else []
    network = prepare(loaded.network, recipe)
    if options.compile:
        fuse(network)
    module = PackedNetwork(network, loaded.family, loaded.processor)
    reader_of = partial(
        _reader, recipe=recipe, processor=loaded.processor, root=root, options=options, parallel=parallel
    )
    reference = None
    if recipe.needs_reference:
        reference = reference_logprobs(module, recipe, source, steps, options.out, parallel, reader_of, say)
    objective = objective_of(recipe, loaded, module, str(parallel.device), reference)
    answers = answers_of(recipe, loaded, module, parallel)
    learner = Learner(module, recipe, steps, parallel, objective, lambda sample: count_of(recipe, sample), answers)
    first = 0
    if start:
        tensors, state = checkpoints.load(start[0])
        learner.restore(tensors)
        first = int(state["step"])
        say(f"going on after step {first} of {steps}")
    reader = reader_of(source)
    metrics = Metrics(options.out, first, say) if parallel.is_first else None
    _loop(learner, reader, range(first, steps), recipe, options, parallel, metrics)
    return _finish(learner, loaded, options, parallel, say)


def _begin(options: RunOptions, recipe: Recipe, source: Source, weights: str) -> None:
    """Notes what the run is, or checks that it is the same."""
    ids = blake2b(digest_size=8)
    for one in source.ids():
        ids.update(one.encode())
    identity = {"recipe": recipe.fingerprint, "steps": recipe.steps, "weights": weights, "samples": ids.hexdigest()}
    path = options.out / RUN_FILE
    if path.is_file():
        known = json.loads(path.read_text())["identity"]
        if not options.resume:
            raise WrongUse(f"{options.out} holds a run. --resume goes on with it; or name another folder.")
        if differing := [name for name in identity if known.get(name) != identity[name]]:
            raise WrongUse(
                f"{options.out} holds a run with other {' and '.join(differing)}; it cannot be gone on with. "
                "Give what it was begun with, or name another folder."
            )
        return
    if options.out.exists() and any(options.out.iterdir()):
        raise WrongUse(f"{options.out} is not empty and holds no run. Name another folder.")
    options.out.mkdir(parents=True, exist_ok=True)
    facts = {
        "identity": identity, "model": str(options.model), "tool_version": tool_version(),
        "datasets": dict(source.datasets), "recipe": asdict(recipe),
    }  # fmt: skip
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(json.dumps(facts, indent=1) + "\n")
    part.replace(path)


def _reader(
    source: Source, recipe: Recipe, processor: Any, root: Path, options: RunOptions, parallel: Parallel
) -> Reader:
    cache = None
    if options.cache_bytes:
        cache = FrameCache(options.cache_folder or options.out / "frames", options.cache_bytes)
    share = (parallel.rank, parallel.world)
    return Reader(source, recipe, processor, root, workers=options.workers, cache=cache, share=share)


def _loop(
    learner: Learner,
    reader: Reader,
    steps: range,
    recipe: Recipe,
    options: RunOptions,
    parallel: Parallel,
    metrics: Metrics | None,
) -> None:
    with _Stop() as stop:
        asked = time.perf_counter()
        for batch in reader.batches(steps.start, steps.stop):
            began = time.perf_counter()
            _check_readable(batch)
            result = learner.step(batch.step, batch.ready)
            unread = int(parallel.sums(len(batch.unread))[0])
            ended = time.perf_counter()
            if metrics:
                metrics.add(
                    {
                        "step": batch.step + 1, "loss": result.loss, "lr": result.lr, "tokens": result.tokens,
                        "learned_tokens": result.learned_tokens, "samples": result.samples, "unread": unread,
                        "seconds": ended - asked, "waited_seconds": began - asked, "grad_norm": result.grad_norm,
                        "parts": result.parts,
                    }
                )  # fmt: skip
            _note_unread(options.out, batch, parallel.rank)
            asked = ended
            done = batch.step + 1
            stopping = bool(parallel.sums(float(stop.asked))[0])
            if done % recipe.checkpoint_every == 0 or done == steps.stop or stopping:
                _checkpoint(learner, done, options, parallel, metrics)
            if stopping:
                raise KeyboardInterrupt
    if metrics:
        metrics.close()


def _checkpoint(learner: Learner, done: int, options: RunOptions, parallel: Parallel, metrics: Metrics | None) -> None:
    tensors = learner.tensors()
    if metrics:
        metrics.write()  # first: a checkpoint promises the rows up to it
        folder = options.out / CHECKPOINTS
        checkpoints.save(folder, done, tensors, {"tool_version": tool_version()})
        checkpoints.prune(folder, options.keep)
    parallel.barrier()


def _finish(learner: Learner, loaded: Any, options: RunOptions, parallel: Parallel, say: Callable[[str], None]) -> Path:
    target = options.out / "model"
    if learner.mean:
        learner.mean.swap(learner.module)
    save_model(loaded, learner.module.network, target, write=parallel.is_first)
    if parallel.is_first and find_spec("matplotlib"):
        draw([options.out], options.out / PICTURE)
    parallel.barrier()
    say(f"the model is in {target}")
    return target


def _check_readable(batch: Batch) -> None:
    """A step of which nothing can be read is no step: it points to a catalogue whose files are elsewhere."""
    if batch.unread and not batch.ready:
        one: Unread = batch.unread[0]
        raise ModelError(one.reason, f"step {batch.step + 1}: none of its samples can be used; {one.detail}")


def _note_unread(out: Path, batch: Batch, rank: int) -> None:
    """Adds what could not be used to unread.parquet: step, sample_id, reason, detail."""
    if not batch.unread:
        return
    path = out / (UNREAD_FILE if rank == 0 else f"unread-{rank}.parquet")
    rows = pq.read_table(path).to_pylist() if path.is_file() else []
    rows = [row for row in rows if row["step"] != batch.step + 1]
    rows += [{"step": batch.step + 1, **asdict(one)} for one in batch.unread]
    part = path.with_name(f".{path.name}.part")
    pq.write_table(pa.Table.from_pylist(rows), part)
    part.replace(path)


class _Stop:
    """Notes Ctrl-C and SIGTERM, so that the step is finished and written first; the second one comes through."""

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> _Stop:
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self._before[number] = signal.signal(number, self._note)
            except ValueError:  # not the main thread: whoever owns it decides
                return self
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
