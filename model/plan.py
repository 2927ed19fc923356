"""What a caption costs before anything runs: tokens, operations, memory, and clips a second at the roofline.

A roofline is what the arithmetic alone would take at a GPU's measured matmul rate, plus what reading weights and KV
cache would take at its measured bandwidth. Counts follow the network: a multiply and an add are two operations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from model.configs import Checkpoint, flat_config, is_original, llava_config, qwen2_vl_config
from model.errors import ModelError
from model.resizing import pixel_budget, smart_resize
from model.shapes import num_parameters, qwen2_vl_shapes, vision_sizes

BF16_BYTES = 2


@dataclass(frozen=True)
class Gpu:
    """matmul_tflops: dense bf16. bandwidth_tbs: of memory, TB/s. memory_gib: of one GPU. measured: not a
    datasheet's."""

    name: str
    matmul_tflops: float
    bandwidth_tbs: float
    memory_gib: float
    measured: bool = False


# Datasheets; bench/recaption_gpu.py measures the GPU at hand instead. A real H200 gives about 790 of its 989 TFLOP/s.
GPUS = {
    gpu.name: gpu
    for gpu in (
        Gpu("H200", 989, 4.8, 141),
        Gpu("H100", 989, 3.35, 80),
        Gpu("A100", 312, 2.04, 80),
        Gpu("L40S", 362, 0.864, 48),
        Gpu("L4", 121, 0.3, 24),
        Gpu("A10", 125, 0.6, 24),
        Gpu("RTX4090", 165, 1.01, 24),
        Gpu("RTX3090", 71, 0.936, 24),
        Gpu("T4", 65, 0.32, 16),
    )
}


@dataclass(frozen=True)
class NetworkSizes:
    """What operations and memory are computed from. vision_*: of the tower. merge: patches joined into one token.

    projector: weights between tower and text model, used once a token. extra_tokens: of one frame, in the text model
    only.
    """

    vision_layers: int
    vision_width: int
    vision_mlp: int
    patch_inputs: int
    merge: int
    projector: int
    text_layers: int
    text_width: int
    text_mlp: int
    text_kv_width: int
    vocabulary: int
    parameters: int
    extra_tokens: int = 0

    @property
    def vision_layer_weights(self) -> int:
        return 4 * self.vision_width**2 + 2 * self.vision_width * self.vision_mlp

    @property
    def text_layer_weights(self) -> int:
        attention = 2 * self.text_width**2 + 2 * self.text_width * self.text_kv_width
        return attention + 3 * self.text_width * self.text_mlp

    @property
    def kv_bytes_per_token(self) -> int:
        return 2 * self.text_layers * self.text_kv_width * BF16_BYTES


@dataclass(frozen=True)
class ClipPlan:
    """One clip. Operations in TFLOP; seconds at the roofline of `gpu` with `batch` clips decoded together."""

    frames: int
    patches: int
    visual_tokens: int
    prompt_tokens: int
    vision_tflop: float
    prefill_tflop: float
    decode_tflop: float
    kv_bytes: int
    weights_bytes: int
    batch: int
    compute_seconds: float
    memory_seconds: float

    @property
    def tflop(self) -> float:
        return self.vision_tflop + self.prefill_tflop + self.decode_tflop

    @property
    def training_tflop(self) -> float:
        """Of a step on this clip in which all weights learn: back through the network costs twice the way forward."""
        return 3 * (self.vision_tflop + self.prefill_tflop)

    @property
    def clips_per_second(self) -> float:
        return 1 / (self.compute_seconds + self.memory_seconds)


def network_sizes(checkpoint: Checkpoint) -> NetworkSizes:
    """Sizes of a Tarsier, Tarsier2 or Qwen2-VL checkpoint. Raises ModelError for others."""
    if checkpoint.family == "tarsier1":
        return _llava_sizes(llava_config(checkpoint))
    if checkpoint.family in ("tarsier2", "qwen2_vl"):
        return qwen2_vl_sizes(qwen2_vl_config(checkpoint) if is_original(checkpoint) else checkpoint.config)
    raise ModelError("unsupported_checkpoint", f"{checkpoint.folder}: no plan for {checkpoint.model_type!r}.")


def qwen2_vl_sizes(config: Mapping[str, Any]) -> NetworkSizes:
    """Sizes of a Qwen2-VL config, flat or, as transformers 5 writes it, with a part of its own for the text model."""
    config = flat_config(config)
    vision = vision_sizes(config["vision_config"])
    joined = vision["embed_dim"] * vision["spatial_merge_size"] ** 2
    heads = config["num_attention_heads"]
    return NetworkSizes(
        vision_layers=vision["depth"],
        vision_width=vision["embed_dim"],
        vision_mlp=vision["embed_dim"] * vision["mlp_ratio"],
        patch_inputs=vision["in_channels"] * vision["temporal_patch_size"] * vision["patch_size"] ** 2,
        merge=vision["spatial_merge_size"] ** 2,
        projector=joined * joined + joined * config["hidden_size"],
        text_layers=config["num_hidden_layers"],
        text_width=config["hidden_size"],
        text_mlp=config["intermediate_size"],
        text_kv_width=config["hidden_size"] // heads * (config.get("num_key_value_heads") or heads),
        vocabulary=config["vocab_size"],
        parameters=num_parameters(qwen2_vl_shapes(config)),
    )


