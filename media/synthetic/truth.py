"""What is true about a written video, as plain rows that go to JSON and back."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from media.synthetic.motion import Motion


@dataclass(frozen=True)
class TrueCut:
    """One transition, in microseconds from the first frame; `kind`: hard, dissolve, fade or wipe.

    Hard: both times are the new shot's first frame. Gradual: from the first mixed frame to the first frame that is
    wholly the new shot.
    """

    start_us: int
    end_us: int
    kind: str


@dataclass(frozen=True)
class TrueFlash:
    """A flash that at least one frame shows: from its first frame to the first frame after it; it is no cut."""

    start_us: int
    end_us: int


@dataclass(frozen=True)
class TrueClip:
    """A span between transitions, half-open. `luma_mean`: 0..255. Luma and motion are None for real takes."""

    start_us: int
    end_us: int
    num_frames: int
    luma_mean: float | None
    motion: Motion | None


@dataclass(frozen=True)
class Truth:
    """All times in integer microseconds from the first frame, as the file says them (rounded by its container).

    `frame_times_us` has one entry a frame; the video spans `[0, end_us)`, the last frame lasting to the next tick.
    `width`, `height`: as coded; a player turns the picture by `rotation` degrees counter-clockwise.
    """

    codec: str
    width: int
    height: int
    rotation: int
    frame_times_us: tuple[int, ...]
    end_us: int
    cuts: tuple[TrueCut, ...]
    flashes: tuple[TrueFlash, ...]
    clips: tuple[TrueClip, ...]

    @property
    def num_frames(self) -> int:
        return len(self.frame_times_us)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Truth:
        """The truth that `to_json` wrote. Raises KeyError or TypeError when the text is of another shape."""
        fields: dict[str, Any] = json.loads(text)
        fields["frame_times_us"] = tuple(fields["frame_times_us"])
        fields["cuts"] = tuple(TrueCut(**cut) for cut in fields["cuts"])
        fields["flashes"] = tuple(TrueFlash(**flash) for flash in fields["flashes"])
        fields["clips"] = tuple(_clip(clip) for clip in fields["clips"])
        return Truth(**fields)


def _clip(fields: dict[str, Any]) -> TrueClip:
    motion = fields["motion"]
    return TrueClip(**{**fields, "motion": None if motion is None else Motion(**motion)})
