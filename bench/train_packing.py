"""Samples a second of a training step: packed, and padded as the stock network takes it. python -m bench.train_packing

Texts are as uneven as captions of clips are: a few long ones among many short ones. Both compute the same loss and the
same gradients (tests/train/test_packing.py); the stock pass computes logits everywhere.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from model.load import load_model
from train.network.forward import PackedNetwork
from train.packs import packs_of
from train.small_world.make import Size, make_tarsier2

ROUNDS = 5
SAMPLES = 16


def main() -> None:
    """Prints both rates and their ratio as JSON."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = make_tarsier2(Path(folder) / "network", Size())
        stock, own = load_model(checkpoint), load_model(checkpoint)
    prompts = _prompts(own.processor)
    module = PackedNetwork(own.network.train(), own.family, own.processor)
    packed = [_timed(lambda: _packed(module, prompts)) for _ in range(ROUNDS)]
    padded = [_timed(lambda: _padded(stock, prompts)) for _ in range(ROUNDS)]
    rates = {name: SAMPLES / statistics.median(seconds) for name, seconds in (("packed", packed), ("padded", padded))}
    lengths = [len(prompt.input_ids) for prompt in prompts]
    facts = {"samples_per_s": rates, "ratio": rates["packed"] / rates["padded"], "tokens": sorted(lengths)}
    print(json.dumps(facts | {"torch": torch.__version__, "threads": 1, "rounds": ROUNDS}))
    print(f"packed {facts['ratio']:.2f} x padded", file=sys.stderr)


def _prompts(processor: Any) -> list[Any]:
    """Clips of 4 to 16 frames with captions of 10 to 400 words, log-normal as captions are."""
    random = np.random.default_rng(0)
    prompts = []
    for _ in range(SAMPLES):
        frames = random.integers(0, 256, (int(random.integers(4, 17)), 56, 56, 3), dtype=np.uint8)
        words = int(np.clip(random.lognormal(4.2, 0.8), 10, 400))
        content = [{"type": "video", "video": {"frames": frames}}, {"type": "text", "text": "Describe it."}]
        answer = " red" * words
        messages = [{"role": "user", "content": content}, {"role": "assistant", "content": answer}]
        prompts.append(processor.prompt(messages))
    return prompts


def _packed(module: PackedNetwork, prompts: list[Any]) -> None:
    for pack in packs_of([len(prompt.input_ids) for prompt in prompts], 4_096):
        predicted = module([prompts[number] for number in pack])
        functional.cross_entropy(predicted.logits, predicted.targets, reduction="sum").backward()
    module.zero_grad(set_to_none=True)


def _padded(stock: Any, prompts: list[Any]) -> None:
    stock.network.train()
    stock.network(**stock.processor.collate(prompts, labels=True)).loss.backward()
    stock.network.zero_grad(set_to_none=True)


def _timed(run: Callable[[], None]) -> float:
    began = time.process_time()  # of this process alone, whatever else runs
    run()
    return time.process_time() - began


if __name__ == "__main__":
    main()
