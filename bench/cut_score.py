"""How transitions are counted, wherever cuts are compared with their truth.

A hard cut is found when a predicted transition starts or ends within 0.1 s of it (the nearest one, one to one); a
dissolve, fade or wipe is found when predicted transitions touch its span widened by 0.25 s on each side (all that touch
it are used up); every prediction left over is a false positive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

HARD_US = 100_000
GRADUAL_US = 250_000


@dataclass(frozen=True, order=True)
class Transition:
    """`[start_us, end_us]`; a hard cut has no length."""

    start_us: int
    end_us: int

    @property
    def is_hard(self) -> bool:
        return self.start_us == self.end_us


@dataclass(frozen=True)
class Counts:
    """What adds up over videos; the ratios are derived."""

    hard_found: int = 0
    hard_missed: int = 0
    gradual_found: int = 0
    gradual_missed: int = 0
    false: int = 0
    missed: tuple[str, ...] = field(default=())
    wrong: tuple[str, ...] = field(default=())

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    @property
    def hard_f1(self) -> float:
        return _share(2 * self.hard_found, 2 * self.hard_found + self.false + self.hard_missed)

    @property
    def gradual_recall(self) -> float:
        return _share(self.gradual_found, self.gradual_found + self.gradual_missed)

    @property
    def precision(self) -> float:
        return _share(self.hard_found + self.gradual_found, self.hard_found + self.gradual_found + self.false)

    @property
    def recall(self) -> float:
        found = self.hard_found + self.gradual_found
        return _share(found, found + self.hard_missed + self.gradual_missed)

    @property
    def f1(self) -> float:
        return _share(2 * self.precision * self.recall, self.precision + self.recall)


def count(truth: Sequence[Transition], predicted: Sequence[Transition], name: str = "") -> Counts:
    """Compare one video's transitions with its truth; `name` stands before the times of what went wrong."""
    left = sorted(predicted)
    hard = [t for t in truth if t.is_hard]
    gradual = [t for t in truth if not t.is_hard]
    missed: list[str] = []
    pairs = sorted((_distance(cut, p), i, j) for i, cut in enumerate(hard) for j, p in enumerate(left))
    found: set[int] = set()
    used: set[int] = set()
    for distance, i, j in pairs:
        if distance <= HARD_US and i not in found and j not in used:
            found.add(i)
            used.add(j)
    missed += [_at(name, cut) for i, cut in enumerate(hard) if i not in found]
    gradual_found = 0
    for span in gradual:
        touching = {j for j, p in enumerate(left) if j not in used and _touches(span, p)}
        used |= touching
        gradual_found += bool(touching)
        if not touching:
            missed.append(_at(name, span))
    wrong = [_at(name, p) for j, p in enumerate(left) if j not in used]
    return Counts(
        len(found),
        len(hard) - len(found),
        gradual_found,
        len(gradual) - gradual_found,
        len(wrong),
        tuple(missed),
        tuple(wrong),
    )


def _distance(cut: Transition, predicted: Transition) -> int:
    return min(abs(predicted.start_us - cut.start_us), abs(predicted.end_us - cut.start_us))


def _touches(span: Transition, predicted: Transition) -> bool:
    return predicted.start_us <= span.end_us + GRADUAL_US and predicted.end_us >= span.start_us - GRADUAL_US


def _at(name: str, transition: Transition) -> str:
    start, end = transition.start_us / 1e6, transition.end_us / 1e6
    return f"{name} {start:.3f}" if transition.is_hard else f"{name} {start:.3f}-{end:.3f}"


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
