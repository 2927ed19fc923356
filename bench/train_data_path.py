"""Clips a second that decoding, sampling, resizing and collating give two cores. python -m bench.train_data_path

16 frames of spans of ten seconds, at most 460,800 pixels each, as `tarsier2_sft1` reads them, by the reader of a run
with its worker processes. Beside it what a full-parameter step of a 7B network consumes on one H200 at 45 % of its
datasheet, counted by train/network/flops.py, and where one process spends its time. On a machine that does other work
as well, what processor time says is nearer to the truth than the clock. --videos FOLDER: real files;
by default made ones of 1280 x 720.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from bench.measure import save
from bench.recaption_gpu import SHAPES
from media.errors import MediaError
from media.probe import probe
from media.synthetic.camera import Camera
from media.synthetic.encoding import Encoding
from media.synthetic.scene import Scene
from media.synthetic.texture import Texture
from media.synthetic.world import World
from media.synthetic.write import write
from model.messages import media_items, parse_messages
from model.plan import GPUS, qwen2_vl_sizes, tarsier2_grid
from model.processors.tarsier2_frames import sample_frames
from train.frame_cache import FrameCache
from train.mixture import Shown
from train.network.flops import SampleSize, step_flop
from train.network.loading import load_for_training
from train.reading import Reader, settings_for
from train.recipes import tarsier2_sft1
from train.small_world.make import TEACHER, make_tarsier2
from train.sources import Sample

SPAN_US = 10_000_000
MFU, ANSWER, QUESTION = 0.45, 200, 40
BATCH = 8


class Spans:
    """A `Source` of spans of videos."""

    def __init__(self, spans: Sequence[tuple[Path, int]]) -> None:
        self._spans = spans
        self.datasets: Mapping[str, int] = {"spans": len(spans)}

    def steps(self) -> int:
        return -(-len(self._spans) // BATCH)

    def ids(self) -> Sequence[str]:
        return [f"{path}:{start}" for path, start in self._spans]

    def shown(self, step: int) -> list[Shown]:
        return [Shown(number, 0) for number in range(step * BATCH, min(len(self._spans), (step + 1) * BATCH))]

    def sample(self, number: int) -> Sample:
        path, start = self._spans[number]
        video = {"video_file": str(path), "start_us": start, "end_us": start + SPAN_US}
        content = [{"type": "video", "video": video}, {"type": "text", "text": "Describe the video in detail."}]
        answer = {"role": "assistant", "content": "There is a red bar. The red bar grows. " * 20}
        return Sample(f"{path}:{start}", [{"role": "user", "content": content}, answer])

    def tokens_of(self, caption_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        return {}


def main() -> int:
    """Prints rates and their ratio to what is needed as JSON; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.train_data_path", description="Clips a second for training.")
    parser.add_argument("--videos", type=Path, help="folder of videos")
    parser.add_argument("--clips", type=int, default=32, help="to read (32)")
    parser.add_argument("--workers", type=int, default=2, help="processes (2)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        spans = _spans(asked.videos or _made(folder / "videos"), asked.clips)
        processor = load_for_training(make_tarsier2(folder / "network", TEACHER), "cpu").processor
        cache = FrameCache(folder / "frames", 10**11)
        decoded = _rate(spans, processor, asked.workers, cache)
        cached = _rate(spans, processor, asked.workers, cache)
        parts = _parts(spans[:8], processor)
    needed = _needed()
    result = {
        "clips": len(spans), "workers": asked.workers, "clips_per_s": decoded, "clips_per_s_from_cache": cached,
        "clips_per_s_by_processor_time": asked.workers / sum(parts.values()), "needed_clips_per_s": needed,
        "ratio": decoded / needed, "ratio_by_processor_time": asked.workers / sum(parts.values()) / needed,
        "seconds_of_one_process": parts, "limited_by": max(parts, key=lambda name: parts[name]),
    }  # fmt: skip
    save("train_data_path", result)
    print(json.dumps(result))
    return 0


def _spans(folder: Path, count: int) -> list[tuple[Path, int]]:
    """Spans of ten seconds, file by file, again from the first file's beginning where there are too few."""
    found = []
    for path in sorted(path for path in folder.iterdir() if path.suffix in (".mp4", ".mkv", ".webm", ".mov")):
        try:
            duration = probe(path).duration_us
        except MediaError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        if duration < SPAN_US:
            continue
        found += [(path, start) for start in range(0, duration - SPAN_US + 1, SPAN_US)]
    if not found:
        raise SystemExit(f"{folder} holds no video of ten seconds.")
    return [
        (path, start + number // len(found)) for number in range(count) for path, start in [found[number % len(found)]]
    ]


def _made(folder: Path) -> Path:
    folder.mkdir()
    scenes = (Scene(Texture("natural", 3), Fraction(20), Camera(pan_diag_per_s=0.05)),)
    for number in range(2):
        write(World(scenes), Encoding(fps=25, size=(1280, 720)), folder / f"made_{number}.mp4")
    return folder


def _rate(spans: Sequence[tuple[Path, int]], processor: Any, workers: int, cache: FrameCache) -> float:
    """Clips a second from the first batch on, so that starting the workers does not count."""
    recipe = tarsier2_sft1()
    reader = Reader(Spans(spans), recipe, processor, Path(), workers=workers, cache=cache, ahead=4)
    batches = reader.batches(0, Spans(spans).steps())
    next(batches)
    began, clips = time.perf_counter(), 0
    for batch in batches:
        if batch.unread:
            raise SystemExit(f"{batch.unread[0]}")
        clips += len(batch.ready)
    return clips / (time.perf_counter() - began)


def _parts(spans: Sequence[tuple[Path, int]], processor: Any) -> dict[str, float]:
    """Processor seconds of a clip: choosing and decoding frames, resizing them, tokens and positions."""
    from model.frames import video_frames  # noqa: PLC0415

    settings = settings_for(processor, tarsier2_sft1())
    source = Spans(spans)
    found: dict[str, list[float]] = {"decode": [], "resize": [], "collate": []}
    for number in range(len(spans)):
        messages = source.sample(number).messages
        parsed = parse_messages(messages)
        (item,) = media_items(parsed)
        decode, _ = _timed(lambda item=item: video_frames(item.media, ".", 16, "v1", None))
        both, media = _timed(lambda parsed=parsed: sample_frames(parsed, settings, processor.rules, "."))
        collate, _ = _timed(lambda messages=messages, media=media: processor.prompt_from(messages, media))
        for name, seconds in (("decode", decode), ("resize", max(0.0, both - decode)), ("collate", collate)):
            found[name].append(seconds)
    return {name: statistics.median(values) for name, values in found.items()}


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


def _needed() -> float:
    """Clips a second of a 7B whose every weight learns, at 45 % of an H200's datasheet."""
    t, h, w = tarsier2_grid(1280, 720, 16)
    size = SampleSize(((t, h, w),), t * h * w // 4 + QUESTION + ANSWER, ANSWER)
    flop = step_flop(qwen2_vl_sizes(SHAPES["7b"].config), [size], tarsier2_sft1())
    return MFU * GPUS["H200"].matmul_tflops * 1e12 / flop


if __name__ == "__main__":
    sys.exit(main())
