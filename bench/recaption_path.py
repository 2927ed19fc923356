"""The path around a captioner, and how busy it keeps one: `python -m bench.recaption_path [--clips 100000]`.

path: a captioner that costs nothing, so that query, decoding, resizing, queue and writing are all there is, beside the
bare frame sampler (choosing, decoding, resizing; the pixels stay in the process that made them) on the same clips and
cores, the start of the processes included on either side, and beside it in processor time, which a busy machine changes
less. busy: a captioner of fixed latency. memory: of the process that reads and writes, over many clips of few files.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.measure import save

# What is slow to load stands in the functions that need it: processes that decode read this file first, and in
# `recaption run` they load no network library either.
if TYPE_CHECKING:
    from engine.catalogue import Catalogue
    from model.engines.packed import Row, Tell, Written
    from model.engines.transformers_engine import TransformersCaptioner
    from model.load import LoadedModel
    from recaption.stage import Step

CORES = len(os.sched_getaffinity(0))
RUNS = 3
Look = Callable[[int], None]


class Fixed:
    """Writes texts that are no use, after `seconds` for each row of a batch. slept: all of them.

    look: is told after each batch how many texts there are.
    """

    def __init__(self, model: LoadedModel, seconds: float, look: Look | None = None) -> None:
        self._model, self._seconds, self._look = model, seconds, look
        self.slept, self.first_asked, self._count = 0.0, 0.0, 0

    def write(self, rows: Sequence[Row], tell: Tell | None = None) -> list[Written]:
        if self._seconds:
            begun = time.perf_counter()
            self.first_asked = self.first_asked or begun
            time.sleep(self._seconds * len(rows))
            self.slept += time.perf_counter() - begun
        from bench.recaption_clips import sentence  # noqa: PLC0415
        from model.engines.packed import Written  # noqa: PLC0415

        self._count += len(rows)
        if self._look:
            self._look(self._count)
        tokenizer = self._model.processor.tokenizer
        texts = [sentence(self._count + number) for number in range(len(rows))]
        return [Written(tokenizer(text)["input_ids"], stopped=True) for text in texts]


def step_of(frames: int) -> Step:
    from recaption.engines import Identity  # noqa: PLC0415
    from recaption.prompts import load_prompts  # noqa: PLC0415
    from recaption.recipes import Choices, Sampling, recipe_named  # noqa: PLC0415
    from recaption.rows import Writer  # noqa: PLC0415
    from recaption.stage import steps_of  # noqa: PLC0415

    who = Identity(Writer("free", "none", "bench"), "tarsier2", 16, True, {"engine": "bench"})
    recipe = recipe_named("tarsier", load_prompts(), 16, Choices(frames=frames))(Sampling(), None, True)
    return steps_of(recipe, who, who)[0]


def captioner_of(
    model: LoadedModel, seconds: float, rows: int, look: Look | None = None
) -> tuple[TransformersCaptioner, Fixed]:
    from model.engines.transformers_engine import EngineSettings, TransformersCaptioner  # noqa: PLC0415

    fixed = Fixed(model, seconds, look)
    return TransformersCaptioner(model, EngineSettings(max_rows=rows, workers=CORES, bucket=1), fixed), fixed


def requests_of(catalogue: Catalogue, step: Step) -> list[Any]:
    """What the run asks, without running it."""
    from engine.due import rows_of  # noqa: PLC0415
    from recaption.asking import looked_at, request_for  # noqa: PLC0415
    from recaption.stage import due_of  # noqa: PLC0415

    asked = []
    with catalogue.connect() as connection:
        for row in rows_of(connection, due_of(step, None).sql()):
            located = row | {"source": row["uri"], "source_start_us": 0}
            (part,) = looked_at(step.recipe.look, step.sampling, located)
            asked.append(request_for(part, located, step.look, step.sampling, row["clip_id"], 0, None))
    return asked


def sampled(messages: Any, frames: int) -> int:
    """Choose, decode and resize; the pixels stay here."""
    from model.messages import parse_messages  # noqa: PLC0415
    from model.processors.settings import Tarsier2Settings  # noqa: PLC0415
    from model.processors.tarsier2_frames import PatchRules, sample_frames  # noqa: PLC0415

    (media,) = sample_frames(parse_messages(messages), Tarsier2Settings(n_frames=frames), PatchRules(), ".")
    return len(media.frames)


def only_decoded(messages: Any, frames: int) -> int:
    """Choose and decode, at the video's own size."""
    from media.probe import frame_times_us  # noqa: PLC0415
    from media.sample import sample  # noqa: PLC0415
    from model.sampling import uniform_v1  # noqa: PLC0415

    video = messages[-1]["content"][0]["video"]
    times = [int(t) for t in frame_times_us(video["video_file"]) if video["start_us"] <= t < video["end_us"]]
    return len(sample(video["video_file"], [times[i] for i in uniform_v1(len(times), frames)]))


def bare(asked: Sequence[Any], work: Callable[..., int], frames: int) -> None:
    """The sampler alone on all cores."""
    with ProcessPoolExecutor(CORES, mp_context=get_context("spawn")) as pool:
        list(pool.map(partial(work, frames=frames), [request.messages for request in asked]))


