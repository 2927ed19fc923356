"""Made stories: small films whose captions and events are exactly known, judged by `rules`. Nothing to download.

`python -m media.synthetic.stories FOLDER --split held_out` writes the films and their rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from eval.benchmarks.benchmark import Benchmark
from eval.rows import Row
from media.synthetic.stories.shelf import STORIES_FILE, read_stories

PROMPT = "Describe the video in detail."


def rows_of(file: Path) -> Sequence[Row]:
    """A row for each film of the folder that holds the file."""
    return [
        Row(
            f"Stories/{told.split}",
            Path(told.video).stem,
            "plain",
            references=(told.text,),
            events=told.events,
            prompt=PROMPT,
            extra={"n_events": len(told.events)},
            vid=told.video,
        )
        for told in read_stories(file.parent)
    ]


BENCHMARK = Benchmark("stories", "Stories", "autodq", (STORIES_FILE,), rows_of=rows_of)
