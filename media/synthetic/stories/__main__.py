"""python -m media.synthetic.stories OUT_DIR --count N: writes short films of stories and stories.jsonl beside them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from media.synthetic.stories.film import StoryFilm
from media.synthetic.stories.shelf import write_stories
from media.synthetic.stories.story import MAX_EVENTS, MAX_THINGS


def main() -> int:
    """Writes what is missing; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m media.synthetic.stories", description=__doc__)
    parser.add_argument("out_dir", type=Path, metavar="OUT_DIR", help="folder for the films and stories.jsonl")
    parser.add_argument("--count", type=int, default=100, help="how many stories (100)")
    parser.add_argument("--first", type=int, default=0, help="seed of the first story; the next one's is one more (0)")
    parser.add_argument("--split", choices=("train", "held_out"), default="train", help="which combinations are told")
    parser.add_argument("--size", type=int, default=56, help="side of the picture in pixels (56)")
    parser.add_argument("--things", type=int, default=MAX_THINGS, help=f"things of a story at most ({MAX_THINGS})")
    parser.add_argument("--events", type=int, default=MAX_EVENTS, help=f"events of a story at most ({MAX_EVENTS})")
    asked = parser.parse_args()
    if asked.count < 1 or asked.first < 0:
        parser.error(f"--count must be >= 1 and --first >= 0, got {asked.count} and {asked.first}.")
    if asked.out_dir.exists() and not asked.out_dir.is_dir():
        parser.error(f"OUT_DIR must be a folder, got the file {asked.out_dir}. Name another place.")
    try:
        film = StoryFilm(size=asked.size)
        seeds = range(asked.first, asked.first + asked.count)
        written = write_stories(
            asked.out_dir, seeds, asked.split, film, max_things=asked.things, max_events=asked.events
        )
    except ValueError as error:
        parser.error(str(error))
    print(f"{len(written)} stories in {asked.out_dir}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
