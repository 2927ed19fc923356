"""Every detector on the labelled real videos: `python -m bench.cuts [DATA]`, DATA holding videos/ and manifest.csv.

One decode pass a video feeds them all. Transitions are counted as `bench/cut_score.py` says. Last, the cuts that
PySceneDetect finds by itself are compared with those that its detectors find in our pass.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from fractions import Fraction
from pathlib import Path

from scenedetect import AdaptiveDetector, ContentDetector, SceneManager, open_video

from bench.cut_score import Counts, Transition, count
from bench.measure import save
from curate.detectors.choose import DETECTORS, make_detector
from curate.detectors.cut import Cut
from curate.scan import WORKING_SIDE
from media.errors import MediaError
from media.probe import probe
from media.stream import stream

AT_HOME = {"scenedetect-adaptive": AdaptiveDetector, "scenedetect-content": ContentDetector}
SAME_US = 2_000  # PySceneDetect's times are rounded to the container's ticks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", default=os.environ.get("LONGTAKE_TEST_DATA") or "../shared/data")
    data = Path(parser.parse_args().data)
    totals = dict.fromkeys(DETECTORS, Counts())
    same = dict.fromkeys(AT_HOME, 0)
    videos = 0
    for row in labelled(data / "manifest.csv"):
        path = data / "videos" / row["name"]
        try:
            found = cuts_of(path)
        except MediaError as error:
            print(f"  {error}", file=sys.stderr)
            continue
        videos += 1
        for name, cuts in found.items():
            spans = [Transition(cut.start_us, cut.end_us) for cut in cuts if cut.kind != "flash_rejected"]
            totals[name] += count(truth_of(row), spans, row["name"])
        for name, detector in AT_HOME.items():
            same[name] += is_same([cut.start_us for cut in found[name]], at_home(path, detector()))
    for name, counts in totals.items():
        print(
            f"{name:22} hard F1 {counts.hard_f1:.3f}  gradual recall {counts.gradual_recall:.3f}  "
            f"precision {counts.precision:.3f}  F1 {counts.f1:.3f}"
        )
    for name, number in same.items():
        print(f"{name}: the cuts of PySceneDetect itself on {number} of {videos} videos")
    figures = {
        name: {"hard_f1": c.hard_f1, "gradual_recall": c.gradual_recall, "precision": c.precision, "f1": c.f1}
        for name, c in totals.items()
    }
    save("cuts", {"videos": videos, "detectors": figures, "same_as_pyscenedetect": same})


def labelled(manifest: Path) -> list[dict[str, str]]:
    """Rows with annotated cuts; gifs are left out."""
    with manifest.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["n_cuts"] and not row["name"].endswith(".gif")]


def truth_of(row: dict[str, str]) -> list[Transition]:
    hard = [round(float(time) * 1e6) for time in row["cut_times_s"].split(";") if time]
    spans = [span.split("-") for span in row["gradual"].split(";") if span]
    gradual = [Transition(round(float(start) * 1e6), round(float(end) * 1e6)) for start, end in spans]
    return [*(Transition(time, time) for time in hard), *gradual]


def cuts_of(path: Path) -> dict[str, list[Cut]]:
    """What every detector finds in one video."""
    facts = probe(str(path))
    fps = Fraction(facts.num_frames * 1_000_000, facts.duration_us)
    detectors = {name: make_detector(name, fps) for name in DETECTORS}
    with stream(str(path), max_side=WORKING_SIDE) as frames:
        for frame in frames:
            for detector in detectors.values():
                detector.push(frame)
        return {name: detector.finish(frames.report.end_us) for name, detector in detectors.items()}


def at_home(path: Path, detector: AdaptiveDetector | ContentDetector) -> list[int]:
    """Times of the cuts that PySceneDetect finds with its own decoding, in microseconds from the first frame."""
    manager = SceneManager()
    manager.add_detector(detector)
    manager.detect_scenes(open_video(str(path), backend="pyav"))
    return [round(scene[0].seconds * 1e6) for scene in manager.get_scene_list()][1:]


def is_same(ours: list[int], theirs: list[int]) -> bool:
    return len(ours) == len(theirs) and all(abs(a - b) <= SAME_US for a, b in zip(ours, theirs, strict=True))


if __name__ == "__main__":
    main()
