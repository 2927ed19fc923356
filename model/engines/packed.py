"""Generation for Tarsier, Tarsier2 and Qwen2-VL: packed prefill into a cache of rows, then one step a token.

Nothing is padded: prompts of different lengths lie one behind the other in the linear layers, each attends to itself,
and each row of the cache ends where its own text ends.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor

from model.captioner import CaptionRequest
from model.engines.choosing import Chooser
from model.engines.row_cache import RowBatch, RowCache, rows_attention
from model.engines.step_graph import GraphedStep, eager_step
from model.engines.vision import media_features
from model.load import LoadedModel


@dataclass
class Written:
    """Token ids of one row, the stop id included if it was reached, and what was asked to be known about them."""

    ids: list[int]
    stopped: bool
    logprobs: list[float] = field(default_factory=list)
    top: list[list[tuple[int, float]]] = field(default_factory=list)


Tell = Callable[[Sequence["Written"]], None]
"""Is shown what the rows have written so far, every few tokens."""


@dataclass(frozen=True)
class Row:
    """One request with its prompt. media_key: equal for requests that show the same frames."""

    request: CaptionRequest
    prompt: Any
    media_key: str = ""


class PackedGenerator:
    """Writes texts for a batch of rows.

    prefill_tokens: of one packed pass; more rows wait for the next pass, and one longer prompt goes alone.
    check_every: steps between looks at who has stopped; on a GPU each look waits for it.
    kept_features: frame sets whose features stay for further prompts about them. graphs: steps are CUDA graphs.
    """

    def __init__(
        self,
        model: LoadedModel,
        *,
        prefill_tokens: int = 16_384,
        check_every: int = 1,
        kept_features: int = 0,
        graphs: bool = False,
    ) -> None:
        self._model = model
        self._inner = model.network.model
        self._text = self._inner.language_model
        self._prefill_tokens = prefill_tokens
        self._check_every = check_every
        self._kept_features = kept_features
        self._stepper = partial(GraphedStep if graphs else eager_step, self._one_step)
        self._features: OrderedDict[str, Tensor] = OrderedDict()

    @torch.inference_mode()
    def write(self, rows: Sequence[Row], tell: Tell | None = None) -> list[Written]:
        """One text a row, in order. Raises torch.OutOfMemoryError; nothing is kept then."""
        lengths = [len(row.prompt.input_ids) for row in rows]
        # a row that is done writes on, unread, for as long as others do
        capacity = max(lengths) + max(row.request.max_new_tokens for row in rows)
        cache = RowCache(self._text.config.num_hidden_layers, len(rows), capacity)
        with rows_attention(self._text):
            logits, positions = self._prefill(rows, cache)
            ends = torch.tensor(lengths, device=self._model.device)
            return self._steps(rows, cache, logits, positions, ends, tell)

    def _prefill(self, rows: Sequence[Row], cache: RowCache) -> tuple[Tensor, Tensor]:
        """Logits after each prompt [B, V], and each row's next position [B]."""
        last: list[Tensor] = []
        after: list[int] = []
        for numbers in self._groups(rows):
            ends, at = [], 0
            for number in numbers:
                ends.append((number, at, at + len(rows[number].prompt.input_ids)))
                at = ends[-1][2]
            cache.batch = RowBatch(prefill=ends)
            embedded = self._embedded([rows[number] for number in numbers])
            positions = self._positions([rows[number].prompt for number in numbers])
            hidden = self._text(
                inputs_embeds=embedded, position_ids=positions, past_key_values=cache, use_cache=True, rows=cache.batch
            ).last_hidden_state
            last.append(hidden[0, torch.tensor([end - 1 for *_, end in ends], device=hidden.device)])
            flat = positions.reshape(-1, positions.shape[-1]).amax(dim=0)
            after += [int(flat[end - 1]) + 1 for *_, end in ends]
        return self._model.network.lm_head(torch.cat(last)), torch.tensor(after, device=self._model.device)

    def _groups(self, rows: Sequence[Row]) -> list[list[int]]:
        groups: list[list[int]] = [[]]
        tokens = 0
        for number, row in enumerate(rows):
            length = len(row.prompt.input_ids)
            if groups[-1] and tokens + length > self._prefill_tokens:
                groups.append([])
                tokens = 0
            groups[-1].append(number)
            tokens += length
        return groups

    def _positions(self, prompts: Sequence[Any]) -> Tensor:
        if self._model.family == "tarsier1":
            flat = torch.cat([torch.arange(len(prompt.input_ids)) for prompt in prompts])
            return flat[None].to(self._model.device)
        return torch.cat([torch.from_numpy(p.position_ids) for p in prompts], dim=1)[:, None].to(self._model.device)

    def _embedded(self, rows: Sequence[Row]) -> Tensor:
        """[1, T, D]: token embeddings with the frames' features written over the visual ones."""
        ids = torch.cat([torch.from_numpy(row.prompt.input_ids) for row in rows])
        visual = ids == self._model.network.config.image_token_id
        embedded = self._text.embed_tokens(ids.to(self._model.device))
        if bool(visual.any()):
            features = torch.cat(self._features_of(rows))
            embedded[visual.nonzero()[:, 0].to(self._model.device)] = features.to(embedded.dtype)
        return embedded[None]

    def _features_of(self, rows: Sequence[Row]) -> list[Tensor]:
        """Features of each row's frames; those of one frame set are computed once."""
        own: dict[str, Tensor] = {}
        names = [row.media_key or f"row {number}" for number, row in enumerate(rows)]
        fresh = [(name, row) for name, row in dict(zip(names, rows, strict=True)).items() if name not in self._features]
        for name, features in zip([name for name, _ in fresh], self._encode([row for _, row in fresh]), strict=True):
            own[name] = features
            if self._kept_features and not name.startswith("row "):
                self._features[name] = features
        for name in names:
            if name in self._features:
                own[name] = self._features[name]
                self._features.move_to_end(name)
        while len(self._features) > self._kept_features:
            self._features.popitem(last=False)
        return [own[name] for name in names]

    def _encode(self, rows: Sequence[Row]) -> list[Tensor]:
        if self._model.family == "tarsier1":
            return [self._clip_features(row.prompt.frames) for row in rows]
        media = [one for row in rows for one in row.prompt.media]
        found = iter(media_features(self._inner.visual, media, self._model.processor.rules))
        empty = torch.zeros((0, self._text.config.hidden_size), device=self._model.device, dtype=self._model.dtype)
        return [torch.cat([empty, *(next(found) for _ in row.prompt.media)]) for row in rows]

    def _clip_features(self, frames: Any) -> Tensor:
        """[frames * patches, D]."""
        if not len(frames):
            return torch.zeros((0, self._text.config.hidden_size), device=self._model.device, dtype=self._model.dtype)
        pixels = self._model.processor.pixel_values(frames).to(self._model.device, self._model.dtype)
        features = self._inner.get_image_features(pixels).pooler_output
        return torch.cat(list(features)).flatten(0, -2)

    def _steps(
        self,
        rows: Sequence[Row],
        cache: RowCache,
        logits: Tensor,
        positions: Tensor,
        lengths: Tensor,
        tell: Tell | None,
    ) -> list[Written]:
        state = _Texts(rows, self._model.stop_ids, self._model.processor.tokenizer)
        chooser = Chooser([row.request for row in rows], logits.device)
        longest, step = int(lengths.max()), 0
        next_logits = self._stepper(cache)
        while True:
            chosen = chooser(logits, step)
            state.add(chosen, chooser.logprobs(logits, chosen))
            step += 1
            if step % self._check_every == 0 or step >= state.longest_wanted:
                alive = state.alive()
                if tell:
                    tell(state.texts())
                if not len(alive):
                    return state.texts()
                if len(alive) <= state.num_rows // 2:
                    kept = torch.tensor(alive, device=logits.device)
                    state.keep(alive)
                    cache.keep(kept)
                    chooser.keep(kept)
                    chosen, positions, lengths = chosen[kept], positions[kept], lengths[kept]
                    next_logits = self._stepper(cache)
            longest += 1
            logits = next_logits(chosen, positions, lengths, longest)
            positions, lengths = positions + 1, lengths + 1

    def _one_step(self, tokens: Tensor, positions: Tensor, cache: RowCache) -> Tensor:
        places = positions[:, None] if self._model.family == "tarsier1" else positions[None, :, None].expand(3, -1, 1)
        hidden = self._text(
            inputs_embeds=self._text.embed_tokens(tokens[:, None]),
            position_ids=places,
            past_key_values=cache,
            use_cache=True,
            rows=cache.batch,
        ).last_hidden_state
        return self._model.network.lm_head(hidden[:, 0])


