"""Model FLOP utilisation of a full training step at the 7B shape. python -m bench.train_mfu, on a GPU

Random weights in the real shape, 16 frames of 504 x 896 a clip, each doubled (9,216 visual tokens), captions of 200
tokens, packs of several clips; the step is the one of a run: pixels from uint8, packed pass, backward, clipping, AdamW.
All weights in float32 with gradients and moments are 133 GB for this shape, so that one GPU of 141 GB holds no
activations beside them: `--learn lora` (default) learns an adapter, `--learn text` the text model and the projector
under a frozen tower (135 GB, `--pack-clips 2`), `--learn all` is for larger ones. `--compile` is `train run`'s.
Set PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True, or fragments cost the last gigabytes.
The operations counted are those that the chosen step needs (train/network/flops.py), over seconds by the wall, over
the matmul rate of the datasheet; what this GPU's own matmuls reach is printed beside it.

`--shape tiny` is the same on a CPU, to see the bench run; its MFU means nothing.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from bench.measure import OUT
from bench.recaption_gpu import IMAGE, SHAPES, NoiseProcessor, Shape, build, noise
from engine.door import WrongUse
from model.fused import fuse
from model.plan import gpu_named, qwen2_vl_sizes
from model.positions import mrope_positions
from model.processors.tarsier2 import Prompt
from model.roofline import measure_device
from train.learner import Learner
from train.network.flops import SampleSize, step_flop
from train.network.forward import PackedNetwork
from train.network.towers import prepare
from train.objectives import Loss, text_loss
from train.parallel import Parallel
from train.reading import Ready
from train.recipes import lora, tarsier2_sft1, tarsier_stage1
from train.settings import Frames, Recipe

ANSWER = 200
LEARN: dict[str, Callable[[], Recipe]] = {"lora": lora, "text": tarsier_stage1, "all": tarsier2_sft1}


def main() -> int:
    """Prints MFU as JSON; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.train_mfu", description="MFU of a training step.")
    parser.add_argument("--shape", choices=tuple(SHAPES), default="7b")
    parser.add_argument("--learn", choices=tuple(LEARN), default="lora", help="an adapter, the text model, all weights")
    parser.add_argument("--clips", type=int, default=8, help="of a step (8)")
    parser.add_argument("--pack-clips", type=int, default=2, help="of a pack (2)")
    parser.add_argument("--steps", type=int, default=6, help="after one to warm up (6)")
    parser.add_argument("--no-recompute", action="store_true", help="keep activations: needs far more memory")
    parser.add_argument("--compile", action="store_true", help="norms, gates and rotations")
    asked = parser.parse_args()
    device = "cpu" if asked.shape == "tiny" else "cuda"
    if device == "cuda" and not torch.cuda.is_available():
        raise WrongUse("bench.train_mfu needs a GPU; here is none. --shape tiny only shows that the bench runs.")
    print(json.dumps(measured(SHAPES[asked.shape], asked, device)))
    return 0


def measured(shape: Shape, asked: argparse.Namespace, device: str) -> dict[str, Any]:
    """Seconds of each step, operations, and their share of what the device can do."""
    samples = [_sample(seed, shape) for seed in range(asked.clips)]
    tokens = len(samples[0].prompts[0].input_ids)
    recipe = replace(
        LEARN[asked.learn](),
        frames=Frames(),
        batch=asked.clips,
        pack_tokens=tokens * asked.pack_clips,
        gradient_checkpointing=not asked.no_recompute,
        precision="bfloat16" if device == "cuda" else "float32",
    )
    learner = _learner(shape, recipe, device, compile=asked.compile)
    seconds = []
    for number in range(asked.steps + 1):
        began = time.perf_counter()
        learner.step(number, samples)  # asks for the loss, so the GPU is done when it returns
        seconds.append(time.perf_counter() - began)
    size = SampleSize((shape.grid,), tokens, ANSWER)
    flop = step_flop(qwen2_vl_sizes(shape.config), [size] * asked.clips, recipe)
    middle = statistics.median(seconds[1:])
    own = measure_device(device, torch.bfloat16 if device == "cuda" else torch.float32)
    sheet = gpu_named(own.name) if device == "cuda" else own
    result = {
        "shape": asked.shape, "learn": asked.learn, "clips": asked.clips, "tokens_a_clip": tokens,
        "pack_clips": asked.pack_clips, "compile": asked.compile, "recompute": recipe.gradient_checkpointing,
        "device": own.name, "seconds": [round(one, 4) for one in seconds],
        "tflop_a_step": flop / 1e12, "clips_per_s": asked.clips / middle,
        "mfu": flop / middle / sheet.matmul_tflops / 1e12,
        "of_its_own_matmul": flop / middle / own.matmul_tflops / 1e12,
        "datasheet_tflops": sheet.matmul_tflops, "matmul_tflops": own.matmul_tflops, "torch": torch.__version__,
        "peak_gib": torch.cuda.max_memory_allocated() / 2**30 if device == "cuda" else None,
    }  # fmt: skip
    OUT.mkdir(exist_ok=True)
    (OUT / f"train_mfu_{asked.shape}_{asked.learn}.json").write_text(json.dumps(result, indent=1) + "\n")
    return result


def _sample(seed: int, shape: Shape) -> Ready:
    """A clip of noise with an answer; the network cannot know that it means nothing."""
    (media,) = noise(seed, shape)
    ids = [1] * 20 + [IMAGE] * media.num_tokens(2) + [1] * 20
    ids += np.random.default_rng(seed).integers(10, 1_000, ANSWER).tolist()
    learned = np.zeros(len(ids), bool)
    learned[-ANSWER:] = True
    positions = mrope_positions(ids, [media.grid], frozenset([IMAGE]))
    return Ready(str(seed), (Prompt(np.array(ids), positions, learned, [media]),))


def _learner(shape: Shape, recipe: Recipe, device: str, *, compile: bool = False) -> Learner:
    network = prepare(build(shape, device), recipe)
    if compile:
        fuse(network)
    module = PackedNetwork(network, "tarsier2", NoiseProcessor(shape))
    return Learner(
        module, recipe, 1_000, Parallel(device), lambda predicted, _: Loss(text_loss(predicted), {}),
        lambda sample: sum(int(prompt.learned[1:].sum()) for prompt in sample.prompts),
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
