"""The student's own answers, which on-policy distillation learns from in place of given ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

from model.captioner import CaptionRequest
from model.engines.packed import PackedGenerator, Row
from model.load import LoadedModel
from train.network.forward import PackedNetwork, stock_of
from train.reading import Ready, continued
from train.settings import OnPolicy


class OwnAnswers:
    """Called with the samples of a step, gives them with answers that the network writes as it is now.

    Which samples, and what is drawn, hangs on each sample's seed: the same weights answer the same.
    """

    def __init__(self, module: PackedNetwork, loaded: LoadedModel, settings: OnPolicy, pack_tokens: int) -> None:
        stock = stock_of(module.network)
        self._module, self._settings = module, settings
        self._generator = PackedGenerator(replace(loaded, network=stock), prefill_tokens=pack_tokens)

    def __call__(self, samples: Sequence[Ready]) -> list[Ready]:
        found = list(samples)
        chosen = [n for n, sample in enumerate(samples) if Random(sample.seed).random() < self._settings.share]
        self._module.eval()  # layers that compute their activations again would drop the cache
        try:
            for start in range(0, len(chosen), self._settings.rows):
                numbers = chosen[start : start + self._settings.rows]
                rows = [self._row(samples[n]) for n in numbers]
                for number, row, written in zip(numbers, rows, self._generator.write(rows), strict=True):
                    answered: Any = continued(row.prompt, written.ids)
                    found[number] = replace(samples[number], prompts=(answered,))
        finally:
            self._module.train()
        return found

    def _row(self, sample: Ready) -> Row:
        settings = self._settings
        request = CaptionRequest(
            sample.sample_id, (), max_new_tokens=settings.max_new_tokens, temperature=settings.temperature,
            seed=sample.seed,
        )  # fmt: skip
        return Row(request, sample.question)
