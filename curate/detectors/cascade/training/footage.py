"""What made videos are made of: real takes, takes of photographs, and footage that was never filmed, as in games."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from curate.detectors.cascade.training.draws import one_of
from curate.detectors.cascade.training.photo_take import drawn_photo_take
from curate.detectors.cascade.training.photographs import Photographs
from curate.detectors.cascade.training.takes import Filmed, Take
from media.synthetic.worlds import random_world

NUM_MADE = 24
MADE_SHARE = 0.12  # of the pieces
PHOTO_SHARE = 0.3
FRAME_SHARE = 0.3  # of the takes of photographs: those of a frame of a real take
DRAWN = 50  # takes that one video may be made of
SIZE = (256, 144)
SECONDS, FPS = 4.6, 15
FIRST_SEED = 1000  # of these worlds; tests and benches make theirs of small seeds


@dataclass(frozen=True, eq=False)
class Footage:
    """What a made video's takes are drawn from; without photographs there are none of those."""

    real: Sequence[Filmed]
    made: Sequence[Filmed] = ()
    photographs: Photographs = field(default_factory=Photographs)

    def drawn(self, random: np.random.Generator) -> list[Filmed]:
        """Takes for one video; those of photographs are new each time."""
        return [self._one(random) for _ in range(DRAWN)]

    def _one(self, random: np.random.Generator) -> Filmed:
        share = random.random()
        if share < MADE_SHARE and self.made:
            return one_of(random, self.made)
        if share > 1 - PHOTO_SHARE and self.photographs.pictures:
            take = one_of(random, self.real)
            is_frame = random.random() < FRAME_SHARE
            frame = take.at(random.uniform(0, take.seconds)) if is_frame else None
            return drawn_photo_take(random, self.photographs, frame)
        return one_of(random, self.real)


def made_takes(count: int = NUM_MADE) -> list[Take]:
    """Takes of one made scene each, whose camera and shapes move."""
    times = np.arange(round(SECONDS * FPS)) / FPS
    worlds = [random_world(FIRST_SEED + number, num_scenes=1, seconds=(5.0, 5.0)) for number in range(count)]
    return [Take(np.stack([world.frame(float(at), *SIZE) for at in times]), times) for world in worlds]