def _llava_sizes(config: Mapping[str, Any]) -> NetworkSizes:
    from transformers import LlavaConfig  # noqa: PLC0415

    known = LlavaConfig(**config)
    vision: Any = known.vision_config
    text: Any = known.text_config
    rows = vision.image_size // vision.patch_size
    kv = text.hidden_size // text.num_attention_heads * text.num_key_value_heads
    sizes = NetworkSizes(
        vision_layers=vision.num_hidden_layers - 1,  # features are those before the last layer
        vision_width=vision.hidden_size,
        vision_mlp=vision.intermediate_size,
        patch_inputs=3 * vision.patch_size**2,
        merge=1,
        projector=vision.hidden_size * text.hidden_size + text.hidden_size**2,
        text_layers=text.num_hidden_layers,
        text_width=text.hidden_size,
        text_mlp=text.intermediate_size,
        text_kv_width=kv,
        vocabulary=text.vocab_size,
        parameters=0,
        extra_tokens=rows + 1,
    )
    weights = sizes.vision_layers * sizes.vision_layer_weights + sizes.text_layers * sizes.text_layer_weights
    total = weights + sizes.projector + 2 * sizes.vocabulary * sizes.text_width
    return NetworkSizes(**{**sizes.__dict__, "parameters": total})


def tarsier2_grid(width: int, height: int, num_frames: int, max_pixels: int = 460_800) -> tuple[int, int, int]:
    """(t, h, w) in patches of a video of this size, every frame doubled."""
    smallest, largest = pixel_budget(2 * num_frames, 0, max_pixels)
    first = smart_resize(height, width, 1, smallest, largest)
    second = smart_resize(*first, 28, 3_136, 12_845_056)
    return num_frames, second[0] // 14, second[1] // 14


def clip_plan(
    sizes: NetworkSizes,
    grid: tuple[int, int, int],
    gpu: Gpu,
    *,
    text_tokens: int = 40,
    new_tokens: int = 200,
    batch: int | None = None,
) -> ClipPlan:
    """The cost of one clip of grid (frames, h, w). batch: as many as fit in the GPU's memory, at most 64, if None."""
    frames, h, w = grid
    patches = frames * h * w
    visual = patches // sizes.merge + frames * sizes.extra_tokens
    prompt = visual + text_tokens
    vision = 2 * patches * (sizes.patch_inputs * sizes.vision_width + sizes.vision_layers * sizes.vision_layer_weights)
    vision += 2 * (patches // sizes.merge) * sizes.projector
    vision += 4 * patches * (h * w) * sizes.vision_width * sizes.vision_layers  # each frame looks at itself
    prefill = 2 * prompt * sizes.text_layers * sizes.text_layer_weights
    prefill += 2 * prompt**2 * sizes.text_width * sizes.text_layers  # causal: half of the square
    one_token = 2 * (sizes.text_layers * sizes.text_layer_weights + sizes.text_width * sizes.vocabulary)
    decode = new_tokens * (one_token + 4 * (prompt + new_tokens / 2) * sizes.text_width * sizes.text_layers)
    weights_bytes = sizes.parameters * BF16_BYTES
    kv = (prompt + new_tokens) * sizes.kv_bytes_per_token
    rows = batch or max(1, min(64, int((gpu.memory_gib * 2**30 * 0.9 - weights_bytes) // max(kv, 1))))
    text_weights = (sizes.text_layers * sizes.text_layer_weights + sizes.text_width * sizes.vocabulary) * BF16_BYTES
    read = new_tokens * (text_weights / rows + (prompt + new_tokens / 2) * sizes.kv_bytes_per_token)
    return ClipPlan(
        frames=frames,
        patches=patches,
        visual_tokens=visual,
        prompt_tokens=prompt,
        vision_tflop=vision / 1e12,
        prefill_tflop=prefill / 1e12,
        decode_tflop=decode / 1e12,
        kv_bytes=kv,
        weights_bytes=weights_bytes,
        batch=rows,
        compute_seconds=(vision + prefill) / (gpu.matmul_tflops * 1e12),
        memory_seconds=max(read / (gpu.bandwidth_tbs * 1e12), decode / (gpu.matmul_tflops * 1e12)),
    )


def gpu_named(name: str) -> Gpu:
    """A GPU by its name, however it is written ("NVIDIA H200", "h200"). Raises ValueError with the known names."""
    wanted = name.upper().replace(" ", "").replace("-", "").replace("GEFORCE", "")
    for gpu in sorted(GPUS.values(), key=lambda one: -len(one.name)):
        if gpu.name in wanted:
            return gpu
    raise ValueError(f"gpu must be one of {', '.join(GPUS)}, got {name!r}.")
