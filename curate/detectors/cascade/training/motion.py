"""How cameras and things move in takes made of photographs: smooth paths, and a hand that shakes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from curate.detectors.cascade.network import Numbers
from curate.detectors.cascade.training.draws import one_of

NUM_WAVES = 5


@dataclass(frozen=True, eq=False)
class Path:
    """Values between knots, slow at both ends of each way: times_s [K], ascending; values [K, V]."""

    times_s: Numbers
    values: Numbers

    def at(self, at_s: float) -> Numbers:
        """[V]; the first values before the first knot, the last ones behind the last."""
        number = int(np.searchsorted(self.times_s, at_s, side="right"))
        if number in (0, len(self.times_s)):
            return self.values[min(number, len(self.times_s) - 1)]
        start, end = self.times_s[number - 1], self.times_s[number]
        share = (at_s - start) / (end - start)
        before, after = self.values[number - 1], self.values[number]
        return before + (after - before) * share * share * (3 - 2 * share)


@dataclass(frozen=True, eq=False)
class Shake:
    """A sum of waves: sizes [V, N], rates in radians a second and phases [V, N]."""

    sizes: Numbers
    rates: Numbers
    phases: Numbers

    def at(self, at_s: float) -> Numbers:
        return (self.sizes * np.sin(self.rates * at_s + self.phases)).sum(axis=1)


def drawn_shake(random: np.random.Generator, sizes: tuple[float, ...]) -> Shake:
    """Waves of 0.2 to 7 Hz, faster ones smaller, whose sizes add up to about `sizes`."""
    shape = len(sizes), NUM_WAVES
    hertz = np.exp(random.uniform(math.log(0.2), math.log(7), shape))
    parts = random.uniform(0.3, 1, shape) / np.sqrt(hertz)
    parts *= np.array(sizes)[:, None] / parts.sum(axis=1, keepdims=True)
    return Shake(parts, 2 * math.pi * hertz, random.uniform(0, 2 * math.pi, shape))


def still_path(*values: float) -> Path:
    return Path(np.zeros(1), np.array([values]))


def searching_path(
    random: np.random.Generator,
    seconds: float,
    least: tuple[float, ...],
    most: tuple[float, ...],
    move_s: tuple[float, float],
    rest_s: tuple[float, float],
) -> Path:
    """Goes to places drawn between `least` and `most`, and rests at each; the times of both are drawn, too."""
    times, values = [0.0], [random.uniform(least, most)]
    while times[-1] < seconds:
        times += [times[-1] + random.uniform(*rest_s)]
        times += [times[-1] + random.uniform(*move_s)]
        values += [values[-1], random.uniform(least, most)]
    return Path(np.array(times), np.array(values))


def from_nothing(path: Path, nothing: float) -> Path:
    """The path, which begins where all values are `nothing`."""
    values = path.values.copy()
    values[0] = nothing
    return Path(path.times_s, values)


def passing_path(random: np.random.Generator, seconds: float) -> Path:
    """Across the view, [2] in shares of it from its middle, somewhere within `seconds`."""
    start, needs = random.uniform(0, max(0.1, seconds - 1)), random.uniform(0.4, 2.5)
    side, y = one_of(random, (-1.0, 1.0)) * 1.6, random.uniform(-0.2, 0.4)
    return Path(np.array([start, start + needs]), np.array([[side, y], [-side, y + random.uniform(-0.2, 0.2)]]))


def held_up_path(random: np.random.Generator, seconds: float) -> Path:
    """Comes into the view from below or a side, stays there for a while, and leaves."""
    start, way, rest = random.uniform(0, max(0.1, seconds - 2)), random.uniform(0.1, 0.7), random.uniform(0.4, 4)
    outside = np.array(one_of(random, ((0.0, 1.7), (1.7, 0.2), (-1.7, 0.2), (0.6, 1.7))))
    inside = random.uniform((-0.3, -0.25), (0.3, 0.35))
    times = np.cumsum([start, way, rest, random.uniform(0.1, 0.7)])
    return Path(times, np.stack([outside, inside, inside + random.uniform(-0.06, 0.06, 2), outside]))
