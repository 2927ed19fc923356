"""A world: scenes on one timeline, joined by transitions; its frames are a pure function of time."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import accumulate

from media.synthetic.scene import Flash, Scene, Seconds, exact_seconds
from media.synthetic.texture import Image
from media.synthetic.transition import Transition, mix


@dataclass(frozen=True)
class World:
    """`scenes` one after the other; `transitions[i]` joins scene i and i + 1 (hard cuts when left out).

    The scenes' `seconds` add up to the world's; a transition lies around the point where its scenes meet and takes
    its time from both. It must fit: a scene is longer than the halves of the transitions at its ends.
    """

    scenes: tuple[Scene, ...]
    transitions: tuple[Transition, ...] = ()

    def __post_init__(self) -> None:
        if not self.scenes:
            raise ValueError("a world needs at least one scene, got none. Add a Scene.")
        if not self.transitions:
            object.__setattr__(self, "transitions", (Transition(),) * (len(self.scenes) - 1))
        if len(self.transitions) != len(self.scenes) - 1:
            raise ValueError(
                f"{len(self.scenes)} scenes have {len(self.scenes) - 1} transitions between them, "
                f"got {len(self.transitions)}. Give one each, or none for hard cuts."
            )
        for index, (start, end) in enumerate(self.clip_spans):
            if end <= start:
                raise ValueError(
                    f"scene {index} lasts {float(exact_seconds(self.scenes[index].seconds))} s, not longer than "
                    "the halves of the transitions around it. Make it longer or them shorter."
                )

    @cached_property
    def starts(self) -> tuple[Fraction, ...]:
        """When each scene starts, and last when the world ends; exact seconds."""
        return tuple(accumulate((exact_seconds(scene.seconds) for scene in self.scenes), initial=Fraction(0)))

    @property
    def seconds(self) -> Fraction:
        return self.starts[-1]

    @cached_property
    def transition_spans(self) -> tuple[tuple[Fraction, Fraction], ...]:
        """Start and end of each transition; equal for a hard cut."""
        halves = [exact_seconds(transition.seconds) / 2 for transition in self.transitions]
        return tuple((at - half, at + half) for at, half in zip(self.starts[1:-1], halves, strict=True))

    @cached_property
    def clip_spans(self) -> tuple[tuple[Fraction, Fraction], ...]:
        """Each scene's time without its transitions."""
        spans = self.transition_spans
        starts = [Fraction(0), *(end for _, end in spans)]
        ends = [*(start for start, _ in spans), self.seconds]
        return tuple(zip(starts, ends, strict=True))

    @cached_property
    def flashes(self) -> tuple[tuple[Fraction, Flash], ...]:
        """Every flash with its start on the world's timeline."""
        return tuple(
            (start + exact_seconds(flash.at_s), flash)
            for start, scene in zip(self.starts, self.scenes, strict=False)
            for flash in scene.flashes
        )

    def share(self, index: int, seconds: Fraction) -> float:
        """How much of transition `index` is over: 0 until and at its start, 1 from its end on."""
        start, end = self.transition_spans[index]
        if seconds >= end:
            return 1.0
        return max(0.0, float((seconds - start) / (end - start))) if end > start else 0.0

    def shown(self, seconds: Fraction) -> tuple[int, float]:
        """What is on the screen: (i, share) is scene i, or where share > 0 its transition to scene i + 1.

        `share` of that transition is over. Times outside the world raise ValueError.
        """
        if not 0 <= seconds < self.seconds:
            raise ValueError(f"seconds must be in [0, {float(self.seconds)}), got {float(seconds)}.")
        index = bisect_right(self.starts, seconds) - 1
        for edge in (index - 1, index):
            if 0 <= edge < len(self.transitions) and 0 < self.share(edge, seconds) < 1:
                return edge, self.share(edge, seconds)
        return index, 0.0

    def frame(self, seconds: Seconds, width: int, height: int) -> Image:
        """The picture at `seconds`: uint8 [height, width, 3] RGB. Times outside the world raise ValueError."""
        at = exact_seconds(seconds)
        index, share = self.shown(at)
        before = self.scenes[index].frame(at - self.starts[index], width, height)
        if share == 0:
            return before
        after = self.scenes[index + 1].frame(at - self.starts[index + 1], width, height)
        return mix(self.transitions[index], before, after, share)
