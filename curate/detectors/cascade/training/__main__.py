"""python -m curate.detectors.cascade.training --data DIR --out weights.npz: trains the default detector's networks.

DIR holds videos/ and manifest.csv with name, n_cuts (empty: unknown), cut_times_s and gradual. Takes and photographs
that can be had beside it are what runs/cut_footage.sh fetches. Needs PyTorch (longtake[model]) and, for decoded
frames, space in the folder for temporary files. Takes about twenty minutes of one core.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from curate.detectors.cascade.network import Numbers
from curate.detectors.cascade.training.aside import NUM_GROUPS, groups_of
from curate.detectors.cascade.training.footage import Footage, made_takes
from curate.detectors.cascade.training.photographs import read_photographs
from curate.detectors.cascade.training.pipeline import NUM_NETWORKS, Training, train
from curate.detectors.cascade.training.takes import Labelled, Take, labelled, read_takes


def main(words: list[str] | None = None) -> int:
    """Trains, one line on stderr for each step, and returns the exit code."""
    parser = _parser()
    chosen = parser.parse_args(words)
    try:
        training = Training(chosen.videos, chosen.epochs, chosen.seconds)
        rows = labelled(chosen.data / "manifest.csv")
        further = [Labelled(path.name, ()) for path in sorted(chosen.takes.iterdir())] if chosen.takes else []
    except (OSError, ValueError) as error:
        parser.error(str(error))
    if find_spec("torch") is None:
        parser.error("training needs PyTorch: pip install 'longtake[model]'")
    _use_one_thread()
    with tempfile.TemporaryDirectory() as folder:
        groups = _groups(rows, chosen.data / "videos", Path(folder), chosen.without)
        if not any(groups):
            parser.error(f"no video in {chosen.data} can be used. Its manifest needs rows with n_cuts.")
        unlabelled = read_takes(further, chosen.takes, Path(folder) / "further", _report) if further else []
        _report(f"takes of the groups: {', '.join(str(len(group)) for group in groups)}; further: {len(unlabelled)}")
        made, photographs = made_takes(), read_photographs(chosen.photographs, _report)
        footage = [Footage([*group] * 2 + unlabelled, made, photographs) if group else None for group in groups]
        arrays = train(footage, training, _report) | _further(chosen.beside)
    _save(arrays, chosen.out)
    _report(f"wrote {chosen.out} ({chosen.out.stat().st_size // 1000} kB)")
    return 0


def _parser() -> argparse.ArgumentParser:
    usual = Training()
    parser = argparse.ArgumentParser(prog="python -m curate.detectors.cascade.training", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder with videos/ and manifest.csv")
    parser.add_argument("--takes", type=Path, metavar="DIR", help="further videos, without any transition")
    parser.add_argument(
        "--photographs", type=Path, action="append", default=[], metavar="DIR", help="pictures to make takes of"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where the arrays go, a .npz")
    parser.add_argument(
        "--beside", type=Path, metavar="FILE", help="an .npz whose network is asked as well, and whose judge instead"
    )
    parser.add_argument("--videos", type=int, default=usual.videos, help="that are made (%(default)s)")
    parser.add_argument("--epochs", type=int, default=usual.epochs, help="of the first network (%(default)s)")
    parser.add_argument("--seconds", type=float, default=usual.seconds, help="length of a made video (%(default)s)")
    parser.add_argument(
        "--without", type=int, choices=range(NUM_GROUPS), help="a group of the labelled videos not to train on"
    )
    return parser


def _further(file: Path | None) -> dict[str, Numbers]:
    """The arrays of a network that comes behind those trained here, and of a judge in the place of theirs."""
    if file is None:
        return {}
    names = {"network": f"network{NUM_NETWORKS}", "judge": "judge"}
    with np.load(file) as arrays:
        return {f"{names[kind]}.{name}": arrays[key] for key in arrays.files for kind, name in [key.split(".")]}


def _groups(rows: Sequence[Labelled], videos: Path, folder: Path, without: int | None) -> list[list[Take]]:
    group = groups_of(row.name for row in rows)
    chosen = [[row for row in rows if group[row.name] == number != without] for number in range(NUM_GROUPS)]
    return [read_takes(some, videos, folder / str(number), _report) for number, some in enumerate(chosen)]


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
