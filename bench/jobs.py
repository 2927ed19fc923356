"""Two jobs against one on many files: `python -m bench.jobs [FOLDER]`. Scanning only; the files are added before.

Beside it what the machine allows: the same files decoded and nothing else, by one process and by two at once.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from pathlib import Path

from bench.measure import Cost, cost_of, in_turns, python, save, seconds_of

BAR = 1.8
NUM_VIDEOS = 24


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", help="a folder of videos; default: 24 made ones")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--decode", nargs="*", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.decode:
        decode(arguments.decode)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or made(Path(scratch) / "videos")
        number = 0

        def scanned(jobs: int):
            nonlocal number
            number += 1
            catalogue = Path(scratch) / f"catalogue-{number}"
            cost_of(python("curate", "add", folder, "-c", catalogue))
            return cost_of(python("curate", "scan", "-c", catalogue, "--jobs", jobs))

        files = sorted(str(path) for path in Path(folder).rglob("*.mp4"))
        ways = {
            "1 job": lambda: scanned(1),
            "2 jobs": lambda: scanned(2),
            "1 decoder": lambda: decoded([files]),
            "2 decoders": lambda: decoded([files[::2], files[1::2]]),
        }
        costs = in_turns(ways, arguments.runs)
    seconds = {name: seconds_of(cost) for name, cost in costs.items()}
    speed_up, limit = seconds["1 job"] / seconds["2 jobs"], seconds["1 decoder"] / seconds["2 decoders"]
    save("jobs", {"seconds": seconds, "speed_up": speed_up, "decoding_alone_speed_up": limit})
    print(f"1 job {seconds['1 job']:.1f} s, 2 jobs {seconds['2 jobs']:.1f} s: {speed_up:.2f} x (bar: at least {BAR})")
    print(f"decoding alone, two processes against one: {limit:.2f} x, which is what this machine allows")


def decoded(shares: list[list[str]]) -> Cost:
    """Each share decoded by a process of its own, all at once."""
    began = time.perf_counter()
    processes = [subprocess.Popen(python("bench.jobs", "--decode", *share)) for share in shares]
    codes = [process.wait() for process in processes]
    if any(codes):
        raise RuntimeError("a decoder failed")
    return Cost(time.perf_counter() - began, 0.0, 0.0)


def decode(paths: list[str]) -> None:
    import av  # noqa: PLC0415

    for path in paths:
        with av.open(path) as container:
            container.streams.video[0].thread_count = 1
            for _frame in container.decode(video=0):
                pass


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
