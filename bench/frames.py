"""16 frames spread over a 20 s video of 1280x720, beside other readers: `python -m bench.frames [VIDEO]`.

Each reader gives the same frames as RGB arrays, on one thread: a worker's share, where many decode at once. Times are
the processor's. opencv reads on from the beginning or seeks, whichever is faster; decord and torchcodec are measured
where they are installed. Without VIDEO a made one is written.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench.measure import save
from media.probe import frame_times_us
from media.sample import sample
from model.sampling import uniform_v1

RUNS, FRAMES = 7, 16


def ours(path: str, indices: list[int]) -> list[Any]:
    times = frame_times_us(path)
    return [frame.rgb for frame in sample(path, [int(times[i]) for i in indices])]


def opencv_reading_on(path: str, indices: list[int]) -> list[Any]:
    video, wanted, found = cv2.VideoCapture(path, cv2.CAP_FFMPEG), set(indices), []
    for number in range(indices[-1] + 1):
        video.grab()
        if number in wanted:
            found.append(cv2.cvtColor(video.retrieve()[1], cv2.COLOR_BGR2RGB))
    return found


def opencv_seeking(path: str, indices: list[int]) -> list[Any]:
    video, found = cv2.VideoCapture(path, cv2.CAP_FFMPEG), []
    for number in indices:
        video.set(cv2.CAP_PROP_POS_FRAMES, number)
        found.append(cv2.cvtColor(video.read()[1], cv2.COLOR_BGR2RGB))
    return found


def decord(path: str, indices: list[int]) -> list[Any]:
    from decord import VideoReader  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

    return list(VideoReader(path, num_threads=1).get_batch(indices).asnumpy())


def torchcodec(path: str, indices: list[int]) -> list[Any]:
    from torchcodec.decoders import VideoDecoder  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

    return list(VideoDecoder(path, num_ffmpeg_threads=1).get_frames_at(indices).data.permute(0, 2, 3, 1).numpy())


def write_video(path: Path) -> None:
    """20 s at 25 frames a second, H.264 with a keyframe every two seconds: a texture that moves."""
    import av  # noqa: PLC0415

    texture = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (900, 2400, 3), dtype=np.uint8), (0, 0), 3)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("h264", rate=25, options={"g": "50", "crf": "23"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"  # pyright: ignore[reportAttributeAccessIssue]
        for number in range(500):
            view = np.ascontiguousarray(texture[90:810, 2 * number : 2 * number + 1280])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(view, "rgb24")))  # pyright: ignore
        container.mux(stream.encode(None))  # pyright: ignore


def main() -> None:
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "threads;1"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "made.mp4"
        if not path.exists():
            write_video(path)
        indices = uniform_v1(len(frame_times_us(path)), FRAMES)
        readers: dict[str, Callable[[str, list[int]], list[Any]]] = {
            "longtake": ours, "opencv reading on": opencv_reading_on, "opencv seeking": opencv_seeking,
        }  # fmt: skip
        readers |= {
            name: reader for name, reader in (("decord", decord), ("torchcodec", torchcodec)) if find_spec(name)
        }
        seconds: dict[str, list[float]] = {name: [] for name in readers}
        for _ in range(RUNS):
            for name, reader in readers.items():
                begun = time.process_time()  # one thread: its own time, whatever else the machine does
                assert len(reader(str(path), indices)) == FRAMES
                seconds[name].append(time.process_time() - begun)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    best = min((name for name in medians if name != "longtake"), key=lambda name: medians[name])
    for name, value in medians.items():
        print(f"{name:20}{1000 * value:8.1f} ms")
    print(f"speed beside {best}: {medians[best] / medians['longtake']:.2f}")
    save("frames", {"seconds": medians, "best_peer": best, "times_the_best_peer": medians[best] / medians["longtake"]})


if __name__ == "__main__":
    main()
