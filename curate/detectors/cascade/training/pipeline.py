"""From footage to all arrays of weights.npz: videos, two networks, what each supposes of the other's videos, judge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from curate.detectors.cascade.look import Look
from curate.detectors.cascade.network import Network, Numbers
from curate.detectors.cascade.training.examples import Example, example_of
from curate.detectors.cascade.training.fit_judge import fit_judge
from curate.detectors.cascade.training.fit_network import fit_network
from curate.detectors.cascade.training.footage import Footage
from curate.detectors.cascade.training.made_video import drawn_video
from curate.detectors.cascade.training.supposed import Cases, cases_of

VIDEO, NETWORK, CASES, JUDGE = range(4)  # what a generator is for; each has numbers of its own
NUM_NETWORKS = 2
EVERY = 10  # videos, of which one is reported


@dataclass(frozen=True)
class Training:
    """Of `videos` of `seconds` each, one network learns from each half, for `epochs`."""

    videos: int = 312
    epochs: int = 40
    seconds: float = 60.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("videos", "epochs", "seconds"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be > 0, got {getattr(self, name)}. Leave it out for the usual number.")

    def generator(self, *what: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *what])


def train(
    footage: Sequence[Footage | None], training: Training, report: Callable[[str], None] = lambda line: None
) -> dict[str, Numbers]:
    """The arrays of weights.npz. The same footage and training give the same videos.

    Videos are of one entry of the footage after the other; those of None are not made, and the others stay the same.
    What one network supposes of the other's videos, in which it errs as it will elsewhere, teaches the judge. The first
    half is made twice, which needs less memory than to keep it.
    """

    def made(number: int, purpose: str) -> tuple[Example, list[Look]]:
        if number // len(footage) % EVERY == 0:
            report(f"making video {number + 1} of {training.videos} {purpose}")
        drawn_from = footage[number % len(footage)]
        assert drawn_from is not None, "only videos of which there is footage are made"
        random = training.generator(VIDEO, number)
        return example_of(drawn_video(random, drawn_from.drawn(random), training.seconds))

    def fitted(number: int, examples: Sequence[Example]) -> dict[str, Numbers]:
        return fit_network(examples, training.epochs, training.generator(NETWORK, number), report)

    def supposed(arrays: dict[str, Numbers], number: int, example: Example, looks: Sequence[Look]) -> Cases:
        network = Network({name: array.astype(np.float32) for name, array in arrays.items()})
        return cases_of(network, example, looks, training.generator(CASES, number))

    first, second = _halves(footage, training.videos)
    one = fitted(0, [made(number, "for the first network")[0] for number in first])
    examples, cases = list[Example](), list[Cases]()
    for number in second:
        example, looks = made(number, "for the second network and the judge")
        examples.append(example)
        cases.append(supposed(one, number, example, looks))
    other = fitted(1, examples)
    cases += [supposed(other, number, *made(number, "for the judge")) for number in first]
    judge = fit_judge(cases, training.generator(JUDGE), report=report)
    named = {"network0": one, "network1": other, "judge": judge}
    return {f"{name}.{key}": array for name, arrays in named.items() for key, array in arrays.items()}


def _halves(footage: Sequence[Footage | None], videos: int) -> tuple[list[int], list[int]]:
    """Numbers of videos, as many of each footage in both halves; what is too few for two is in both."""
    numbers = [number for number in range(videos) if footage[number % len(footage)] is not None]
    first = [number for number in numbers if number // len(footage) % 2 == 0]
    second = [number for number in numbers if number // len(footage) % 2]
    return first or second, second or first
