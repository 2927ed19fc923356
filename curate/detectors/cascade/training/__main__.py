"""python -m curate.detectors.cascade.training --data DIR --out weights.npz: trains the default detector's networks.

DIR holds videos/ and manifest.csv with name, n_cuts (empty: unknown), cut_times_s and gradual. Needs PyTorch
(longtake[model]) and, for decoded frames, space in the folder for temporary files. Takes an hour or two.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from curate.detectors.cascade.network import Numbers
from curate.detectors.cascade.training.aside import ASIDE, is_aside, read_names
from curate.detectors.cascade.training.footage import footage, made_takes
from curate.detectors.cascade.training.pipeline import Training, train
from curate.detectors.cascade.training.takes import labelled, read_takes


def main(words: list[str] | None = None) -> int:
    """Trains, one line on stderr for each step, and returns the exit code."""
    parser = _parser()
    chosen = parser.parse_args(words)
    try:
        training = Training(chosen.videos, chosen.epochs, chosen.seconds)
        rows = labelled(chosen.data / "manifest.csv")
        aside = ASIDE if chosen.aside is None else read_names(chosen.aside)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    if find_spec("torch") is None:
        parser.error("training needs PyTorch: pip install 'longtake[model]'")
    used = [row for row in rows if not is_aside(row.name, aside)]
    _use_one_thread()
    with tempfile.TemporaryDirectory() as folder:
        takes = read_takes(used, chosen.data / "videos", Path(folder), _report)
        if not takes:
            parser.error(f"no video in {chosen.data} can be used. Its manifest needs rows with n_cuts.")
        _report(f"{len(takes)} takes, {len(rows) - len(used)} kept aside")
        arrays = train(footage(takes, made_takes()), training, _report)
    _save(arrays, chosen.out)
    _report(f"wrote {chosen.out} ({chosen.out.stat().st_size // 1000} kB)")
    return 0


def _parser() -> argparse.ArgumentParser:
    usual = Training()
    parser = argparse.ArgumentParser(prog="python -m curate.detectors.cascade.training", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder with videos/ and manifest.csv")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where the arrays go, a .npz")
    parser.add_argument(
        "--videos", type=int, default=usual.videos, help="made for each of the two networks (%(default)s)"
    )
    parser.add_argument("--epochs", type=int, default=usual.epochs, help="of the first network (%(default)s)")
    parser.add_argument("--seconds", type=float, default=usual.seconds, help="length of a made video (%(default)s)")
    parser.add_argument(
        "--aside",
        type=Path,
        metavar="FILE",
        help="names, one a line, not to train on, in place of aside.py's; an empty file: train on all",
    )
    return parser


def _use_one_thread() -> None:
    """Pictures and layers are small: threads would only wait for one another."""
    import torch  # noqa: PLC0415

    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def _save(arrays: dict[str, Numbers], path: Path) -> None:
    """The file gets its name when it is complete."""
    part = path.with_name(f".part-{os.getpid()}-{path.name}")
    try:
        with part.open("wb") as file:
            np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _report(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
