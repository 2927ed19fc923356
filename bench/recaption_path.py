"""The path around a captioner, and how busy it keeps one: `python -m bench.recaption_path [--clips 100000]`.

path: a captioner that costs nothing, so that query, decoding, resizing, queue and writing are all there is, beside the
bare frame sampler (choosing, decoding, resizing; the pixels stay in the process that made them) on the same clips and
cores. busy: a captioner of fixed latency. memory: of the process that reads and writes, over many clips of few files.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from bench.frames import write_video
from bench.measure import save
from bench.recaption_clips import add_video, sentence
from engine.catalogue import Catalogue
from engine.due import rows_of
from engine.run import default_jobs
from media.probe import frame_times_us
from media.sample import sample
from media.synthetic import Encoding, Scene, World, named_texture, write
from model.engines.packed import Row, Tell, Written
from model.engines.transformers_engine import EngineSettings, TransformersCaptioner
from model.load import LoadedModel, load_model
from model.messages import parse_messages
from model.processors.settings import Tarsier2Settings
from model.processors.tarsier2_frames import PatchRules, sample_frames
from model.sampling import uniform_v1
from recaption.asking import looked_at, request_for
from recaption.engines import Identity
from recaption.prompts import load_prompts
from recaption.recipes import Choices, Sampling, recipe_named
from recaption.rows import Writer
from recaption.stage import Scope, Step, due_of, run_step, steps_of

CORES = default_jobs()
RUNS = 3
WHO = Identity(Writer("free", "none", "bench"), "tarsier2", 16, True, {"engine": "bench"})


class Fixed:
    """Writes texts that are no use, after `seconds` for each row of a batch. slept: all of them."""

    def __init__(self, model: LoadedModel, seconds: float = 0.0) -> None:
        self._model, self._seconds, self.slept, self._count = model, seconds, 0.0, 0

    def write(self, rows: Sequence[Row], tell: Tell | None = None) -> list[Written]:
        if self._seconds:
            begun = time.perf_counter()
            time.sleep(self._seconds * len(rows))
            self.slept += time.perf_counter() - begun
        self._count += len(rows)
        tokenizer = self._model.processor.tokenizer
        texts = [sentence(self._count + number) for number in range(len(rows))]
        return [Written(tokenizer(text)["input_ids"], stopped=True) for text in texts]


def step_of(frames: int) -> Step:
    recipe = recipe_named("tarsier", load_prompts(), 16, Choices(frames=frames))(Sampling(), None, False)
    return steps_of(recipe, WHO, WHO)[0]


def captioner_of(model: LoadedModel, seconds: float, rows: int) -> tuple[TransformersCaptioner, Fixed]:
    fixed = Fixed(model, seconds)
    return TransformersCaptioner(model, EngineSettings(max_rows=rows, workers=CORES, bucket=1), fixed), fixed


def requests_of(catalogue: Catalogue, step: Step) -> list[Any]:
    """What the run asks, without running it."""
    asked = []
    with catalogue.connect() as connection:
        for row in rows_of(connection, due_of(step, None).sql()):
            located = row | {"source": row["uri"], "source_start_us": 0}
            (part,) = looked_at(step.recipe.look, step.sampling, located)
            asked.append(request_for(part, located, step.look, step.sampling, row["clip_id"], 0, None))
    return asked


def sampled(messages: Any, frames: int) -> int:
    """Choose, decode and resize; the pixels stay here."""
    (media,) = sample_frames(parse_messages(messages), Tarsier2Settings(n_frames=frames), PatchRules(), ".")
    return len(media.frames)


def only_decoded(messages: Any, frames: int) -> int:
    """Choose and decode, at the video's own size."""
    video = messages[-1]["content"][0]["video"]
    times = [int(t) for t in frame_times_us(video["video_file"]) if video["start_us"] <= t < video["end_us"]]
    return len(sample(video["video_file"], [times[i] for i in uniform_v1(len(times), frames)]))


def bare(asked: Sequence[Any], work: Callable[..., int], frames: int) -> float:
    """Seconds of the sampler alone on all cores; processes are warm."""
    with ProcessPoolExecutor(CORES, mp_context=get_context("spawn")) as pool:
        list(pool.map(partial(work, frames=frames), [asked[0].messages] * CORES))
        begun = time.perf_counter()
        list(pool.map(partial(work, frames=frames), [request.messages for request in asked]))
        return time.perf_counter() - begun


