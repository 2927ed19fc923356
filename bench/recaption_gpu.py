"""Clips a second of the engine beside the reference's own loop: `python -m bench.recaption_gpu --shape 7b` on a GPU.

Random weights in the real shape, frames of noise that are resized on CPU workers as real ones are, a fixed number of
new tokens. The reference's loop is one clip at a time through stock `generate`, doubled pixels moved as float32. Needs
only torch, transformers, safetensors, numpy and pillow. `--shape tiny` is the same on a CPU.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from model.captioner import CaptionRequest
from model.engines.transformers_engine import EngineSettings, TransformersCaptioner
from model.load import LoadedModel
from model.plan import Gpu, clip_plan, qwen2_vl_sizes, tarsier2_grid
from model.positions import mrope_positions
from model.processors.settings import Tarsier2Settings
from model.processors.tarsier2 import Prompt, pixel_values
from model.processors.tarsier2_frames import MediaFrames, PatchRules
from model.resizing import resize
from model.roofline import measure_device

IMAGE, PAD, TEXT_TOKENS = 7, 0, 40
OUT = Path(__file__).parent / "out"


@dataclass(frozen=True)
class Shape:
    """A network and its clips. size: (width, height) of the videos."""

    config: dict[str, Any]
    frames: int
    size: tuple[int, int]
    max_pixels: int
    new_tokens: int
    clips: int
    rows: int
    reference_clips: int
    dtype: str

    @property
    def grid(self) -> tuple[int, int, int]:
        return tarsier2_grid(*self.size, self.frames, self.max_pixels)


def text(hidden: int, inner: int, layers: int, heads: int, kv: int, vocabulary: int) -> dict[str, Any]:
    return {
        "hidden_size": hidden, "intermediate_size": inner, "num_hidden_layers": layers, "num_attention_heads": heads,
        "num_key_value_heads": kv, "vocab_size": vocabulary, "max_position_embeddings": 32_768,
        "bos_token_id": None, "eos_token_id": None,
    }  # fmt: skip


SEVEN = {
    **text(3584, 18944, 28, 28, 4, 152_064), "rope_theta": 1e6,
    "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]},
    "vision_config": {"depth": 32, "embed_dim": 1280, "hidden_size": 3584, "num_heads": 16, "mlp_ratio": 4},
}  # fmt: skip
TINY = {
    **text(256, 704, 6, 8, 2, 2_048), "rope_theta": 1e6, "rope_scaling": {"type": "mrope", "mrope_section": [4, 6, 6]},
    "vision_config": {"depth": 4, "embed_dim": 128, "hidden_size": 256, "num_heads": 4, "mlp_ratio": 4},
}  # fmt: skip
SHAPES = {
    "7b": Shape(SEVEN, 16, (1280, 720), 460_800, 200, 96, 48, 3, "bfloat16"),
    "tiny": Shape(TINY, 8, (160, 90), 10_000, 32, 16, 16, 3, "float32"),
}


def noise(seed: int, shape: Shape) -> list[MediaFrames]:
    """A clip as it comes from a worker: frames of the video's size, resized to the network's."""
    t, h, w = shape.grid
    random = np.random.default_rng(seed)
    pictures = [
        Image.fromarray(random.integers(0, 256, (shape.size[1], shape.size[0], 3), dtype=np.uint8)) for _ in range(t)
    ]
    pixels = np.stack([np.asarray(resize(picture, w * 14, h * 14)) for picture in pictures])
    return [MediaFrames("video", pixels, True, shape.grid, ((w * 14, h * 14),) * t, tuple(range(t)), (), ())]


class Words:
    """Stands for a tokenizer: texts are not what is measured."""

    pad_token_id, eos_token_id = PAD, None

    def decode(self, ids: list[int], **_: Any) -> str:
        return " ".join(map(str, ids))


class NoiseProcessor:
    """Prompts of the shape's length; the request's id is the seed of its frames."""

    def __init__(self, shape: Shape) -> None:
        self.shape, self.rules, self.settings, self.tokenizer = shape, PatchRules(), Tarsier2Settings(), Words()

    def job(self, messages: Any, root: str = ".", settings: Any = None) -> Callable[[], list[MediaFrames]]:
        return partial(noise, int(messages[0]["content"]), self.shape)

    def prompt_from(self, messages: Any, media: list[MediaFrames], generation: bool = True) -> Prompt:
        half = [1] * (TEXT_TOKENS // 2)
        ids = [*half, *[IMAGE] * media[0].num_tokens(2), *half]
        return Prompt(
            np.array(ids), mrope_positions(ids, [media[0].grid], frozenset([IMAGE])), np.zeros(len(ids), bool), media
        )


def build(shape: Shape, device: str) -> Any:
    """A stock Qwen2-VL with random weights on the device."""
    from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration  # noqa: PLC0415

    config = Qwen2VLConfig(**json.loads(json.dumps(shape.config)), image_token_id=IMAGE, video_token_id=IMAGE + 1)
    config._attn_implementation = "sdpa"
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, shape.dtype))
    try:
        with torch.device(device):
            return Qwen2VLForConditionalGeneration(config).eval()
    finally:
        torch.set_default_dtype(before)


def reference_seconds(network: Any, processor: NoiseProcessor, shape: Shape) -> list[float]:
    """Seconds of each clip, one at a time: read, resize, move doubled pixels, generate."""
    seconds = []
    for seed in range(shape.reference_clips + 1):  # the first one warms up
        begun = time.perf_counter()
        prompt = processor.prompt_from(None, noise(seed, shape))
        device = network.device
        inputs = {
            "input_ids": torch.from_numpy(prompt.input_ids)[None].to(device),
            "attention_mask": torch.ones(1, len(prompt.input_ids), dtype=torch.int64, device=device),
            "position_ids": torch.from_numpy(prompt.position_ids)[:, None].to(device),
            "pixel_values": pixel_values(prompt.media[0], processor.rules).to(device),
            "image_grid_thw": torch.tensor([prompt.media[0].grid], device=device),
        }
        with torch.inference_mode():
            out = network.generate(**inputs, max_new_tokens=shape.new_tokens, do_sample=False, pad_token_id=PAD)
        assert out.shape[1] == len(prompt.input_ids) + shape.new_tokens
        seconds.append(time.perf_counter() - begun)
    return seconds[1:]


def engine_seconds(captioner: TransformersCaptioner, shape: Shape, repeats: int) -> list[float]:
    """Seconds of each `shape.clips` of one stream of requests, behind a first batch that warms up.

    One stream, because workers start with it: eight processes that import torch take as long as fifty clips.
    """
    total = shape.rows + repeats * shape.clips
    requests = (
        CaptionRequest(str(seed), [{"role": "user", "content": str(seed)}], max_new_tokens=shape.new_tokens)
        for seed in range(10_000, 10_000 + total)
    )
    ends = {}
    for number, result in enumerate(captioner.caption(requests), 1):
        assert result.output_tokens == shape.new_tokens, result
        ends[number] = time.perf_counter()
    marks = [ends[shape.rows + run * shape.clips] for run in range(repeats + 1)]
    return [end - begun for begun, end in pairwise(marks)]


@contextmanager
def gpu_busy(device: str) -> Iterator[list[float]]:
    """Shares of time in which the GPU ran something, sampled by nvidia-smi five times a second; empty without one."""
    samples: list[float] = []
    if not device.startswith("cuda") or shutil.which("nvidia-smi") is None:
        yield samples
        return
    words = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "200", "-i", "0"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = process.stdout
    thread = threading.Thread(target=lambda: samples.extend(float(line) / 100 for line in lines if line.strip()))
    thread.start()
    try:
        yield samples
    finally:
        process.terminate()
        thread.join()


def measured(shape: Shape, device: str, workers: int, repeats: int, *, compile: bool = False) -> dict[str, Any]:
    """All figures of one run."""
    network, processor = build(shape, device), NoiseProcessor(shape)
    model = LoadedModel("random", network, processor, "tarsier2", Path("random"), "random", ())
    gpu = measure_device(device, getattr(torch, shape.dtype))
    alone = reference_seconds(network, processor, shape)
    settings = EngineSettings(max_rows=shape.rows, workers=workers, bucket=1, compile=compile)
    captioner = TransformersCaptioner(model, settings)
    with gpu_busy(device) as busy:
        together = engine_seconds(captioner, shape, repeats)
    return summary(shape, gpu, alone, together, busy[-5 * int(sum(together)) :])


def summary(shape: Shape, gpu: Gpu, alone: list[float], together: list[float], busy: list[float]) -> dict[str, Any]:
    plan = clip_plan(
        qwen2_vl_sizes(shape.config),
        shape.grid,
        gpu,
        text_tokens=TEXT_TOKENS,
        new_tokens=shape.new_tokens,
        batch=shape.rows,
    )
    ours, theirs = shape.clips / statistics.median(together), 1 / statistics.median(alone)
    return {
        "device": gpu.name, "measured_tflops": gpu.matmul_tflops, "measured_tb_per_s": gpu.bandwidth_tbs,
        "grid": shape.grid, "visual_tokens": plan.visual_tokens, "tflop_a_clip": plan.tflop,
        "roofline_clips_per_s": plan.clips_per_second, "clips_per_s": ours, "reference_clips_per_s": theirs,
        "times_the_reference": ours / theirs, "share_of_roofline": ours / plan.clips_per_second,
        "tokens_per_s": ours * shape.new_tokens, "gpu_busy": statistics.mean(busy) if busy else None,
        "torch": version("torch"), "transformers": version("transformers"), "cores": torch.get_num_threads(),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=sorted(SHAPES), default="7b")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=8, help="processes that make frames")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--compile", action="store_true", help="as `recaption run --compile`")
    given = parser.parse_args()
    result = measured(SHAPES[given.shape], given.device, given.workers, given.repeats, compile=given.compile)
    OUT.mkdir(exist_ok=True)
    out = OUT / f"recaption_{given.shape}.json"
    out.write_text(json.dumps({"bench": "recaption_gpu", "shape": given.shape, **result}, indent=1) + "\n")
    for name, value in result.items():
        print(f"{name:24}{value:.4g}" if isinstance(value, float) else f"{name:24}{value}")


if __name__ == "__main__":
    main()
