"""Measuring commands in fresh processes: wall time, processor time, peak memory; medians and ratios."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

LIBRARIES = ("av", "duckdb", "numpy", "opencv-python-headless", "pyarrow", "scenedetect-headless")
OUT = Path(__file__).parent / "out"


@dataclass(frozen=True)
class Cost:
    """What one process took. `peak_mb` is its own largest resident memory, not that of its children."""

    seconds: float
    cpu_seconds: float
    peak_mb: float


def cost_of(words: Sequence[str]) -> Cost:
    """Run a command to its end and weigh it.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    began = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    error = process.stderr.read()
    _pid, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    code = os.waitstatus_to_exitcode(status)
    if code:
        sys.stderr.buffer.write(error)
        raise subprocess.CalledProcessError(code, words)
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def python(module: str, *words: object) -> list[str]:
    """The words that run one of our modules in a fresh process."""
    return [sys.executable, "-m", module, *map(str, words)]


def in_turns(ways: Mapping[str, Callable[[], Cost]], runs: int) -> dict[str, list[Cost]]:
    """Each way once, then each again, so that a slow minute of the machine hits all of them."""
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    for run in range(runs):
        for name, way in ways.items():
            costs[name].append(way())
            print(f"  run {run + 1}/{runs} {name}: {costs[name][-1].seconds:.2f} s", file=sys.stderr, flush=True)
    return costs


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def seconds_of(costs: Sequence[Cost]) -> float:
    """Median wall time."""
    return median([cost.seconds for cost in costs])


def machine() -> dict[str, Any]:
    """What a figure was measured on."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "machine": platform.machine(),
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


def save(name: str, result: Mapping[str, Any]) -> None:
    """Write a result as bench/out/<name>.json."""
    OUT.mkdir(exist_ok=True)
    text = json.dumps({"bench": name, "on": machine(), **result}, indent=1)
    (OUT / f"{name}.json").write_text(text + "\n", encoding="utf-8")
