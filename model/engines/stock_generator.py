"""Generation for any other video VLM: its own `generate`, with a batch padded on the left and our choice of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessor, StoppingCriteria

from model.engines.choosing import Chooser
from model.engines.packed import Row, Tell, Written
from model.load import LoadedModel


class StockGenerator:
    """Writes texts for a batch of rows, as PackedGenerator does."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model

    @torch.inference_mode()
    def write(self, rows: Sequence[Row], tell: Tell | None = None) -> list[Written]:
        """One text a row, in order. Raises torch.OutOfMemoryError."""
        model = self._model
        inputs = self._inputs(rows)
        chosen = _Chosen(Chooser([row.request for row in rows], model.device))
        stops = _Stops(rows, model.stop_ids, model.processor.tokenizer, tell)
        model.network.generate(
            **inputs,
            do_sample=False,
            max_new_tokens=max(row.request.max_new_tokens for row in rows),
            logits_processor=[chosen],
            stopping_criteria=[stops],
            eos_token_id=list(model.stop_ids),
            pad_token_id=model.processor.tokenizer.pad_token_id,
        )
        stops.read(chosen.ids)
        return [
            _with_details(row, text, chosen, i) for i, (row, text) in enumerate(zip(rows, stops.texts, strict=True))
        ]

    def _inputs(self, rows: Sequence[Row]) -> dict[str, Any]:
        batch = self._model.processor.collate([row.prompt for row in rows])
        return {
            name: value.to(self._model.device, self._model.dtype if value.is_floating_point() else None)
            if isinstance(value, Tensor)
            else value
            for name, value in batch.items()
        }


class _Chosen(LogitsProcessor):
    """Leaves only the token that the chooser took, so that `generate` takes it too."""

    def __init__(self, chooser: Chooser) -> None:
        self._chooser = chooser
        self.ids: list[Tensor] = []
        self.known: list[tuple[Tensor, Tensor, Tensor] | None] = []

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        chosen = self._chooser(scores, len(self.ids))
        self.ids.append(chosen)
        self.known.append(self._chooser.logprobs(scores, chosen))
        return torch.full_like(scores, float("-inf")).scatter_(1, chosen[:, None], 0.0)


class _Stops(StoppingCriteria):
    """Ends each row at its own stop id, stop text or length."""

    def __init__(self, rows: Sequence[Row], stop_ids: tuple[int, ...], tokenizer: Any, tell: Tell | None) -> None:
        self._requests = [row.request for row in rows]
        self._stop_ids = frozenset(stop_ids)
        self._tokenizer = tokenizer
        self._tell = tell
        self.texts = [Written([], stopped=False) for _ in rows]

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        for row, token in enumerate(input_ids[:, -1].tolist()):
            self._take(row, token)
        if self._tell:
            self._tell(self.texts)
        done = [self._done(row) for row in range(len(self.texts))]
        return torch.tensor(done, device=input_ids.device)

    def read(self, steps: Sequence[Tensor]) -> None:
        """Takes a last token that `generate` did not ask about."""
        for row, text in enumerate(self.texts):
            for step in steps[len(text.ids) :]:
                self._take(row, int(step[row]))

    def _done(self, row: int) -> bool:
        return self.texts[row].stopped or len(self.texts[row].ids) >= self._requests[row].max_new_tokens

    def _take(self, row: int, token: int) -> None:
        if self._done(row):
            return
        text, request = self.texts[row], self._requests[row]
        text.ids.append(token)
        text.stopped = token in self._stop_ids
        if request.stop and not text.stopped:
            written = self._tokenizer.decode(text.ids, skip_special_tokens=True)
            text.stopped = any(stop in written for stop in request.stop)


def _with_details(row: Row, text: Written, chosen: _Chosen, number: int) -> Written:
    if row.request.top_logprobs:
        for known in chosen.known[: len(text.ids)]:
            assert known is not None
            logprob, values, ids = known
            text.logprobs.append(float(logprob[number]))
            pairs = zip(ids[number].tolist(), values[number].tolist(), strict=True)
            text.top.append(list(pairs)[: row.request.top_logprobs])
    return text
