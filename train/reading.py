"""From the samples of a step to prompts with frames, read ahead on worker processes while the network computes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from model.engines.workers import Workers
from model.errors import ModelError
from model.messages import media_items, parse_messages
from train.frame_cache import FrameCache, Media, cached, media_key
from train.mixture import seed_of
from train.settings import Recipe
from train.sources import Sample, Source


@dataclass(frozen=True)
class Ready:
    """A sample that can be learned from. prompts: one, or those with the chosen and the rejected answer.

    top_ids, top_logprobs: [N, k] of the teacher, one row for each learned token of the prompt, where they are kept.
    """

    sample_id: str
    prompts: tuple[Any, ...]
    top_ids: Any = None
    top_logprobs: Any = None


@dataclass(frozen=True)
class Unread:
    """A sample that could not be used, and why by name."""

    sample_id: str
    reason: str
    detail: str


@dataclass(frozen=True)
class Batch:
    """What a step learns from. step: counted from 0."""

    step: int
    ready: tuple[Ready, ...]
    unread: tuple[Unread, ...]


class Reader:
    """Batches of a source in order. share: (i, n), the i-th of n processes reads every n-th sample of a step.

    ahead: steps whose frames are read before they are asked for.
    """

    def __init__(
        self,
        source: Source,
        recipe: Recipe,
        processor: Any,
        root: Path,
        *,
        workers: int = 0,
        cache: FrameCache | None = None,
        share: tuple[int, int] = (0, 1),
        ahead: int = 2,
    ) -> None:
        self._source, self._recipe, self._processor, self._root = source, recipe, processor, root
        self._workers, self._cache, self._share, self._ahead = workers, cache, share, ahead
        self._settings = settings_for(processor, recipe)

    def batches(self, first: int, last: int) -> Iterator[Batch]:
        """The batches of steps first to last - 1."""
        waiting: deque[tuple[int, list[tuple[Sample, int, Callable[[], Media]]]]] = deque()
        upcoming = iter(range(first, last))
        with Workers(self._workers) as workers:
            while True:
                while len(waiting) < (self._ahead if self._workers else 1):
                    step = next(upcoming, None)
                    if step is None:
                        break
                    waiting.append((step, self._begun(step, workers)))
                if not waiting:
                    return
                step, begun = waiting.popleft()
                yield self._finished(step, begun)

    def _begun(self, step: int, workers: Workers) -> list[tuple[Sample, int, Callable[[], Media]]]:
        mine, of = self._share
        begun = []
        for shown in self._source.shown(step)[mine::of]:
            sample = self._source.sample(shown.number)
            seed = seed_of(self._recipe.seed, sample.sample_id, shown.turn)
            try:
                media = self._media(sample, seed, workers)
            except ModelError as error:
                media = _failing(error)
            begun.append((sample, shown.turn, media))
        return begun

    def _media(self, sample: Sample, seed: int, workers: Workers) -> Callable[[], Media]:
        messages, settings = list(sample.messages), self._settings
        is_random = getattr(settings, "training", False) or isinstance(getattr(settings, "n_frames", 0), tuple)
        options: dict[str, Any] = {"seed": seed} if is_random else {}
        job = self._processor.job(messages, root=self._root, settings=settings, **options)
        if self._cache is None or is_random:
            return workers.submit(job)
        items = [item.media for item in media_items(parse_messages(messages))]
        key = media_key(items, self._root, settings, self._processor.rules)
        known = self._cache.get(key) if key else None
        if known is not None:
            return lambda: known
        result = workers.submit(job)
        return lambda: cached(self._cache, key, result)

    def _finished(self, step: int, begun: Sequence[tuple[Sample, int, Callable[[], Media]]]) -> Batch:
        keeps_logprobs = self._recipe.distil is not None and self._recipe.distil.teacher is None
        kept = self._source.tokens_of([s.caption_id for s, *_ in begun if s.caption_id]) if keeps_logprobs else {}
        ready: list[Ready] = []
        unread: list[Unread] = []
        for sample, _, media in begun:
            try:
                frames = media()
                if keeps_logprobs:
                    ready.append(self._with_logprobs(sample, frames, kept.get(sample.caption_id or "")))
                else:
                    ready.append(self._ready(sample, frames))
            except ModelError as error:
                unread.append(Unread(sample.sample_id, error.reason, error.detail))
        return Batch(step, tuple(ready), tuple(unread))

    def _ready(self, sample: Sample, media: Media) -> Ready:
        if sample.chosen is None or sample.rejected is None:
            return Ready(sample.sample_id, (self._prompt(sample.messages, media),))
        question = [message for message in sample.messages if message["role"] != "assistant"]
        both = [
            self._prompt([*question, {"role": "assistant", "content": answer}], media)
            for answer in (sample.chosen, sample.rejected)
        ]
        return Ready(sample.sample_id, tuple(both))

    def _prompt(self, messages: Sequence[dict[str, Any]], media: Media) -> Any:
        prompt = self._processor.prompt_from(messages, media, settings=self._settings)
        if not prompt.learned[1:].any():
            raise ModelError("bad_message", "no token of the assistant is left to learn.")
        return prompt

    def _with_logprobs(self, sample: Sample, media: Media, kept: dict[str, Any] | None) -> Ready:
        """The very tokens that the teacher wrote, not its text read again."""
        if kept is None:
            raise ModelError("bad_message", "its caption keeps no tokens with logprobs; recaption with --logprobs.")
        question = [message for message in sample.messages if message["role"] != "assistant"]
        prompt = self._processor.prompt_from(question, media, generation=True, settings=self._settings)
        if not kept["output_ids"] or len(kept["top_ids"]) != len(kept["output_ids"]):
            raise ModelError("bad_message", "its caption keeps logprobs of another number of tokens than it has.")
        narrowest = min(map(len, kept["top_ids"]))
        if not narrowest:
            raise ModelError("bad_message", "its caption keeps a token without logprobs.")
        return Ready(
            sample.sample_id,
            (continued(prompt, kept["output_ids"]),),
            np.array([row[:narrowest] for row in kept["top_ids"]], np.int64),
            np.array([row[:narrowest] for row in kept["top_logprobs"]], np.float32),
        )


def settings_for(processor: Any, recipe: Recipe) -> Any:
    """The processor's settings with what the recipe says about frames."""
    changes: dict[str, Any] = {}
    frames, own = recipe.frames, processor.settings
    if frames.n_frames is not None:
        changes["n_frames"] = frames.n_frames
    if frames.max_pixels is not None and hasattr(own, "max_pixels"):
        changes["max_pixels"] = frames.max_pixels
    if frames.random_frames and hasattr(own, "training"):
        changes |= {"training": True, "sampler": "v2"}
    return replace(own, **changes)


def continued(prompt: Any, ids: Sequence[int]) -> Any:
    """A prompt with an answer's tokens behind it; they alone are learned."""
    answer = np.asarray(ids, np.int64)
    learned = np.concatenate([np.zeros(len(prompt.input_ids), bool), np.ones(len(answer), bool)])
    changes: dict[str, Any] = {"input_ids": np.concatenate([prompt.input_ids, answer]), "learned": learned}
    if hasattr(prompt, "position_ids"):
        after = prompt.position_ids.max() + 1 + np.arange(len(answer), dtype=np.int64)
        changes["position_ids"] = np.concatenate(
            [prompt.position_ids, np.broadcast_to(after, (3, len(answer)))], axis=1
        )
    return replace(prompt, **changes)


def _failing(error: ModelError) -> Callable[[], Media]:
    def fail() -> Media:
        raise error

    return fail
