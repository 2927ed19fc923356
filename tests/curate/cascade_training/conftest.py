"""Two takes of made footage, and pieces of them, whose every picture is known."""

from __future__ import annotations

import numpy as np
import pytest

from curate.detectors.cascade.training.pieces import Framing, Piece
from curate.detectors.cascade.training.takes import Take
from media.synthetic import Camera, Scene, Texture, World

FPS = 15
SECONDS = 4
SIZE = (128, 72)


def _take(texture: Texture) -> Take:
    world = World((Scene(texture, SECONDS, Camera(pan_diag_per_s=0.02)),))
    times = np.arange(FPS * SECONDS) / FPS
    return Take(np.stack([world.frame(float(at), *SIZE) for at in times]), times)


@pytest.fixture(scope="session")
def takes() -> list[Take]:
    """Two takes of 4 s at 15 frames a second, 128 x 72."""
    return [_take(Texture("natural", seed=1)), _take(Texture("city", seed=2))]


@pytest.fixture(scope="session")
def pieces(takes: list[Take]) -> list[Piece]:
    """The first 3 s of each take, as they are."""
    return [Piece(take, 0.0, 3.0, 1.0, Framing(*SIZE)) for take in takes]
