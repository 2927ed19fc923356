"""The trained networks that come with longtake: weights.npz, made by `python -m curate.detectors.cascade.training`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import IO

import numpy as np

from curate.detectors.cascade.judge import Judge
from curate.detectors.cascade.network import Network


def read(source: Path | IO[bytes]) -> tuple[Network, Judge]:
    """The network that reads looks and the judge of what it supposes, from an .npz file.

    Raises:
        KeyError: an array is missing.
    """
    with np.load(source) as arrays:
        named = {name: arrays[name].astype(np.float32) for name in arrays.files}
    return Network(_of("network", named)), Judge(_of("judge", named))


@cache
def trained() -> tuple[Network, Judge]:
    """Those that come with longtake."""
    with files("curate.detectors.cascade").joinpath("weights.npz").open("rb") as file:
        return read(file)


def _of(name: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {key.removeprefix(f"{name}."): array for key, array in arrays.items() if key.startswith(f"{name}.")}
