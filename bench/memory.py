"""Memory of a scan against the length of the file: `python -m bench.memory [--hours 2]`."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from bench.measure import python, save

BAR_MB = 500
LOOK_SECONDS = 0.25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=2.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        from media.synthetic import Encoding, write  # noqa: PLC0415
        from media.synthetic.looped import write_looped  # noqa: PLC0415
        from media.synthetic.worlds import loop_world  # noqa: PLC0415

        once = Path(scratch) / "once.mp4"
        truth = write(loop_world(8), Encoding(codec="libx264", fps=30, size=(640, 360)), once)
        peaks = {}
        for name, hours in (("short", 0.01), ("long", arguments.hours)):
            folder = Path(scratch) / name
            folder.mkdir()
            write_looped(folder / "video.mp4", once, truth, round(hours * 3600 / 8))
            subprocess.run(python("curate", "add", folder, "-c", folder / "c"), check=True, stderr=subprocess.DEVNULL)
            peaks[name] = peak_of(python("curate", "scan", "-c", folder / "c", "--jobs", "1"))
            print(f"  {name}: {hours:g} h, {peaks[name]:.0f} MB in the largest process", file=sys.stderr)
    save("memory", {"hours": arguments.hours, "peak_mb": peaks})
    print(f"{arguments.hours:g} h of video: {peaks['long']:.0f} MB a job (bar: at most {BAR_MB}), "
          f"36 s of it: {peaks['short']:.0f} MB")  # fmt: skip


def peak_of(words: list[str]) -> float:
    """Largest resident memory in MB that any process of a command reaches."""
    process = psutil.Popen(words, stderr=subprocess.DEVNULL)
    peak, done = 0.0, threading.Event()

    def look() -> None:
        nonlocal peak
        while not done.is_set():
            for one in [process, *_children(process)]:
                try:
                    peak = max(peak, one.memory_info().rss / 2**20)
                except psutil.Error:
                    continue
            time.sleep(LOOK_SECONDS)

    watcher = threading.Thread(target=look)
    watcher.start()
    code = process.wait()
    done.set()
    watcher.join()
    if code:
        raise subprocess.CalledProcessError(code, words)
    return peak


def _children(process: psutil.Popen) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


if __name__ == "__main__":
    main()
