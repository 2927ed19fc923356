"""What a model answers to many messages: texts with their token ids and likeliest tokens, batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.captioner import CaptionRequest
from model.engines.packed import PackedGenerator, Row
from model.errors import ModelError
from model.load import LoadedModel


@dataclass(frozen=True)
class Answer:
    """The answer to one request. reason, detail: where there is none. top_ids, top_logprobs: a row a token."""

    request_id: str
    text: str | None
    ids: tuple[int, ...] = ()
    top_ids: tuple[tuple[int, ...], ...] = ()
    top_logprobs: tuple[tuple[float, ...], ...] = ()
    stopped: bool = False
    reason: str = ""
    detail: str = ""


def answers(model: LoadedModel, requests: Iterable[CaptionRequest], root: Path, *, rows: int = 32) -> Iterator[Answer]:
    """One answer a request, in order. root: of the messages' files; that of the requests is not looked at."""
    generator = PackedGenerator(model)
    for batch in _batches(requests, rows):
        yield from _answered(model, generator, batch, root)


def _batches(requests: Iterable[CaptionRequest], size: int) -> Iterator[Sequence[CaptionRequest]]:
    waiting: list[CaptionRequest] = []
    for request in requests:
        waiting.append(request)
        if len(waiting) == size:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def _answered(
    model: LoadedModel, generator: PackedGenerator, requests: Sequence[CaptionRequest], root: Path
) -> Iterator[Answer]:
    rows: dict[str, Row] = {}
    failed: dict[str, ModelError] = {}
    for request in requests:
        try:
            prompt: Any = model.processor.prompt(request.messages, root=root, generation=True)
            rows[request.request_id] = Row(request, prompt)
        except ModelError as error:
            failed[request.request_id] = error
    written = dict(zip(rows, generator.write(list(rows.values())), strict=True)) if rows else {}
    for request in requests:
        name = request.request_id
        if name in failed:
            yield Answer(name, None, reason=failed[name].reason, detail=failed[name].detail)
            continue
        one = written[name]
        text = model.processor.tokenizer.decode(one.ids, skip_special_tokens=True).strip()
        yield Answer(
            name, text, tuple(one.ids),
            tuple(tuple(token for token, _ in row) for row in one.top),
            tuple(tuple(logprob for _, logprob in row) for row in one.top),
            one.stopped,
        )  # fmt: skip
