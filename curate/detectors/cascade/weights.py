"""The trained networks that come with longtake: weights.npz, made by `python -m curate.detectors.cascade.training`."""

from __future__ import annotations

from functools import cache
from hashlib import blake2b
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import IO

import numpy as np

from curate.detectors.cascade.judge import Judge
from curate.detectors.cascade.network import Network, Networks

NETWORK, JUDGE = "network", "judge"  # names of arrays begin with one and a dot; networks are numbered


def read(source: Path | IO[bytes]) -> tuple[Networks, Judge]:
    """The networks that read looks and the judge of what they suppose, from an .npz file.

    Raises:
        KeyError: an array is missing.
    """
    with np.load(source) as arrays:
        named = {name: arrays[name].astype(np.float32) for name in arrays.files}
    names = sorted({key.split(".")[0] for key in named})
    networks = (Network(_of(name, named)) for name in names if name.startswith(NETWORK))
    return Networks(tuple(networks)), Judge(_of(JUDGE, named))


@cache
def identity() -> str:
    """16 hex digits of what comes with longtake: other weights make every scan due again."""
    return blake2b(_file().read_bytes(), digest_size=8).hexdigest()


@cache
def trained() -> tuple[Networks, Judge]:
    """Those that come with longtake."""
    with _file().open("rb") as file:
        return read(file)


def _file() -> Traversable:
    return files("curate.detectors.cascade").joinpath("weights.npz")


def _of(name: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {key.removeprefix(f"{name}."): array for key, array in arrays.items() if key.startswith(f"{name}.")}
