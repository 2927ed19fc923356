"""Real takes with some footage among them that was never filmed, as in games and animations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from curate.detectors.cascade.training.takes import Take
from media.synthetic.worlds import random_world

NUM_MADE = 24
MADE_SHARE = 0.14  # of the pieces
SIZE = (256, 144)
SECONDS, FPS = 4.6, 15
FIRST_SEED = 1000  # of these worlds; tests and benches make theirs of small seeds


def made_takes(count: int = NUM_MADE) -> list[Take]:
    """Takes of one made scene each, whose camera and shapes move."""
    times = np.arange(round(SECONDS * FPS)) / FPS
    worlds = [random_world(FIRST_SEED + number, num_scenes=1, seconds=(5.0, 5.0)) for number in range(count)]
    return [Take(np.stack([world.frame(float(at), *SIZE) for at in times]), times) for world in worlds]


def footage(real: Sequence[Take], made: Sequence[Take]) -> list[Take]:
    """Both to draw from: each real take stands there so often that MADE_SHARE of what is drawn is made."""
    times = max(1, round(len(made) * (1 - MADE_SHARE) / MADE_SHARE / len(real)))
    return [*real] * times + [*made]
