"""What a catalogue says of the tour's reels beside what is true: `python runs/compare_truth.py CATALOGUE RAW`.

Printed: transitions found, missed and false (counted as `bench/cut_score.py` says); and of a selection, how many of its
clips are one whole story, and how many of the stories it holds.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bench.cut_score import Counts, Transition, count
from engine.catalogue import Catalogue
from media.synthetic.stories.reel import Reel, ReelClip, read_reels

EDGE_US = 260_000  # a frame of a reel: so far may a clip's ends be from the story's


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("catalogue")
    parser.add_argument("raw", type=Path, help="the folder that raw_videos.py wrote")
    parser.add_argument("--selection", default="stories")
    asked = parser.parse_args()
    connection = Catalogue.open(asked.catalogue).connect()
    reels = {reel.video.removesuffix(".mp4"): reel for reel in read_reels(asked.raw / "files")}

    def rows(sql: str) -> list[dict[str, Any]]:
        return connection.sql(sql).to_arrow_table().to_pylist()

    cuts = rows("select video_key, c.* from cuts c join videos using (video_id) where kind <> 'flash_rejected'")
    counts = Counts()
    scanned = {row["video_key"] for row in rows("select video_key from scans join videos using (video_id)")}
    for name in sorted(scanned & reels.keys()):
        truth = [Transition(cut.start_us, cut.end_us) for cut in reels[name].truth.cuts]
        found = [Transition(row["start_us"], row["end_us"]) for row in cuts if row["video_key"] == name]
        counts += count(truth, found, name)
    print(
        f"cuts of {len(scanned & reels.keys())} reels: {counts.hard_found} of "
        f"{counts.hard_found + counts.hard_missed} hard and {counts.gradual_found} of "
        f"{counts.gradual_found + counts.gradual_missed} gradual ones found, {counts.false} false; F1 {counts.f1:.3f}"
    )
    selected = rows(
        "select video_key, start_us, end_us from selections join clip using (clip_id) "
        f"where selection = '{asked.selection.replace(chr(39), chr(39) * 2)}'"
    )
    stories = {(name, clip.start_us) for name in scanned & reels.keys() for clip in stories_of(reels[name])}
    held = {story for row in selected if (story := story_of(reels, row)) is not None}
    clean = sum(story_of(reels, row) is not None for row in selected)
    # a reel's copy tells the same stories, and a selection takes each once
    told = {text_of(reels, story) for story in stories}
    print(
        f"selection {asked.selection}: {clean} of {len(selected)} clips are a whole story "
        f"(precision {clean / max(1, len(selected)):.3f}); {len({text_of(reels, story) for story in held})} of "
        f"{len(told)} stories are in it (recall {len({text_of(reels, s) for s in held}) / max(1, len(told)):.3f})"
    )


def stories_of(reel: Reel) -> list[ReelClip]:
    return [clip for clip in reel.clips if clip.kind == "story"]


def story_of(reels: dict[str, Reel], row: dict[str, Any]) -> tuple[str, int] | None:
    """The story that a clip is, whole and alone."""
    for clip in stories_of(reels[row["video_key"]]) if row["video_key"] in reels else []:
        if abs(clip.start_us - row["start_us"]) < EDGE_US and abs(clip.end_us - row["end_us"]) < EDGE_US:
            return row["video_key"], clip.start_us
    return None


def text_of(reels: dict[str, Reel], story: tuple[str, int]) -> str:
    return next(clip.text for clip in stories_of(reels[story[0]]) if clip.start_us == story[1])


if __name__ == "__main__":
    main()
