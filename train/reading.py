"""From the samples of a step to prompts with frames, read ahead on worker processes while the network computes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from train.sources import Sample, Source, question_of


@dataclass(frozen=True)
class Ready:
    """A sample that can be learned from. prompts: one, or those with the chosen and the rejected answer.

    seed: of what is chosen at random about it. question: the prompt up to the answer, where one will be written.
    top_ids, top_logprobs: [N, k] of the teacher, one row for each learned token of the prompt, where they are kept.
    """

    sample_id: str
    prompts: tuple[Any, ...]
    seed: int = 0
    question: Any = None
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


Begun = tuple[Sample, int, Callable[[], Media]]
"""A sample, the seed of its random choices, and its frames once they are asked for."""


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
        waiting: deque[tuple[int, list[Begun]]] = deque()
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

    def _begun(self, step: int, workers: Workers) -> list[Begun]:
        mine, of = self._share
        begun = []
        for shown in self._source.shown(step)[mine::of]:
            sample = self._source.sample(shown.number)
            seed = seed_of(self._recipe.seed, sample.sample_id, shown.turn)
            try:
                media = self._media(sample, seed, workers)
            except ModelError as error:
                media = _failing(error)
            begun.append((sample, seed, media))
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

    def _finished(self, step: int, begun: Sequence[Begun]) -> Batch:
        distil = self._recipe.distil
        keeps_logprobs = self._recipe.objective == "logit_kd" and distil is not None and distil.teacher is None
        kept = self._source.tokens_of([s.caption_id for s, *_ in begun if s.caption_id]) if keeps_logprobs else {}
        ready: list[Ready] = []
        unread: list[Unread] = []
        for sample, seed, media in begun:
            try:
                frames = media()
                if keeps_logprobs:
                    one = self._with_logprobs(sample, frames, kept.get(sample.caption_id or ""))
                else:
                    one = self._ready(sample, frames)
                ready.append(replace(one, seed=seed))
            except ModelError as error:
                unread.append(Unread(sample.sample_id, error.reason, error.detail))
        return Batch(step, tuple(ready), tuple(unread))

    def _ready(self, sample: Sample, media: Media) -> Ready:
        if sample.chosen is None or sample.rejected is None:
            own = (self._prompt(sample.messages, media),)
            return Ready(
                sample.sample_id, own, question=self._question(sample, media) if self._recipe.on_policy else None
            )
        question = question_of(sample.messages)
        both = [
            self._prompt([*question, {"role": "assistant", "content": answer}], media)
            for answer in (sample.chosen, sample.rejected)
        ]
        return Ready(sample.sample_id, tuple(both))

    def _question(self, sample: Sample, media: Media) -> Any:
        messages = question_of(sample.messages)
        return self._processor.prompt_from(messages, media, generation=True, settings=self._settings)

    def _prompt(self, messages: Sequence[dict[str, Any]], media: Media) -> Any:
        prompt = self._processor.prompt_from(messages, media, settings=self._settings)
        if not prompt.learned[1:].any():
            raise ModelError("bad_message", "no token of the assistant is left to learn.")
        return prompt

    def _with_logprobs(self, sample: Sample, media: Media, kept: dict[str, Any] | None) -> Ready:
        """The very tokens that the teacher wrote, not its text read again."""
        if kept is None:
            raise ModelError(
                "no_logprobs",
                "its caption keeps no tokens with logprobs; `recaption run --top-logprobs 32` keeps them.",
            )
        check_same_words(self._processor.tokenizer, kept)
        prompt = self._question(sample, media)
        if not kept["output_ids"] or len(kept["top_ids"]) != len(kept["output_ids"]):
            raise ModelError("bad_message", "its caption keeps logprobs of another number of tokens than it has.")
        narrowest = min(map(len, kept["top_ids"]))
        if not narrowest:
            raise ModelError("bad_message", "its caption keeps a token without logprobs.")
        return Ready(
            sample.sample_id,
            (continued(prompt, kept["output_ids"]),),
            top_ids=np.array([row[:narrowest] for row in kept["top_ids"]], np.int64),
            top_logprobs=np.array([row[:narrowest] for row in kept["top_logprobs"]], np.float32),
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


def check_same_words(tokenizer: Any, kept: Mapping[str, Any]) -> None:
    """Raises ModelError("other_vocabulary") where a caption's tokens do not read as its text: a logprob of one
    vocabulary means nothing to another."""
    said, text = (" ".join(one.split()) for one in (
        tokenizer.decode(kept["output_ids"], skip_special_tokens=True), kept["text"]))  # fmt: skip
    if not said.startswith(text):
        raise ModelError(
            "other_vocabulary",
            f"the tokens that its caption keeps read {said[:60]!r} with the student's tokenizer, its text is "
            f"{text[:60]!r}: the teacher has another tokenizer. Distil from captions instead (student_sequence_kd).",
        )


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
