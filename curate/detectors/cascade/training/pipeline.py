"""From takes to all arrays of weights.npz: videos, network, other videos, judge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from curate.detectors.cascade.network import Network, Numbers
from curate.detectors.cascade.training.examples import example_of
from curate.detectors.cascade.training.fit_judge import fit_judge
from curate.detectors.cascade.training.fit_network import fit_network
from curate.detectors.cascade.training.made_video import MadeVideo, drawn_video
from curate.detectors.cascade.training.supposed import cases_of
from curate.detectors.cascade.training.takes import Take

FOR_NETWORK, NETWORK, FOR_JUDGE, CASES, JUDGE = range(5)  # what a generator is for; each has numbers of its own


@dataclass(frozen=True)
class Training:
    """`videos` of `seconds` each are made for the network, and as many for the judge; `epochs` are the network's."""

    videos: int = 360
    epochs: int = 60
    seconds: float = 60.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("videos", "epochs", "seconds"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be > 0, got {getattr(self, name)}. Leave it out for the usual number.")


def train(
    takes: Sequence[Take], training: Training, report: Callable[[str], None] = lambda line: None
) -> dict[str, Numbers]:
    """The arrays of weights.npz. The same takes and training give the same videos; the judge's are others, in which
    the network errs as it will on videos that it has not seen."""

    def generator(*what: int) -> np.random.Generator:
        return np.random.default_rng([training.seed, *what])

    def video(what: int, number: int) -> MadeVideo:
        if number % 10 == 0:
            report(f"making video {number + 1} of {training.videos} for the {'network' if not what else 'judge'}")
        return drawn_video(generator(what, number), takes, training.seconds)

    examples = [example_of(video(FOR_NETWORK, number))[0] for number in range(training.videos)]
    network = fit_network(examples, training.epochs, generator(NETWORK), report)
    trained = Network({name: array.astype(np.float32) for name, array in network.items()})
    cases = [
        cases_of(trained, *example_of(video(FOR_JUDGE, number)), generator(CASES, number))
        for number in range(training.videos)
    ]
    judge = fit_judge(cases, generator(JUDGE), report=report)
    return {f"network.{name}": array for name, array in network.items()} | {
        f"judge.{name}": array for name, array in judge.items()
    }
