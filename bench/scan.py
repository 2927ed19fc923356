"""The scan of one 1080p file beside bare decoding and beside the pieces it replaces: `python -m bench.scan [VIDEO]`.

ours         curate's whole pass: cuts, motion, quality; all cores
thorough     the same with every frame decoded
decoding     the same file decoded by FFmpeg with all cores, frames thrown away (`ffmpeg -f null` where there is one)
pieces       PySceneDetect's command line (detect-adaptive), then Farneback flow at 2 frames a second (OpenCV)
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

from bench.measure import cost_of, in_turns, python, save, seconds_of
from media.synthetic.encoding import CODECS

BAR_DECODING = {"h264": 0.6}
OTHER_BAR_DECODING = 1.1  # codecs of which every frame must be decoded
BAR_PIECES = 5.0
CORES = len(os.sched_getaffinity(0))


def ours(path: str) -> None:
    _scan(path, thorough=False)


def thorough(path: str) -> None:
    _scan(path, thorough=True)


def _scan(path: str, *, thorough: bool) -> None:
    import cv2  # noqa: PLC0415

    from curate.scan import ScanSettings, scan  # noqa: PLC0415
    from media.probe import probe  # noqa: PLC0415

    cv2.setNumThreads(1)
    facts = probe(path)
    fps = Fraction(facts.num_frames * 1_000_000, facts.duration_us)
    scan(path, ScanSettings(thorough=thorough), fps=fps, threads=CORES)


def decoding(path: str) -> None:
    import av  # noqa: PLC0415

    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for _frame in container.decode(stream):
            pass


def farneback(path: str) -> None:
    """Mean flow between frames half a second apart, by the parameters of Data-Juicer's motion filter.

    At half the file's size, though the filter's default is the whole: at that it would take the longest by far.
    """
    import cv2  # noqa: PLC0415

    capture = cv2.VideoCapture(path)
    step = max(1, round(capture.get(cv2.CAP_PROP_FPS) / 2))
    last, number = None, 0
    while capture.grab():
        if number % step == 0:
            half = cv2.resize(capture.retrieve()[1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
            grey = cv2.cvtColor(half, cv2.COLOR_BGR2GRAY)
            if last is not None:
                cv2.calcOpticalFlowFarneback(last, grey, None, 0.5, 3, 15, 3, 5, 1.2, 0)  # type: ignore[call-overload]
            last = grey
        number += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("video", nargs="?", help="a 1080p file; default: one that is made")
    parser.add_argument("--codec", choices=sorted(CODECS), default="libx264", help="of the file that is made")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--part", choices=["ours", "thorough", "decoding", "farneback"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        globals()[arguments.part](arguments.video)
        return
    with tempfile.TemporaryDirectory() as folder:
        from media.probe import probe  # noqa: PLC0415

        video = arguments.video or made(Path(folder), arguments.codec)
        compare(video, arguments.runs, BAR_DECODING.get(probe(video).codec, OTHER_BAR_DECODING))


def made(folder: Path, codec: str) -> str:
    """30 s of 1920x1080: a hand-held take looped, a cut at each seam."""
    from media.synthetic import Encoding, write  # noqa: PLC0415
    from media.synthetic.looped import write_looped  # noqa: PLC0415
    from media.synthetic.worlds import long_take_world  # noqa: PLC0415

    encoding = Encoding(codec=codec, fps=30, size=(1920, 1080))
    once, looped = folder / f"once{encoding.file_suffix}", folder / f"looped{encoding.file_suffix}"
    truth = write(long_take_world(5), encoding, once)
    write_looped(looped, once, truth, 6)
    return str(looped)


def compare(video: str, runs: int, bar_decoding: float) -> None:
    """Run them all in turns and print the ratios."""
    ffmpeg = shutil.which("ffmpeg")
    bare = [ffmpeg, "-v", "error", "-i", video, "-f", "null", "-"] if ffmpeg else _part("decoding", video)
    costs = in_turns(
        {
            "ours": lambda: cost_of(_part("ours", video)),
            "thorough": lambda: cost_of(_part("thorough", video)),
            "decoding": lambda: cost_of(bare),
            "pyscenedetect": lambda: cost_of(
                [sys.executable, "-m", "scenedetect", "-q", "-i", video, "detect-adaptive"]
            ),
            "farneback": lambda: cost_of(_part("farneback", video)),
        },
        runs,
    )
    start = seconds_of([cost_of([sys.executable, "-c", "import cv2, numpy, av, fsspec"]) for _ in range(3)])
    seconds = {name: seconds_of(cost) for name, cost in costs.items()}
    own, decoded = seconds["ours"] - start, seconds["decoding"] - (start if not ffmpeg else 0)
    pieces = seconds["pyscenedetect"] + seconds["farneback"]
    result = {
        "video": Path(video).name,
        "decoder": "ffmpeg" if ffmpeg else "PyAV",
        "seconds": seconds,
        "interpreter_start": start,
        "cpu_seconds": {name: min(c.cpu_seconds for c in cost) for name, cost in costs.items()},
        "ours_over_decoding": own / decoded,
        "pieces_over_ours": pieces / seconds["ours"],
    }
    save("scan", result)
    print(f"ours {own:.2f} s, decoding alone {decoded:.2f} s: {own / decoded:.2f} x (bar: at most {bar_decoding})")
    print(f"with every frame decoded {seconds['thorough'] - start:.2f} s")
    print(
        f"PySceneDetect + Farneback {pieces:.2f} s: {pieces / seconds['ours']:.1f} x ours (bar: at least {BAR_PIECES})"
    )


def _part(name: str, video: str) -> list[str]:
    return python("bench.scan", video, "--part", name)


if __name__ == "__main__":
    main()