def ours(catalogue: Catalogue, step: Step, model: LoadedModel, rows: int = 4, look: Look | None = None) -> None:
    from recaption.stage import Scope, finish_step, run_step  # noqa: PLC0415

    captioner, _ = captioner_of(model, 0.0, rows, look)
    tally = run_step(catalogue, step, Scope(), captioner)
    assert not tally.rejected, tally.reasons()
    assert finish_step(catalogue, step) == 0


def cost_of(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds of the clock and of processors, those of the processes that it starts and ends included."""
    begun, before = time.perf_counter(), os.times()
    work()
    seconds, after = time.perf_counter() - begun, os.times()
    return seconds, sum(after[:4]) - sum(before[:4])


def measure_path(folder: Path, model: LoadedModel, clips: int) -> dict[str, Any]:
    from bench.frames import write_video  # noqa: PLC0415
    from bench.recaption_clips import add_video  # noqa: PLC0415
    from engine.catalogue import Catalogue  # noqa: PLC0415

    video = folder / "long.mp4"
    write_video(video)  # 20 s of 1280x720
    step = step_of(16)
    costs: dict[str, list[tuple[float, float]]] = {"path": [], "sampler": [], "decoding alone": []}
    for run in range(RUNS):
        catalogue = Catalogue.open(folder / f"path{run}", create=True)
        add_video(catalogue, video, [(16 * i / clips, 16 * i / clips + 4) for i in range(clips)])
        asked = requests_of(catalogue, step)
        costs["sampler"].append(cost_of(partial(bare, asked, sampled, 16)))
        costs["path"].append(cost_of(partial(ours, catalogue, step, model)))
        costs["decoding alone"].append(cost_of(partial(bare, asked, only_decoded, 16)))
    rates = {name: clips / statistics.median(wall for wall, _ in values) for name, values in costs.items()}
    processor = {name: statistics.median(spent for _, spent in values) / clips for name, values in costs.items()}
    for name, rate in rates.items():
        print(f"path    {name:16}{rate:8.2f} clips/s{1000 * processor[name]:8.0f} ms of a processor a clip")
    share, in_processor = rates["path"] / rates["sampler"], processor["sampler"] / processor["path"]
    print(f"path    {share:.0%} of the bare frame sampler's speed; {in_processor:.0%} in processor time", flush=True)
    return {"clips": clips, "clips_per_second": rates, "share_of_sampler": share, "processor_seconds": processor,
            "share_in_processor_time": in_processor}  # fmt: skip


def small_video(folder: Path, seconds: int) -> Path:
    from media.synthetic import Encoding, Scene, World, named_texture, write  # noqa: PLC0415

    path = folder / f"small{seconds}.mp4"
    write(World((Scene(named_texture("natural:1"), seconds),)), Encoding(codec="libx264", fps=10, size=(64, 48)), path)
    return path


def measure_busy(folder: Path, model: LoadedModel, clips: int, latency: float) -> dict[str, Any]:
    from bench.recaption_clips import add_video  # noqa: PLC0415
    from engine.catalogue import Catalogue  # noqa: PLC0415
    from recaption.stage import Scope, run_step  # noqa: PLC0415

    catalogue = Catalogue.open(folder / "busy", create=True)
    add_video(catalogue, small_video(folder, 30), [(i * 25 / clips, i * 25 / clips + 2) for i in range(clips)])
    captioner, fixed = captioner_of(model, latency, 4)
    begun = time.perf_counter()
    run_step(catalogue, step_of(16), Scope(), captioner)
    ended = time.perf_counter()
    busy, whole = fixed.slept / (ended - fixed.first_asked), fixed.slept / (ended - begun)
    print(f"busy    {busy:.1%} from its first request on, {clips} clips of {1000 * latency:.0f} ms; {whole:.1%} with "
          f"the {fixed.first_asked - begun:.1f} s until then", flush=True)  # fmt: skip
    return {"clips": clips, "latency": latency, "busy": busy, "busy_with_start": whole,
            "seconds_to_first_request": fixed.first_asked - begun}  # fmt: skip


def measure_memory(folder: Path, model: LoadedModel, clips: int) -> dict[str, Any]:
    """Resident memory at each tenth of the clips; two frames each, of one small file."""
    from bench.recaption_clips import add_video  # noqa: PLC0415
    from engine.catalogue import Catalogue  # noqa: PLC0415

    catalogue = Catalogue.open(folder / "memory", create=True)
    add_video(catalogue, small_video(folder, 60), [(i * 58 / clips, i * 58 / clips + 1) for i in range(clips)])
    seen = list[float]()

    def look(count: int) -> None:
        if count >= clips * (len(seen) + 1) / 10:
            seen.append(resident_mb())
            print(f"memory  {seen[-1]:.0f} MB after {count:,} clips", flush=True)

    begun = time.perf_counter()
    ours(catalogue, step_of(2), model, 32, look)
    seconds = time.perf_counter() - begun
    print(f"memory  {clips:,} clips in {seconds:.0f} s, {clips / seconds:.0f}/s", flush=True)
    return {"clips": clips, "mb_at_each_tenth": seen, "clips_per_second": clips / seconds}


def resident_mb() -> float:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", help="a small Tarsier2 checkpoint; default: a made one with random weights")
    parser.add_argument("--clips", type=int, default=20_000, help="for the memory")
    parser.add_argument("--only", choices=("path", "busy", "memory"), help="one of the three")
    arguments = parser.parse_args()
    from model.load import load_model  # noqa: PLC0415

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