def ours(catalogue: Catalogue, step: Step, model: LoadedModel) -> float:
    captioner, _ = captioner_of(model, 0.0, 4)
    begun = time.perf_counter()
    tally = run_step(catalogue, step, Scope(), captioner)
    seconds = time.perf_counter() - begun
    assert not tally.rejected, tally.reasons()
    return seconds


def measure_path(folder: Path, model: LoadedModel, clips: int) -> dict[str, Any]:
    video = folder / "long.mp4"
    write_video(video)  # 20 s of 1280x720
    step, seconds = step_of(16), {"path": [], "sampler": [], "decoding alone": []}
    for run in range(RUNS):
        catalogue = Catalogue.open(folder / f"path{run}", create=True)
        add_video(catalogue, video, [(16 * i / clips, 16 * i / clips + 4) for i in range(clips)])
        asked = requests_of(catalogue, step)
        seconds["sampler"].append(bare(asked, sampled, 16))
        seconds["path"].append(ours(catalogue, step, model))
        seconds["decoding alone"].append(bare(asked, only_decoded, 16))
    rates = {name: clips / statistics.median(values) for name, values in seconds.items()}
    for name, rate in rates.items():
        print(f"path    {name:16}{rate:8.2f} clips/s", flush=True)
    share = rates["path"] / rates["sampler"]
    print(f"path    {share:.0%} of the bare frame sampler, start of the processes included", flush=True)
    return {"clips": clips, "clips_per_second": rates, "share_of_sampler": share}


def small_video(folder: Path, seconds: int) -> Path:
    path = folder / f"small{seconds}.mp4"
    write(World((Scene(named_texture("natural:1"), seconds),)), Encoding(codec="libx264", fps=10, size=(64, 48)), path)
    return path


def measure_busy(folder: Path, model: LoadedModel, clips: int, latency: float) -> dict[str, Any]:
    catalogue = Catalogue.open(folder / "busy", create=True)
    add_video(catalogue, small_video(folder, 30), [(i * 25 / clips, i * 25 / clips + 2) for i in range(clips)])
    captioner, fixed = captioner_of(model, latency, 4)
    begun = time.perf_counter()
    run_step(catalogue, step_of(16), Scope(), captioner)
    wall = time.perf_counter() - begun
    print(
        f"busy    {fixed.slept / wall:.1%} of {wall:.1f} s, {clips} clips of {1000 * latency:.0f} ms, start included",
        flush=True,
    )
    return {"clips": clips, "latency": latency, "busy": fixed.slept / wall, "seconds": wall}


def measure_memory(folder: Path, model: LoadedModel, clips: int) -> dict[str, Any]:
    """Resident memory after a tenth of the clips and after all; two frames each, of one small file."""
    catalogue = Catalogue.open(folder / "memory", create=True)
    add_video(catalogue, small_video(folder, 60), [(i * 58 / clips, i * 58 / clips + 1) for i in range(clips)])
    captioner, _ = captioner_of(model, 0.0, 32)
    begun = time.perf_counter()
    run_step(catalogue, step_of(2), Scope(limit=clips // 10), captioner)
    early = resident_mb()
    run_step(catalogue, step_of(2), Scope(), captioner)
    late, seconds = resident_mb(), time.perf_counter() - begun
    print(
        f"memory  {early:.0f} MB after {clips // 10:,} clips, {late:.0f} MB after {clips:,} ({clips / seconds:.0f}/s)",
        flush=True,
    )
    return {"clips": clips, "mb_after_a_tenth": early, "mb_after_all": late, "clips_per_second": clips / seconds}


def resident_mb() -> float:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", help="a small Tarsier2 checkpoint; default: a made one with random weights")
    parser.add_argument("--clips", type=int, default=20_000, help="for the memory")
    parser.add_argument("--only", choices=("path", "busy", "memory"), help="one of the three")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        model = load_model(arguments.checkpoint or made(folder / "tiny"))
        ways = {
            "path": lambda: measure_path(folder, model, 40),
            "busy": lambda: measure_busy(folder, model, 300, 0.1),
            "memory": lambda: measure_memory(folder, model, arguments.clips),
        }
        result = {name: way() for name, way in ways.items() if arguments.only in (None, name)}
    name = f"recaption_{arguments.only}" if arguments.only else "recaption_path"
    save(name, {"cores": CORES, **result})


def made(folder: Path) -> Path:
    """A tiny checkpoint; only its tokenizer is used."""
    from tests.model.tiny import tarsier2  # noqa: PLC0415

    return tarsier2(folder, template=True)


if __name__ == "__main__":
    main()
