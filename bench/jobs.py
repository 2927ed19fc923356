"""Two jobs against one on many files: `python -m bench.jobs [FOLDER]`. Scanning only; the files are added before."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from bench.measure import cost_of, in_turns, python, save, seconds_of

BAR = 1.8
NUM_VIDEOS = 24


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", help="a folder of videos; default: 24 made ones")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or made(Path(scratch) / "videos")
        number = 0

        def scanned(jobs: int):
            nonlocal number
            number += 1
            catalogue = Path(scratch) / f"catalogue-{number}"
            cost_of(python("curate", "add", folder, "-c", catalogue))
            return cost_of(python("curate", "scan", "-c", catalogue, "--jobs", jobs))

        costs = in_turns({"1 job": lambda: scanned(1), "2 jobs": lambda: scanned(2)}, arguments.runs)
    one, two = seconds_of(costs["1 job"]), seconds_of(costs["2 jobs"])
    save("jobs", {"one_job_seconds": one, "two_jobs_seconds": two, "speed_up": one / two})
    print(f"1 job {one:.2f} s, 2 jobs {two:.2f} s: {one / two:.2f} x (bar: at least {BAR})")


def made(folder: Path) -> Path:
    """24 takes of 20 s, 1280x720 H.264, each another content."""
    from media.synthetic import Encoding, write  # noqa: PLC0415
    from media.synthetic.looped import write_looped  # noqa: PLC0415
    from media.synthetic.worlds import long_take_world  # noqa: PLC0415

    folder.mkdir()
    once = folder.parent / "once.mp4"
    for number in range(NUM_VIDEOS):
        truth = write(long_take_world(1, seed=number), Encoding(codec="libx264", fps=30, size=(1280, 720)), once)
        write_looped(folder / f"take-{number:02d}.mp4", once, truth, 20)
    return folder


if __name__ == "__main__":
    main()
