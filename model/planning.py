"""A plan in words."""

from __future__ import annotations

from pathlib import Path

from model.configs import open_checkpoint
from model.hub import checkpoint_folder
from model.plan import clip_plan, gpu_named, network_sizes, tarsier2_grid

GIB = 2**30
TRAINING_MFU = 0.45  # of the datasheet's operations: what a well-kept training step reaches


def plan_lines(
    checkpoint: str | Path,
    gpu: str,
    frames: int,
    size: tuple[int, int],
    max_pixels: int,
    new_tokens: int,
    clips: int | None = None,
) -> list[str]:
    """What captions of `frames` frames of videos of size (width, height) cost on a named GPU.

    Raises ModelError, and ValueError for an unknown GPU or an impossible size.
    """
    opened = open_checkpoint(checkpoint_folder(checkpoint, ["*.json"]))
    device = gpu_named(gpu)
    sizes = network_sizes(opened)
    if opened.family == "tarsier1":
        side = sizes.extra_tokens - 1
        grid = (frames, side, side)
    else:
        grid = tarsier2_grid(*size, frames, max_pixels)
    plan = clip_plan(sizes, grid, device, new_tokens=new_tokens)
    seconds = plan.compute_seconds + plan.memory_seconds
    learned = plan.training_tflop / (device.matmul_tflops * TRAINING_MFU)
    lines = [
        f"{opened.folder.name} ({opened.family}, {sizes.parameters / 1e9:.2f} billion parameters) on {device.name}",
        f"frames            {plan.frames} of {grid[2]} x {grid[1]} patches, {plan.patches:,} patches",
        f"tokens            {plan.visual_tokens:,} visual, {plan.prompt_tokens:,} read, {new_tokens} written",
        f"operations        {plan.tflop:.4g} TFLOP: vision {plan.vision_tflop:.4g}, prefill {plan.prefill_tflop:.4g}, "
        f"decoding {plan.decode_tflop:.3g}",
        f"memory            {plan.weights_bytes / GIB:.3g} GiB weights, {plan.kv_bytes / GIB:.3g} GiB cache a clip",
        f"batch             {plan.batch} clips",
        f"roofline          {plan.clips_per_second:.3g} clips/s: {1000 * plan.compute_seconds:.3g} ms of arithmetic, "
        f"{1000 * plan.memory_seconds:.3g} ms of reading (datasheet: {device.matmul_tflops:g} TFLOP/s, "
        f"{device.bandwidth_tbs:g} TB/s)",
        f"training          {plan.training_tflop:.4g} TFLOP where all weights learn: {learned:.3g} s at "
        f"{TRAINING_MFU:.0%} of the datasheet",
    ]
    if clips is not None:
        lines.append(
            f"{clips:,} clips     {clips * seconds / 3600:.3g} GPU hours at the roofline; shown once in training "
            f"{clips * learned / 3600:.3g}"
        )
    if plan.weights_bytes + plan.kv_bytes > device.memory_gib * GIB:
        lines.append(
            f"It does not fit in the {device.memory_gib:g} GiB of one {device.name}; spread it: device='auto'."
        )
    return lines
