"""What a detector sees of a made video: real frames, their looks and signs, with labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from curate.detectors.cascade.look import Look
from curate.detectors.cascade.network import Numbers
from curate.detectors.cascade.signs import Signs
from curate.detectors.cascade.training.labels import Edge, Whole, labels
from curate.detectors.cascade.training.made_video import MadeVideo
from media.frame import Frame
from media.geometry import Geometry
from media.pixels import Scaler

TOGETHER = 32  # looks that are compared at a time


@dataclass(frozen=True, eq=False)
class Example:
    """signs: float32 [N, S]; kinds: int64 [N], numbers of KINDS; weights: float32 [N]; times_s: float64 [N]."""

    signs: Numbers
    kinds: Whole
    weights: Numbers
    times_s: Numbers
    edges: list[Edge]


def example_of(video: MadeVideo) -> tuple[Example, list[Look]]:
    """The whole video as one example, and its looks."""
    signs, looks = Signs(), [Look(frame) for frame in frames_of(video)]
    seen = np.concatenate([signs.of(looks[at : at + TOGETHER]) for at in range(0, len(looks), TOGETHER)])
    times_s, edges = video.times_us / 1e6, video.edges()
    kinds, weights = labels(edges, video.flashes(), times_s, seen)
    return Example(seen, kinds, weights, times_s, edges), looks


def frames_of(video: MadeVideo) -> Iterator[Frame]:
    """A frame for each of the video's times."""
    scaler: Scaler | None = None
    for number, (time_us, picture) in enumerate(zip(video.times_us.tolist(), video.pictures(), strict=True)):
        size = picture.width, picture.height
        scaler = scaler or Scaler(Geometry(0, *size), size)
        yield Frame(number, time_us, picture, scaler)
