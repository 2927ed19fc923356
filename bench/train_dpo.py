"""DPO's loss and gradients beside TRL's on the same texts. python -m bench.train_dpo

Needs TRL, which longtake does not: pip install --no-deps --target DIR trl datasets multiprocess dill xxhash pandas, and
PYTHONPATH=DIR. TRL's own trainer tokenizes, collates, pads and computes its loss; the very tokens of its batch then go
through the packed pass and `preference_loss`. Policy and reference are two different networks, in float32.
"""

from __future__ import annotations

import json
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.measure import save
from engine.door import WrongUse
from media.synthetic.stories import make_story
from model.load import load_model
from model.processors.tarsier2 import Prompt
from train.network.forward import PackedNetwork
from train.objectives import preference_loss, sequence_logprobs
from train.small_world.make import Size, make_tarsier2

PAIRS = 12
BETA = 0.1
ALLOWED = 1e-5


def main() -> int:
    """Prints the largest differences as JSON; returns 1 where one is above 1e-5."""
    if find_spec("trl") is None:
        raise WrongUse("bench.train_dpo needs TRL on PYTHONPATH; the head of bench/train_dpo.py says how.")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        policy = make_tarsier2(Path(folder) / "policy", Size(), seed=0)
        reference = make_tarsier2(Path(folder) / "reference", Size(), seed=1)
        theirs, batch, their_gradients = _trl(policy, reference, Path(folder))
        ours, our_gradients = _ours(policy, reference, batch)
    names = our_gradients.keys() & their_gradients.keys()
    only = {name for name in our_gradients.keys() ^ their_gradients.keys() if "visual" not in name}
    if only or not names:
        raise AssertionError(f"gradients of one side only: {sorted(only)}")
    largest = max(float((our_gradients[name] - their_gradients[name]).abs().max()) for name in names)
    scale = max(float(gradient.abs().max()) for gradient in their_gradients.values())
    result = {
        "pairs": PAIRS, "beta": BETA, "trl_loss": theirs, "our_loss": ours, "loss_difference": abs(ours - theirs),
        "largest_gradient_difference": largest, "largest_gradient": scale, "weights_compared": len(names),
    }  # fmt: skip
    save("train_dpo", result)
    print(json.dumps(result))
    return int(max(abs(ours - theirs), largest) > ALLOWED)


def _trl(policy: Path, reference: Path, folder: Path) -> tuple[float, dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Loss, batch and gradients of TRL's trainer."""
    from datasets import Dataset  # noqa: PLC0415  # pyright: ignore[reportMissingImports]
    from trl import DPOConfig, DPOTrainer  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

    loaded = load_model(policy)
    config = DPOConfig(
        output_dir=str(folder / "trl"), beta=BETA, per_device_train_batch_size=PAIRS, report_to=[], use_cpu=True,
        bf16=False, gradient_checkpointing=False, seed=0,
    )  # fmt: skip
    trainer = DPOTrainer(
        model=loaded.network, ref_model=load_model(reference).network, args=config,
        train_dataset=Dataset.from_list(_texts()), processing_class=loaded.processor.tokenizer,
    )  # fmt: skip
    batch = next(iter(trainer.get_train_dataloader()))
    loss = trainer.compute_loss(trainer.model, batch)
    loss.backward()
    gradients = {name: w.grad.clone() for name, w in loaded.network.named_parameters() if w.grad is not None}
    return float(loss.detach()), batch, gradients


def _texts() -> list[dict[str, str]]:
    """Stories: the caption of a film is preferred to that of another one, of another length."""
    told = [make_story(seed, max_events=1 + seed % 4).caption.text for seed in range(2 * PAIRS)]
    return [{"prompt": "Describe what happens.", "chosen": " " + told[2 * n], "rejected": " " + told[2 * n + 1]}
            for n in range(PAIRS)]  # fmt: skip


def _ours(policy: Path, reference: Path, batch: dict[str, torch.Tensor]) -> tuple[float, dict[str, torch.Tensor]]:
    """The same tokens in packs: chosen and rejected of each pair in turn."""
    ids, seen = batch["input_ids"].numpy(), batch["attention_mask"].numpy().astype(bool)
    learned = batch["completion_mask"].numpy().astype(bool)
    half = len(ids) // 2  # TRL has all chosen, then all rejected
    order = [row for pair in range(half) for row in (pair, half + pair)]
    prompts = [_prompt(ids[row][seen[row]], learned[row][seen[row]]) for row in order]
    module, fixed = (_module(checkpoint) for checkpoint in (policy, reference))
    with torch.no_grad():
        before = sequence_logprobs(fixed(prompts), len(prompts))
    loss = preference_loss(sequence_logprobs(module(prompts), len(prompts)), before, BETA).total / half
    loss.backward()
    gradients = {name.removeprefix("network."): w.grad for name, w in module.named_parameters() if w.grad is not None}
    return float(loss.detach()), gradients


def _prompt(ids: np.ndarray, learned: np.ndarray) -> Any:
    return Prompt(ids, np.broadcast_to(np.arange(len(ids)), (3, len(ids))).copy(), learned)


def _module(checkpoint: Path) -> PackedNetwork:
    loaded = load_model(checkpoint)
    return PackedNetwork(loaded.network.train(), loaded.family, loaded.processor)


if __name__ == "__main__":
    sys.exit(main())
