"""Pictures of runs: loss, learning rate, gradient norm and speed over the steps, out of metrics.parquet."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.door import WrongUse
from train.metrics import FILE, read

PICTURE = "curves.png"
FORMATS = (".png", ".svg", ".pdf")
SMOOTHED_SHARE = 0.01  # of the steps, that a smoothed point is a mean over
PANELS = ("loss", "lr", "grad_norm", "samples/s")


def draw(runs: Sequence[Path], picture: Path) -> Path:
    """The curves of one run or of several, one over the other; what its end says is its format.

    Loss, norm and speed are shown as they were, faintly, and as a running mean. Further means of an objective (KL,
    margin, …) get panels of their own. Raises WrongUse: a folder without metrics, a format that is none, no matplotlib.
    """
    if find_spec("matplotlib") is None:
        raise WrongUse("pictures need matplotlib: pip install 'longtake[train]'")
    if picture.suffix.lower() not in FORMATS:
        raise WrongUse(f"a picture must end in {', '.join(FORMATS)}, got {picture}.")
    curves = {}
    for run in runs:
        rows = read(run)
        if not rows:
            raise WrongUse(f"{run} holds no step yet: there is no {FILE} with rows.")
        curves[run] = curves_of(rows)
    part = picture.with_name(f".{picture.stem}.{os.getpid()}.part{picture.suffix}")
    picture.parent.mkdir(parents=True, exist_ok=True)
    _figure(curves).savefig(part, dpi=120, bbox_inches="tight")
    part.replace(picture)
    return picture


def curves_of(rows: Sequence[dict[str, Any]]) -> dict[str, NDArray[np.float64]]:
    """float64 [N] by name: step, what PANELS name, and the objective's parts; NaN where a step has no such part."""
    found = {name: np.array([row[name] for row in rows], float) for name in ("step", "loss", "lr", "grad_norm")}
    seconds = np.array([row["seconds"] for row in rows])
    samples = np.array([row["samples"] for row in rows], float)
    found["samples/s"] = np.divide(samples, seconds, out=np.full(len(rows), np.nan), where=seconds > 0)
    for name in sorted({name for row in rows for name in row["parts"]}):
        found[name] = np.array([row["parts"].get(name, np.nan) for row in rows], float)
    return found


def running_mean(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """The mean of each value and up to width - 1 before it, [N]; NaN counts as not there."""
    known = ~np.isnan(values)
    sums = np.concatenate([[0.0], np.where(known, values, 0.0).cumsum()])
    counts = np.concatenate([[0], known.cumsum()])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - width)
    number = counts[ends] - counts[starts]
    return np.divide(sums[ends] - sums[starts], number, out=np.full(len(values), np.nan), where=number > 0)


def _figure(curves: dict[Path, dict[str, NDArray[np.float64]]]) -> Any:
    from matplotlib.figure import Figure  # noqa: PLC0415  (without pyplot: no window, no global state)

    names = [*PANELS, *sorted({name for one in curves.values() for name in one} - {*PANELS, "step"})]
    columns = 2
    lines = -(-len(names) // columns)
    figure = Figure(figsize=(5.2 * columns, 2.7 * lines), layout="constrained")
    for panel, name in enumerate(names, 1):
        axes = figure.add_subplot(lines, columns, panel)
        for number, (run, values) in enumerate(curves.items()):
            if name in values:
                _curve(axes, values["step"], values[name], f"C{number}", run.name, smooth=name != "lr")
        if name.endswith(("loss", "kl")) and _falls_far([one[name] for one in curves.values() if name in one]):
            axes.set_yscale("log")
        axes.set_title(name, fontsize=10, loc="left")
        axes.set_xlabel("step", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.25)
        axes.margins(x=0.01)
    if len(curves) > 1:
        figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4, fontsize=8)
    return figure


def _falls_far(curves: Sequence[NDArray[np.float64]]) -> bool:
    """Whether what matters would lie flat on the floor of a linear axis."""
    values = np.concatenate(curves)
    values = values[np.isfinite(values)]
    return bool(len(values)) and values.min() > 0 and values.max() > 10 * np.median(values)


def _curve(
    axes: Any, steps: NDArray[np.float64], values: NDArray[np.float64], colour: str, label: str, *, smooth: bool
) -> None:
    width = max(1, round(SMOOTHED_SHARE * len(values)))
    if not smooth or width == 1:
        axes.plot(steps, values, color=colour, linewidth=1.2, label=label)
        return
    axes.plot(steps, values, color=colour, linewidth=0.6, alpha=0.3)
    axes.plot(steps, running_mean(values, width), color=colour, linewidth=1.4, label=label)