class _Texts:
    """What the rows have written so far; rows that stopped may go on writing until somebody looks."""

    def __init__(self, rows: Sequence[Row], stop_ids: tuple[int, ...], tokenizer: Any) -> None:
        self._requests = [row.request for row in rows]
        self._written: list[Written] = [Written([], stopped=False) for _ in rows]
        self._rows = list(range(len(rows)))  # which text each row of the batch belongs to
        self._unread: list[tuple[Tensor, tuple[Tensor, Tensor, Tensor] | None]] = []
        self._stop_ids = frozenset(stop_ids)
        self._tokenizer = tokenizer
        self.longest_wanted = max(request.max_new_tokens for request in self._requests)

    @property
    def num_rows(self) -> int:
        return len(self._rows)

    def add(self, chosen: Tensor, known: tuple[Tensor, Tensor, Tensor] | None) -> None:
        self._unread.append((chosen, known))

    def alive(self) -> list[int]:
        """Rows of the batch that still write."""
        self._read()
        return [place for place, text in enumerate(self._rows) if not self._done(text)]

    def keep(self, rows: Sequence[int]) -> None:
        self._rows = [self._rows[row] for row in rows]

    def texts(self) -> list[Written]:
        return self._written

    def _done(self, text: int) -> bool:
        written = self._written[text]
        return written.stopped or len(written.ids) >= self._requests[text].max_new_tokens

    def _read(self) -> None:
        for chosen, known in self._unread:
            ids = chosen.tolist()
            details = [part.tolist() for part in known] if known else None
            for place, text in enumerate(self._rows):
                if not self._done(text):
                    self._take(text, ids[place], [part[place] for part in details] if details else None)
        self._unread = []

    def _take(self, text: int, token: int, details: list[Any] | None) -> None:
        written, request = self._written[text], self._requests[text]
        written.ids.append(token)
        if details and request.top_logprobs:
            logprob, values, ids = details
            written.logprobs.append(logprob)
            written.top.append(list(zip(ids, values, strict=True))[: request.top_logprobs])
        written.stopped = token in self._stop_ids or self._reads_stop(written, request)

    def _reads_stop(self, written: Written, request: CaptionRequest) -> bool:
        if not request.stop:
            return False
        text = self._tokenizer.decode(written.ids, skip_special_tokens=True)
        return any(stop in text for stop in request.stop)
