"""Stories told while training: rendered when they are shown, so that no story comes twice and no file is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from media.synthetic.stories import make_story, story_frames
from train.build_samples import PROMPT
from train.mixture import Shown
from train.sources import Sample


class ToldStories:
    """A `Source` of stories of the split "train". batch: stories a step. steps: of the run.

    simple_share: of the steps at the beginning in which a story has one thing and one event; later one of four has.
    max_things, max_events: of the others.
    """

    def __init__(
        self,
        batch: int,
        steps: int,
        *,
        simple_share: float = 0.2,
        max_things: int = 2,
        max_events: int = 2,
        seed: int = 0,
    ) -> None:
        self._batch, self._steps, self._seed = batch, steps, seed
        self._simple_until = round(simple_share * steps)
        self._limits = (max_things, max_events)
        self.datasets: Mapping[str, int] = {"stories": batch * steps}

    def steps(self) -> int:
        return self._steps

    def ids(self) -> Sequence[str]:
        return [f"stories {self._seed} {self._batch} {self._steps} {self._simple_until} {self._limits}"]

    def shown(self, step: int) -> list[Shown]:
        return [Shown(step * self._batch + place, 0) for place in range(self._batch)]

    def sample(self, number: int) -> Sample:
        """The number-th story; seeds begin at a million times the source's own, so that sources share none."""
        step, place = divmod(number, self._batch)
        simple = step < self._simple_until or place % 4 == 0
        things, events = (1, 1) if simple else self._limits
        seed = (self._seed + 1) * 10_000_000 + number
        story = make_story(seed, max_things=things, max_events=events)
        frames = np.stack(list(story_frames(story)))
        content = [{"type": "video", "video": {"frames": frames}}, {"type": "text", "text": PROMPT}]
        messages: list[dict[str, Any]] = [
            {"role": "user", "content": content},
            {"role": "assistant", "content": story.caption.text},
        ]
        return Sample(f"story {seed}", messages)

    def tokens_of(self, caption_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Nobody wrote these captions, so nobody's tokens are kept."""
        return {}
