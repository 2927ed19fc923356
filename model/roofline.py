"""What a device can do, measured: matmul rate and memory bandwidth, as `model.plan.Gpu`."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from model.plan import Gpu


def measure_device(device: torch.device | str, dtype: torch.dtype, seconds: float = 1.0) -> Gpu:
    """Medians over about `seconds` each: a square matmul, and a copy that does not fit in caches."""
    device = torch.device(device)
    side, megabytes = (8_192, 1_024) if device.type == "cuda" else (1_024, 128)
    a = torch.randn(side, side, device=device).to(dtype)
    b = torch.randn(side, side, device=device).to(dtype)
    out = torch.empty_like(a)
    matmul = _median(lambda: torch.matmul(a, b, out=out), device, seconds)
    source = torch.zeros(megabytes << 18, dtype=torch.float32, device=device)
    target = torch.empty_like(source)
    copy = _median(lambda: target.copy_(source), device, seconds)
    memory = torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else _host_memory()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return Gpu(name, 2 * side**3 / matmul / 1e12, 2 * source.nbytes / copy / 1e12, memory / 2**30, measured=True)


def _median(work: Callable[[], object], device: torch.device, seconds: float) -> float:
    work()
    times: list[float] = []
    while len(times) < 5 or (sum(times) < seconds and len(times) < 200):
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        begun = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - begun)
    return sorted(times)[len(times) // 2]


def _host_memory() -> float:
    import os  # noqa: PLC0415

    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
