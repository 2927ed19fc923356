"""Every detector on the labelled set: `python -m bench.cuts [DATA]`, DATA holding videos/ and manifest.csv.

The set: the annotated videos, and joins of their single takes with every kind of transition in several codecs
(`bench/cut_set.py`). Transitions are counted as `bench/cut_score.py` says. Printed: all of the set, and the part that
was kept aside; where hard cuts of the joins are placed; and how well long takes are found.

`default` is what `curate scan` does, and `thorough` what it does with `--thorough`. Their networks were trained, in the
end, on material of the whole set. `untrained-on` is the same detector with networks that the same recipe made without
the part kept aside (`--without 0`): its figures there are nearer to what to expect of other footage. How networks are
mixed, and their thresholds, were chosen by both figures, so that both flatter a little.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import cv2

from bench.cut_score import Counts, Transition, count
from bench.cut_set import Labelled, labelled
from bench.measure import save
from curate.detectors.cascade import weights
from curate.detectors.cascade.detector import CascadeDetector
from curate.detectors.choose import DETECTORS, make_detector
from curate.detectors.cut import Cut
from curate.passes import WORKING_SIDE
from curate.recipes import long_takes
from curate.scan import FoundClip, ScanSettings, scan
from media.errors import MediaError
from media.probe import probe
from media.stream import stream
from schemas.spans import Span, spans_between

UNSEEN = "untrained-on"
UNSEEN_WEIGHTS = Path(__file__).parent / "cascade_without_aside.npz"
NAMES = ("default", "thorough", UNSEEN, *(name for name in DETECTORS if name != "default"))
SLOW = "transnetv2"  # an hour: runs only where it is named
LONG_US = 5_000_000  # what counts as long here: most takes of the set last ten seconds
COVERED = 0.9  # share of a true long take that one selected clip must hold for the take to be found


@dataclass
class Score:
    """What one detector made of (a part of) the set."""

    counts: Counts = field(default_factory=Counts)
    places: list[int] = field(default_factory=list)
    """Distance of each found hard cut of a join from its frame, in frames."""
    selected: int = 0
    clean: int = 0
    takes: int = 0
    takes_found: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", default=os.environ.get("LONGTAKE_TEST_DATA") or "../shared/data")
    parser.add_argument(
        "--only",
        action="append",
        choices=NAMES,
        help=f"a detector; may be given several times (default: all but {SLOW})",
    )
    parser.add_argument("--joins", default="bench/out/joins", help="where the joined videos are kept")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    names = asked.only or [name for name in NAMES if name != SLOW]
    scores = {(name, part): Score() for name in names for part in ("all", "aside")}
    for video in labelled(Path(asked.data), Path(asked.joins)):
        for name in names:
            if name == UNSEEN and not video.aside:
                continue
            try:
                cuts, clips, times = found_by(name, video.path)
            except MediaError as error:
                print(f"  {error}", file=sys.stderr)
                break
            for part in ("all", "aside") if video.aside else ("all",):
                add(scores[name, part], video, cuts, clips, times)
    for name in names:
        report(name, scores)
    save("cuts", {f"{name} {part}": figures(score) for (name, part), score in scores.items()})


def found_by(name: str, path: Path) -> tuple[list[Cut], list[FoundClip], list[int]]:
    """Cuts, the clips between them with their measures (default detector only), and the times of all frames."""
    facts = probe(str(path))
    fps = Fraction(facts.num_frames * 1_000_000, facts.duration_us)
    times = list[int]()
    if name in ("default", "thorough"):
        done = scan(str(path), ScanSettings(thorough=name == "thorough"), fps=fps)
        with stream(str(path), max_side=16) as frames:
            times = [frame.time_us for frame in frames]
        return done.cuts, done.clips, times
    detector = CascadeDetector(weights.read(UNSEEN_WEIGHTS)) if name == UNSEEN else make_detector(name, fps)
    with stream(str(path), max_side=WORKING_SIDE) as frames:
        for frame in frames:
            detector.push(frame)
            times.append(frame.time_us)
        return detector.finish(frames.report.end_us), [], times


def add(score: Score, video: Labelled, cuts: list[Cut], clips: list[FoundClip], times: list[int]) -> None:
    predicted = [Transition(cut.start_us, cut.end_us) for cut in cuts if cut.kind != "flash_rejected"]
    score.counts += count(video.transitions, predicted, video.name)
    if video.exact:
        score.places += list(places(video.transitions, predicted, times))
    long_clips = [clip.span for clip in clips if keeps_long_takes(clip)]
    score.selected += len(long_clips)
    score.clean += sum(is_clean(span, video.transitions) for span in long_clips)
    end_us = video.end_us or times[-1]
    takes = spans_between([Span(cut.start_us, cut.end_us) for cut in video.transitions], end_us)
    true_long = [take for take in takes if take.end_us - take.start_us >= LONG_US]
    score.takes += len(true_long)
    score.takes_found += sum(any(covers(clip, take) for clip in long_clips) for take in true_long)


def places(truth: tuple[Transition, ...], predicted: list[Transition], times: list[int]) -> Iterator[int]:
    """For each true hard cut with a predicted hard cut within three frames: how many frames apart they are."""
    number = {time: i for i, time in enumerate(times)}
    at = [number[cut.start_us] for cut in predicted if cut.is_hard and cut.start_us in number]
    for cut in truth:
        if cut.is_hard and at:
            distance = min(abs(number[cut.start_us] - other) for other in at)
            if distance <= 3:
                yield distance


def keeps_long_takes(clip: FoundClip) -> bool:
    """The bounds of the recipe `long_takes` on what a clip measures; its length is LONG_US here."""
    recipe = long_takes()
    jump_cut = clip.measures["jump_cut_score"]
    is_long = clip.span.end_us - clip.span.start_us >= LONG_US * COVERED
    bound = recipe.max_jump_cut
    return is_long and isinstance(jump_cut, float) and bound is not None and jump_cut <= bound


def is_clean(span: Span, truth: tuple[Transition, ...]) -> bool:
    """Whether no transition lies inside; 0.1 s at the ends does not count, as for hard cuts."""
    return not any(cut.start_us < span.end_us - 100_000 and cut.end_us > span.start_us + 100_000 for cut in truth)


def covers(clip: Span, take: Span) -> bool:
    common = min(clip.end_us, take.end_us) - max(clip.start_us, take.start_us)
    return common >= COVERED * (take.end_us - take.start_us)


def figures(score: Score) -> dict[str, float]:
    counts = score.counts
    return {
        "hard_f1": counts.hard_f1,
        "gradual_recall": counts.gradual_recall,
        "precision": counts.precision,
        "f1": counts.f1,
        "exact_frame": share(sum(not place for place in score.places), len(score.places)),
        "clean_long_takes": share(score.clean, score.selected),
        "long_takes_found": share(score.takes_found, score.takes),
    }


def share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def report(name: str, scores: dict[tuple[str, str], Score]) -> None:
    for part in ("aside",) if name == UNSEEN else ("all", "aside"):
        shown = "  ".join(f"{key} {value:.3f}" for key, value in figures(scores[name, part]).items())
        print(f"{name:22} {part:5}  {shown}")
    if name == "default":
        counts = scores[name, "all"].counts
        print("  missed: " + ", ".join(counts.missed), "  wrong: " + ", ".join(counts.wrong), sep="\n", flush=True)


if __name__ == "__main__":
    main()
