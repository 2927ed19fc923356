"""The engine that runs networks here: frames decoded ahead on CPU workers, requests of similar length batched."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Protocol

import torch

from model.captioner import CaptionRequest, CaptionResult, TokenLogprob, failed
from model.engines.packed import PackedGenerator, Row, Tell, Written
from model.engines.report import RunReport
from model.engines.workers import Workers
from model.errors import ModelError
from model.fused import fuse
from model.load import LoadedModel

KEPT_SETS = 4  # frame sets whose decoded frames and features stay for further prompts


class Generator(Protocol):
    """Writes a text for each row of a batch; may raise torch.OutOfMemoryError."""

    def write(self, rows: Sequence[Row], tell: Tell | None = None) -> list[Written]:
        """One text a row, in order."""
        ...


@dataclass(frozen=True)
class EngineSettings:
    """max_rows: requests in a batch; None is what memory allows, at most 64. workers: processes that decode ahead,
    0 decodes in between. bucket: batches' worth of requests that are sorted by length. cache_bytes: for the KV cache;
    None is 70 % of a GPU's free memory, or 2 GiB. prefill_tokens: of one packed pass. check_every: steps between looks
    at who has stopped; None is 8 on a GPU, 1 elsewhere. job_seconds: after which decoding one request is given up.
    graphs: on a GPU, steps are recorded and replayed. compile: the network's small parts (`model.fused`).
    """

    max_rows: int | None = None
    workers: int = 4
    bucket: int = 4
    cache_bytes: int | None = None
    prefill_tokens: int = 16_384
    check_every: int | None = None
    job_seconds: float = 300.0
    graphs: bool = True
    compile: bool = False

    def __post_init__(self) -> None:
        if self.max_rows is not None and self.max_rows < 1:
            raise ValueError(f"max_rows must be >= 1, got {self.max_rows}.")
        if self.bucket < 1 or self.prefill_tokens < 1:
            raise ValueError("bucket and prefill_tokens must be >= 1.")


class TransformersCaptioner:
    """A `Captioner` over a loaded model. generator: for tests; by default the one of the model's family.

    report: what the runs so far took. Results come batch by batch, so not in the order of the requests.
    """

    def __init__(
        self, model: LoadedModel, settings: EngineSettings | None = None, generator: Generator | None = None
    ) -> None:
        self._model = model
        self._settings = settings or EngineSettings()
        if self._settings.compile:
            fuse(model.network)
        self._generator = generator or self._own_generator()
        self._row_limit = self._settings.max_rows or 64
        self._shown: tuple[str, Any] = ("", None)
        self.report = RunReport(model)

    def caption(self, requests: Iterable[CaptionRequest]) -> Iterator[CaptionResult]:
        """One result a request. A request that cannot be read or does not fit is a result with an error."""
        with Workers(self._settings.workers, self._settings.job_seconds) as workers:
            ahead = _Ahead(iter(requests), workers, self._model)
            begun, bucket = time.perf_counter(), 1
            while True:
                rows, failures = ahead.take(self._row_limit * bucket)
                bucket = min(bucket + 1, self._settings.bucket)  # the first results come soon, and are seen by people
                yield from self.report.counted(failures, begun)
                begun = time.perf_counter()
                if not rows:
                    return
                for batch in self._batches(rows):
                    yield from self.report.counted(self._answer(batch), begun)
                    begun = time.perf_counter()

    def answer(self, request: CaptionRequest, tell: Callable[[str], None] | None = None) -> CaptionResult:
        """One answer, for conversations; tell is given the text so far every few tokens.

        The frames of the last request stay, so that a further question about them decodes nothing.
        """
        key = media_key(request)
        try:
            known = key and key == self._shown[0]
            media = self._shown[1] if known else media_job(self._model, request)()
            prompt = self._model.processor.prompt_from(request.messages, media, generation=True)
        except ModelError as error:
            return failed(request, error.reason, error.detail)
        self._shown = (key, media)

        def told(texts: Sequence[Written]) -> None:
            if tell:
                tell(self._text(request, texts[0]))

        begun = time.perf_counter()
        row = Row(request, prompt, key)
        try:
            (written,) = self._generator.write([row], told)
        except torch.OutOfMemoryError:
            return failed(request, "out_of_memory", "This request does not fit on the device.")
        return self._result(row, written, time.perf_counter() - begun)

    def _own_generator(self) -> Generator:
        if self._model.family in ("tarsier1", "tarsier2"):
            every = self._settings.check_every or (8 if self._model.device.type == "cuda" else 1)
            return PackedGenerator(
                self._model,
                prefill_tokens=self._settings.prefill_tokens,
                check_every=every,
                kept_features=KEPT_SETS,
                graphs=self._settings.graphs and self._model.device.type == "cuda",
            )
        from model.engines.stock_generator import StockGenerator  # noqa: PLC0415

        return StockGenerator(self._model)

    def _batches(self, rows: list[Row]) -> Iterator[list[Row]]:
        """Rows of similar length together, as many as the cache holds; rows that show the same frames stay
        neighbours."""
        waiting = deque(sorted(rows, key=lambda row: (-_length(row), row.media_key)))
        while waiting:
            batch = [waiting.popleft()]
            longest = _length(batch[0])
            while waiting and len(batch) < min(self._row_limit, max(1, self._rows_that_fit(longest))):
                batch.append(waiting.popleft())
            yield batch

    def _rows_that_fit(self, length: int) -> int:
        config = self._model.network.config.get_text_config()
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        size = torch.finfo(self._model.dtype).bits // 8
        return self._cache_bytes() // max(1, 2 * config.num_hidden_layers * heads * width * size * length)

    def _cache_bytes(self) -> int:
        if self._settings.cache_bytes is not None:
            return self._settings.cache_bytes
        if self._model.device.type != "cuda":
            return 2 << 30
        free, _ = torch.cuda.mem_get_info(self._model.device)
        reusable = torch.cuda.memory_reserved(self._model.device) - torch.cuda.memory_allocated(self._model.device)
        return int(0.7 * (free + reusable))

    def _answer(self, batch: list[Row]) -> list[CaptionResult]:
        """Where memory runs out the batch is halved, and later ones stay as small."""
        begun = time.perf_counter()
        written = self._try(batch)
        if written is None:
            if len(batch) == 1:
                return [failed(batch[0].request, "out_of_memory", "One request alone does not fit on the device.")]
            half = len(batch) // 2
            self._row_limit = max(1, half)
            return [*self._answer(batch[:half]), *self._answer(batch[half:])]
        seconds = (time.perf_counter() - begun) / len(batch)
        return [self._result(row, text, seconds) for row, text in zip(batch, written, strict=True)]

    def _try(self, batch: list[Row]) -> list[Written] | None:
        """None where memory ran out; by then everything that the attempt held is free."""
        try:
            return self._generator.write(batch)
        except torch.OutOfMemoryError:
            pass
        if self._model.device.type == "cuda":
            torch.cuda.empty_cache()
        return None

    def _result(self, row: Row, written: Written, seconds: float) -> CaptionResult:
        tokenizer, request, prompt = self._model.processor.tokenizer, row.request, row.prompt
        text = self._text(request, written)
        logprobs = tuple(
            TokenLogprob(
                tokenizer.decode([token]),
                logprob,
                tuple((tokenizer.decode([i]), value) for i, value in top),
                token,
                tuple(i for i, _ in top),
            )
            for token, logprob, top in zip(written.ids, written.logprobs, written.top, strict=False)
        )
        return CaptionResult(
            request.request_id,
            text,
            "stop" if written.stopped else "length",
            prompt_tokens=_prompt_tokens(row),
            vision_tokens=_vision_tokens(row, self._model),
            output_tokens=len(written.ids),
            frame_indices=prompt.indices,
            frame_times_us=prompt.times_us,
            seconds=seconds,
            logprobs=logprobs,
            output_ids=tuple(written.ids),
            provenance=self.provenance,
        )

    def _text(self, request: CaptionRequest, written: Written) -> str:
        ids = [token for token in written.ids if token not in self._model.stop_ids]
        text = self._model.processor.tokenizer.decode(ids, skip_special_tokens=True)
        for stop in request.stop:
            text = text.partition(stop)[0]
        return text

    @property
    def provenance(self) -> dict[str, Any]:
        """What every text of this engine depends on beside its request."""
        template = getattr(self._model.processor, "template", None)
        return {
            "engine": "transformers",
            "model": self._model.name,
            "family": self._model.family,
            "weights": self._model.weights,
            "dtype": str(self._model.dtype).removeprefix("torch."),
            "device": self._model.device.type,
            "resizer": "pil" if self._model.family in ("tarsier1", "tarsier2") else "processor",
            "chat_template": template.source if template else "processor",
        }


class _Ahead:
    """Keeps decoding a few batches ahead of the network; equal frame sets are decoded once while they are near."""

    def __init__(self, requests: Iterator[CaptionRequest], workers: Workers, model: LoadedModel) -> None:
        self._requests = requests
        self._workers = workers
        self._model = model
        self._waiting: deque[tuple[CaptionRequest, str, Callable[[], Any]]] = deque()
        self._near: dict[str, Callable[[], Any]] = {}

    def take(self, count: int) -> tuple[list[Row], list[CaptionResult]]:
        """Up to count rows that are ready, and the requests among them that failed."""
        rows: list[Row] = []
        failures: list[CaptionResult] = []
        while len(rows) < count:
            self._submit(2 * count - len(rows))
            if not self._waiting:
                break
            request, key, result = self._waiting.popleft()
            try:
                if request.json_schema is not None:
                    raise ModelError("bad_message", "json_schema: this engine does not constrain what is written.")
                prompt = self._model.processor.prompt_from(request.messages, result(), generation=True)
                rows.append(Row(request, prompt, key))
            except ModelError as error:
                failures.append(failed(request, error.reason, error.detail))
        return rows, failures

    def _submit(self, wanted: int) -> None:
        while len(self._waiting) < wanted:
            request = next(self._requests, None)
            if request is None:
                return
            key = media_key(request)
            try:
                job = self._near.get(key) or _once(self._workers.submit(media_job(self._model, request)))
            except ModelError as error:
                job = _raising(error)
            if key:
                self._near[key] = job
                while len(self._near) > KEPT_SETS:
                    self._near.pop(next(iter(self._near)))
            self._waiting.append((request, key, job))


def media_job(model: LoadedModel, request: CaptionRequest) -> Callable[[], Any]:
    """What reads and resizes the pictures of a request; it pickles and needs no torch. Raises ModelError."""
    processor = model.processor
    settings = replace(processor.settings, n_frames=request.n_frames) if request.n_frames else processor.settings
    return processor.job(request.messages, root=request.root, settings=settings)


def media_key(request: CaptionRequest) -> str:
    """Equal for requests that show the same frames; "" where they show none, or frames that are given in memory."""
    messages = request.messages if isinstance(request.messages, Sequence) else [request.messages]
    items = [
        item
        for message in messages
        for item in _items(message.get("content"))
        if isinstance(item, dict) and item.get("type") in ("image", "video")
    ]
    try:
        text = json.dumps([request.root, request.n_frames, items], sort_keys=True)
    except TypeError:  # arrays in memory
        return ""
    return blake2b(text.encode(), digest_size=16).hexdigest() if items else ""


def _items(content: Any) -> list[Any]:
    return content if isinstance(content, list) else []


def _once(ask: Callable[[], Any]) -> Callable[[], Any]:
    """The same answer, or the same error, however often it is asked for."""
    known: list[tuple[bool, Any]] = []

    def answer() -> Any:
        if not known:
            try:
                known.append((True, ask()))
            except ModelError as error:
                known.append((False, error))
        good, value = known[0]
        if good:
            return value
        raise value

    return answer


def _raising(error: ModelError) -> Callable[[], Any]:
    def answer() -> Any:
        raise error

    return answer


def _length(row: Row) -> int:
    return _prompt_tokens(row) + row.request.max_new_tokens


def _prompt_tokens(row: Row) -> int:
    ids = getattr(row.prompt, "input_ids", None)
    return len(ids) if ids is not None else len(row.prompt.text) // 4  # a stock processor counts only when it collates


def _vision_tokens(row: Row, model: LoadedModel) -> int:
    ids = getattr(row.prompt, "input_ids", None)
    return int((ids == model.network.config.image_token_id).sum()) if ids is not None else 0
