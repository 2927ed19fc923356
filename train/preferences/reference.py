"""What the network said of both answers before it learned anything, computed once and kept beside the run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from train.mixture import Shown
from train.network.forward import PackedNetwork
from train.objectives import sequence_logprobs
from train.packs import packs_of
from train.parallel import Parallel
from train.reading import Reader, Ready
from train.settings import Recipe
from train.sources import Sample, Source

FOLDER = "reference"
WRITE_SECONDS = 60.0
AT_ONCE = 64  # pairs that are read together

Logprobs = Mapping[str, tuple[float, float]]
"""By sample: log-probability of the chosen and of the rejected answer."""


class OnceEach:
    """A `Source` that shows some samples of another one once."""

    def __init__(self, source: Source, numbers: Sequence[int]) -> None:
        self._source, self._numbers = source, numbers
        self.datasets = source.datasets

    def steps(self) -> int:
        return -(-len(self._numbers) // AT_ONCE)

    def ids(self) -> Sequence[str]:
        return self._source.ids()

    def shown(self, step: int) -> list[Shown]:
        return [Shown(number, 0) for number in self._numbers[step * AT_ONCE : (step + 1) * AT_ONCE]]

    def sample(self, number: int) -> Sample:
        return self._source.sample(number)

    def tokens_of(self, caption_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        return self._source.tokens_of(caption_ids)


def reference_logprobs(
    module: PackedNetwork,
    recipe: Recipe,
    source: Source,
    steps: int,
    out: Path,
    parallel: Parallel,
    reader_of: Callable[[Source], Reader],
    say: Callable[[str], None],
) -> Logprobs:
    """Log-probabilities of both answers of every pair that the run shows, in float32 sums.

    module: with the weights that the run begins from, not yet split over processes. out: parts are kept below it, so
    that a killed pass goes on. Pairs that cannot be read are left out, as the run will leave them out.
    """
    folder = out / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    known = _read(folder)
    parallel.barrier()  # nobody writes before all have read
    numbers = {shown.number for step in range(steps) for shown in source.shown(step)}
    missing = [number for number in sorted(numbers) if source.sample(number).sample_id not in known]
    if missing:
        say(f"reference: {len(missing):,} pairs before the first step")
        _compute(module, recipe, OnceEach(source, missing), folder, parallel, reader_of)
        parallel.barrier()
        known = _read(folder)
    return known


def _compute(
    module: PackedNetwork,
    recipe: Recipe,
    source: OnceEach,
    folder: Path,
    parallel: Parallel,
    reader_of: Callable[[Source], Reader],
) -> None:
    rows: list[dict[str, Any]] = []
    written = time.monotonic()
    for batch in reader_of(source).batches(0, source.steps()):
        for sample, chosen, rejected in _of_batch(module, recipe, batch.ready, parallel):
            rows.append({"sample_id": sample.sample_id, "chosen": chosen, "rejected": rejected})
        if time.monotonic() - written > WRITE_SECONDS:
            _write(folder, rows, parallel.rank)
            rows, written = [], time.monotonic()
    _write(folder, rows, parallel.rank)


@torch.no_grad()
def _of_batch(
    module: PackedNetwork, recipe: Recipe, samples: Sequence[Ready], parallel: Parallel
) -> Iterator[tuple[Ready, float, float]]:
    lengths = [sum(len(prompt.input_ids) for prompt in sample.prompts) for sample in samples]
    for pack in packs_of(lengths, recipe.pack_tokens):
        prompts = [prompt for number in pack for prompt in samples[number].prompts]
        with parallel.computing(recipe.precision):
            found = sequence_logprobs(module(prompts), len(prompts)).tolist()
        for place, number in enumerate(pack):
            yield samples[number], found[2 * place], found[2 * place + 1]


def _write(folder: Path, rows: list[dict[str, Any]], rank: int) -> None:
    if not rows:
        return
    path = folder / f"{rank}-{len(list(folder.glob(f'{rank}-*.parquet')))}.parquet"
    part = path.with_name(f".{path.name}.part")
    pq.write_table(pa.Table.from_pylist(rows), part)
    part.replace(path)


def _read(folder: Path) -> dict[str, tuple[float, float]]:
    rows = [row for path in sorted(folder.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]
    return {row["sample_id"]: (row["chosen"], row["rejected"]) for row in rows}
