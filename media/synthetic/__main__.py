"""python -m media.synthetic OUT_DIR: writes the demo's videos and their truth.json."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from media.synthetic.demo import demo_videos


def main() -> int:
    """Writes what is missing, one line a video on stderr; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m media.synthetic", description=__doc__)
    parser.add_argument("out_dir", type=Path, metavar="OUT_DIR", help="folder for the videos and truth.json")
    folder = parser.parse_args().out_dir
    if folder.exists() and not folder.is_dir():
        parser.error(f"OUT_DIR must be a folder, got the file {folder}. Name another place.")
    demo_videos(folder, report=lambda line: print(line, file=sys.stderr))
    return 0


if __name__ == "__main__":
    sys.exit(main())
