"""The labelled set for cuts: annotated real videos, and joins of their single takes with an exact truth.

Joins are made once, with fixed seeds, and kept; half of them are made only of takes that are on the list of those that
training leaves out by default (`curate.detectors.cascade.training.aside`).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from bench.cut_score import Transition
from curate.detectors.cascade.training.aside import is_aside
from media.synthetic.encoding import Encoding
from media.synthetic.joins import Joins, write_joined
from media.synthetic.truth import Truth

SIZE = (640, 360)
ENCODINGS = {
    "h264": Encoding("libx264", Fraction(24000, 1001), SIZE),
    "h264_b": Encoding("libx264", 30, SIZE, b_frames=3, gop=250, options=(("preset", "medium"),)),
    "h264_vfr": Encoding("libx264", 30, SIZE, frame_gaps=(1, 2)),
    "hevc": Encoding("libx265", 25, SIZE),
    "vp9": Encoding("libvpx-vp9", 30, SIZE),
    "av1": Encoding("libsvtav1", 25, SIZE),
    "mpeg4": Encoding("mpeg4", 25, SIZE),
    "h264_60": Encoding("libx264", 60, SIZE),
}
JOIN = Joins(seconds=60.0, take_seconds=(2.9, 12.0))


@dataclass(frozen=True)
class Labelled:
    """A video with its transitions. aside: made of takes that training can leave out. exact: true to the frame."""

    name: str
    path: Path
    transitions: tuple[Transition, ...]
    end_us: int | None
    aside: bool
    exact: bool


def labelled(data: Path, folder: Path) -> Iterator[Labelled]:
    """The annotated videos of DATA, then the joins, which are made in `folder` where they are not there yet."""
    rows = annotated(data / "manifest.csv")
    for row in rows:
        path = data / "videos" / row["name"]
        yield Labelled(row["name"], path, tuple(truth_of(row)), None, is_aside(row["name"]), exact=False)
    takes = [row["name"] for row in rows if is_single_take(row)]
    for seed, (name, encoding) in enumerate(ENCODINGS.items()):
        for aside in (False, True):
            chosen = [data / "videos" / take for take in takes if is_aside(take) == aside]
            yield joined(
                f"{name}_{'aside' if aside else 'seen'}", chosen, 2 * seed + aside, encoding, folder, aside=aside
            )


def joined(name: str, takes: Sequence[Path], seed: int, encoding: Encoding, folder: Path, *, aside: bool) -> Labelled:
    """One join, with its truth beside it."""
    path = folder / (name + encoding.file_suffix)
    truth_file = path.with_suffix(".json")
    if not truth_file.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        truth = write_joined(takes, replace(JOIN, seed=seed), encoding, path)
        truth_file.write_text(truth.to_json())
    truth = Truth.from_json(truth_file.read_text())
    cuts = tuple(Transition(cut.start_us, cut.end_us) for cut in truth.cuts)
    return Labelled(path.name, path, cuts, truth.end_us, aside, exact=True)


def annotated(manifest: Path) -> list[dict[str, str]]:
    """Rows with annotated cuts; gifs are left out."""
    with manifest.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["n_cuts"] and not row["name"].endswith(".gif")]


def is_single_take(row: dict[str, str]) -> bool:
    """Footage without any transition, long enough and sound enough to be joined."""
    return row["single_take"] == "yes" and not row["gradual"] and row["name"] not in ("decord_corrupted.mp4",)


def truth_of(row: dict[str, str]) -> list[Transition]:
    hard = [round(float(time) * 1e6) for time in row["cut_times_s"].split(";") if time]
    spans = [span.split("-") for span in row["gradual"].split(";") if span]
    gradual = [Transition(round(float(start) * 1e6), round(float(end) * 1e6)) for start, end in spans]
    return [*(Transition(time, time) for time in hard), *gradual]
