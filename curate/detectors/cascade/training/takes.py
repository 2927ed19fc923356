"""The footage that made videos are made of: whole videos, small, all of their frames at hand."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from media.errors import MediaError
from media.stream import stream
from media.synthetic.texture import Image

SIDE = 256  # pixels; the size that a scan hands to detectors
SHORTEST_S = 1.0
DAMAGE = ("corrupt_packets", "truncated")  # pictures are missing


@dataclass(frozen=True)
class Labelled:
    """A row of the manifest. `inner`: (start, end) in seconds of each transition; equal for a hard cut."""

    name: str
    inner: tuple[tuple[float, float], ...]


class Filmed(Protocol):
    """Footage of one camera. `inner`: the transitions that it holds, as in `Labelled`."""

    @property
    def seconds(self) -> float: ...

    @property
    def inner(self) -> tuple[tuple[float, float], ...]: ...

    def at(self, at_s: float) -> Image:
        """The picture at `at_s`, 0 to `seconds`: uint8 [H, W, 3] RGB."""
        ...


@dataclass(frozen=True, eq=False)
class Take:
    """pictures: uint8 [N, H, W, 3] RGB, perhaps mapped from a file; times_s: float64 [N], ascending from 0.

    `inner`: the transitions that the footage itself holds, as in `Labelled`.
    """

    pictures: Image
    times_s: Image
    inner: tuple[tuple[float, float], ...] = ()

    @property
    def seconds(self) -> float:
        """When the last frame starts."""
        return float(self.times_s[-1])

    def at(self, at_s: float) -> Image:
        """The picture on show; the first before the beginning, the last after the end."""
        number = int(np.searchsorted(self.times_s, at_s + 1e-6, side="right")) - 1
        return self.pictures[min(max(number, 0), len(self.times_s) - 1)]


def labelled(manifest: Path) -> list[Labelled]:
    """The rows whose transitions are known. Animated pictures are left out: their makers drop frames as they like.

    Raises ValueError, which says what is missing, for a file that is no such manifest.
    """
    with manifest.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        missing = {"name", "n_cuts", "cut_times_s", "gradual"} - set(rows.fieldnames or ())
        if missing:
            raise ValueError(f"{manifest} has no column {', '.join(sorted(missing))}. Add it; empty means unknown.")
        known = [row for row in rows if row["n_cuts"] and not row["name"].endswith(".gif")]
    return [Labelled(row["name"], _inner(manifest, row)) for row in known]


def read_takes(
    rows: list[Labelled], videos: Path, folder: Path, report: Callable[[str], None] = lambda line: None
) -> list[Take]:
    """The takes of these rows, their frames kept in files in `folder`. What cannot serve is reported and left out."""
    folder.mkdir(exist_ok=True)
    takes = list[Take]()
    for number, row in enumerate(rows):
        try:
            take, damage = _read(videos / row.name, folder / f"{number}.rgb", row.inner)
        except MediaError as error:
            report(f"left out {row.name}: {error}")
            continue
        if damage:
            # where pictures are missing there seems to be a transition that nobody labelled
            report(f"left out {row.name}: {damage}")
        elif take.seconds < SHORTEST_S:
            report(f"left out {row.name}: it lasts less than {SHORTEST_S} s")
        else:
            takes.append(take)
    return takes


def _read(video: Path, file: Path, inner: tuple[tuple[float, float], ...]) -> tuple[Take, str]:
    """The take, and in words what is damaged in the video."""
    times = list[int]()
    shape = (0, 0, 3)
    with stream(str(video), max_side=SIDE) as frames, file.open("wb") as pixels:
        for frame in frames:
            picture = frame.rgb
            shape = picture.shape
            pixels.write(picture.tobytes())
            times.append(frame.time_us)
    pictures = np.memmap(file, np.uint8, "r", shape=(len(times), *shape))
    damage = ", ".join(name for name in frames.report.warnings if name in DAMAGE)
    return Take(pictures, np.array(times) / 1e6, inner), damage


def _inner(manifest: Path, row: dict[str, str]) -> tuple[tuple[float, float], ...]:
    try:
        hard = [float(time) for time in row["cut_times_s"].split(";") if time]
        spans = [span.split("-") for span in row["gradual"].split(";") if span]
        return (*((time, time) for time in hard), *((float(start), float(end)) for start, end in spans))
    except ValueError as error:
        raise ValueError(
            f"{manifest}, {row['name']}: {error}. Write cut_times_s as 1.5;3.0 and gradual as 4.0-5.0;7.0-8.0."
        ) from error
