"""Which captions become samples of which task, and what is chosen at random about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Any, Literal

Row = Mapping[str, Any]
Messages = list[dict[str, Any]]
Task = Literal["caption", "grounded", "frame_order", "multi_image", "tracking"]
TASKS: tuple[Task, ...] = ("caption", "grounded", "frame_order", "multi_image", "tracking")
PROMPT = "Describe the video in detail."
GROUNDED_PROMPT = "Describe the video in detail, and before each event name its frames as <frame: 2-5>."


@dataclass(frozen=True)
class SampleRule:
    """Which captions become samples, and how.

    dataset: their name in mixtures. kinds: of captions. where: SQL over the columns of the view `caption`. validation,
    test: shares of the videos. seed: of the split and of what a task chooses. n_frames: that a grounded sample names,
    and at most of tracks and pictures. tracks: boxes, for the task `tracking`.
    """

    dataset: str
    kinds: tuple[str, ...] = ("raw",)
    where: str | None = None
    prompts: tuple[str, ...] = (PROMPT,)
    validation: float = 0.0
    test: float = 0.0
    seed: int = 0
    task: Task = "caption"
    n_frames: int = 16
    tracks: Path | None = None

    def __post_init__(self) -> None:
        if not self.dataset.strip():
            raise ValueError("a dataset needs a name.")
        if not self.kinds or not self.prompts or any(not prompt.strip() for prompt in self.prompts):
            raise ValueError("give at least one kind of captions and one prompt that is not blank.")
        if min(self.validation, self.test) < 0 or self.validation + self.test >= 1:
            raise ValueError(
                f"validation and test are shares of the videos below 1 in sum, got {self.validation} and {self.test}."
            )
        if self.task not in TASKS:
            raise ValueError(f"task must be one of {', '.join(TASKS)}, got {self.task!r}.")
        if self.n_frames < 2:
            raise ValueError(f"n_frames must be >= 2, got {self.n_frames}.")
        if (self.task == "tracking") != (self.tracks is not None):
            raise ValueError("the task tracking and a table of tracks go together.")


class Unfit(ValueError):
    """A caption that cannot become a sample of the task. reason: by name."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


def number_of(text: str, seed: int) -> int:
    """0 <= number < 2**64, the same for the same text and seed on every machine."""
    return int.from_bytes(blake2b(f"{seed} {text}".encode(), digest_size=8).digest(), "big")


def random_of(row: Row, rule: SampleRule) -> Random:
    """What is chosen at random about a row's sample, whatever other rows there are."""
    return Random(number_of(f"{rule.task} {row['caption_id']}", rule.seed))


def prompt_of(row: Row, rule: SampleRule) -> str:
    """One of the rule's prompts."""
    return rule.prompts[number_of(row["caption_id"], rule.seed) % len(rule.prompts)]


def split_of(video_id: str, validation: float, test: float, seed: int) -> str:
    """train, validation or test: all clips of a video are in one, whatever else is in the catalogue."""
    place = number_of(video_id, seed) / 2**64
    return "test" if place < test else "validation" if place < test + validation else "train"


def asked(media: list[dict[str, Any]], prompt: str, answer: str) -> Messages:
    """A question about media and its answer."""
    return [
        {"role": "user", "content": [*media, {"type": "text", "text": prompt}]},
        {"role": "assistant", "content": answer},
    ]


def video_item(row: Row) -> dict[str, Any]:
    """The clip as a content item: its own file where it has one, else its span of the video."""
    if row["file_uri"]:
        return {"type": "video", "video": {"video_file": row["file_uri"]}}
    span = {"start_us": row["start_us"], "end_us": row["end_us"]}
    return {"type": "video", "video": {"video_file": row["uri"], **span}}
