"""The exact commands that serve a checkpoint, how frames must be sent, and where stock position ids differ."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path

from model.plan import tarsier2_grid
from model.positions import stock_differs

# What `python -m bench.positions` prints for the reference fixtures: logits of the tiny checkpoint where ids differ.
MEASURED_LOGIT_CHANGE = 7.3

COMMON_VIDEOS = ((1280, 720), (640, 360), (320, 240))
COMMON_FRAMES = (8, 16, 32, 128)


def vllm_command(checkpoint: Path, num_frames: int = 16, width: int = 1280, height: int = 720) -> str:
    """One line for a shell; sizes are those of doubled frames at Tarsier2's budget."""
    t, h, w = tarsier2_grid(width, height, num_frames)
    tokens = t * h * w // 4
    limit = {"image": 0, "video": {"count": 1, "num_frames": 2 * t, "width": w * 14, "height": h * 14}}
    longest = -(-(tokens + 2_048) // 1_024) * 1_024
    return shlex.join(
        [
            "vllm", "serve", str(checkpoint), "--dtype", "bfloat16",
            "--max-model-len", str(longest), "--max-num-batched-tokens", str(max(32_768, longest)),
            "--limit-mm-per-prompt", json.dumps(limit), "--mm-processor-cache-gb", "0",
        ]
    )  # fmt: skip


def sglang_command(checkpoint: Path) -> str:
    """One line for a shell."""
    return shlex.join(["python", "-m", "sglang.launch_server", "--model-path", str(checkpoint), "--dtype", "bfloat16"])


def position_lines(videos: Sequence[tuple[int, int]] = COMMON_VIDEOS) -> list[str]:
    """Where transformers >= 5 would give the text after a video other position ids than Tarsier2."""
    rows = []
    for width, height in videos:
        counts = [n for n in COMMON_FRAMES if stock_differs(*tarsier2_grid(width, height, n))]
        shown = ", ".join(str(n) for n in counts) if counts else "none of these"
        rows.append(f"  {width}x{height}: of {', '.join(map(str, COMMON_FRAMES))} frames, {shown}")
    return [
        "transformers >= 5 lets the text after a video begin at max(h, w) / 28, not after its last frame, so its own",
        "position ids are wrong where a video has more frames than that:",
        *rows,
        f"On the reference fixtures this moved logits by up to {MEASURED_LOGIT_CHANGE}. Pass position_ids yourself, as",
        "model.load does. vLLM and SGLang go on at the largest id + 1, as Tarsier2 does.",
    ]


def serving_lines(checkpoint: Path) -> list[str]:
    """Everything that a person needs to serve a converted checkpoint."""
    return [
        "Serve it:",
        f"  {vllm_command(checkpoint)}",
        f"  {sglang_command(checkpoint)}",
        "Send every frame twice: Tarsier2 sees one a temporal step, a stock server puts two different ones there.",
        "The engine `openai` of model/ does so; a video url that the server decodes itself would not.",
        *position_lines(),
    ]
