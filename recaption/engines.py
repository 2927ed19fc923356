"""Captioners by what a person asked for, and who they are before anything is loaded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from engine.door import WrongUse, reading_words
from engine.run import default_jobs
from model.captioner import Captioner
from recaption.rows import Writer

ENGINES = ("transformers", "openai")
TOY_PARAMETERS = 10_000_000  # no network below this writes sentences about videos
CPU_ROWS = 4


@dataclass(frozen=True)
class EngineChoice:
    """What a person asked for. rows: requests in a batch, or calls at once; workers: processes that decode ahead.

    usd_read, usd_written: price of a million tokens of a server; budget_usd: after which nothing more is sent.
    compile: the network's small parts, each into one kernel.
    """

    engine: str
    model: str
    base_url: str | None = None
    device: str = "cpu"
    dtype: str = "auto"
    rows: int | None = None
    workers: int | None = None
    images: bool = False
    max_pixels: int | None = None
    usd_read: float = 0.0
    usd_written: float = 0.0
    budget_usd: float | None = None
    compile: bool = False

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise ValueError(f"no engine {self.engine!r}. Allowed: {', '.join(ENGINES)}")
        if self.engine == "openai" and not self.base_url:
            raise ValueError("--engine openai needs --base-url, for example http://localhost:8000/v1")
        if self.engine == "transformers" and self.base_url:
            raise ValueError("--base-url is of --engine openai; transformers runs the model here")
        if self.engine == "openai" and self.compile:
            raise ValueError("--compile is of --engine transformers; a server compiles, or not, as it was started")
        for name in ("rows", "workers"):
            value = getattr(self, name)
            if value is not None and value < (1 if name == "rows" else 0):
                raise ValueError(f"{name} must not be {value}")


@dataclass(frozen=True)
class Identity:
    """Who answers. family: of the network, "server" for one that is asked. frames: what it was trained to look at.

    is_toy: a network too small to write sentences. parts: what a fingerprint takes in.
    """

    writer: Writer
    family: str
    frames: int
    is_toy: bool
    parts: Mapping[str, Any]
    folder: Path | None = None


def identify(choice: EngineChoice) -> Identity:
    """Who an engine is, from its files' headers.

    Raises:
        ModelError: the checkpoint cannot be used.
        WrongUse: the extra `model` is not installed.
    """
    if choice.engine == "openai":
        parts = {"engine": "openai", "model": choice.model, "images": choice.images}
        return Identity(Writer(choice.model, None, "openai"), "server", 16, False, parts)
    from model.configs import open_checkpoint  # noqa: PLC0415
    from model.hub import checkpoint_folder, model_name  # noqa: PLC0415
    from model.weights import entries, shards_of, weights_id  # noqa: PLC0415

    folder = checkpoint_folder(choice.model)
    checkpoint = open_checkpoint(folder)
    shards = shards_of(folder)
    weights = weights_id(shards)
    size = sum(prod(entry.shape) for entry in entries(shards))
    frames = 8 if checkpoint.family == "tarsier1" else 16
    parts = {"engine": "transformers", "family": checkpoint.family, "weights": weights, "dtype": choice.dtype}
    return Identity(
        Writer(model_name(choice.model), weights, "transformers"),
        checkpoint.family,
        frames,
        size < TOY_PARAMETERS,
        parts,
        folder,
    )


@contextmanager
def opened(choice: EngineChoice, identity: Identity) -> Iterator[tuple[Captioner, Callable[[], list[str]]]]:
    """The captioner, and what it has to say at the end."""
    if choice.engine == "openai":
        yield _server(choice)
        return
    devices = _devices(choice.device)
    if len(devices) > 1:
        with _many(choice, identity, devices) as captioner:
            yield captioner, list
        return
    from model.engines.transformers_engine import TransformersCaptioner  # noqa: PLC0415
    from model.load import load_model  # noqa: PLC0415
    from model.processors.choose import narrow  # noqa: PLC0415

    assert identity.folder is not None
    model = load_model(identity.folder, device=devices[0], dtype=choice.dtype)
    with reading_words():
        narrow(model.processor, {"max_pixels": choice.max_pixels})
    captioner = TransformersCaptioner(model, _settings(choice))
    yield captioner, captioner.report.lines


def _many(choice: EngineChoice, identity: Identity, devices: list[str]) -> Any:
    from model.engines.many import ManyCaptioner  # noqa: PLC0415

    assert identity.folder is not None
    frames = {"max_pixels": choice.max_pixels}
    return ManyCaptioner(identity.folder, devices, choice.dtype, _settings(choice, len(devices)), 128, frames)


def _settings(choice: EngineChoice, processes: int = 1) -> Any:
    from model.engines.transformers_engine import EngineSettings  # noqa: PLC0415

    workers = choice.workers if choice.workers is not None else max(1, default_jobs() // processes)
    if choice.device == "cpu":
        return EngineSettings(max_rows=choice.rows or CPU_ROWS, workers=workers, bucket=1, compile=choice.compile)
    return EngineSettings(max_rows=choice.rows, workers=workers, bucket=2, compile=choice.compile)


def _server(choice: EngineChoice) -> tuple[Captioner, Callable[[], list[str]]]:
    from model.engines.openai_engine import OpenAICaptioner, ServerSettings  # noqa: PLC0415
    from model.processors.settings import Tarsier2Settings  # noqa: PLC0415

    frames = Tarsier2Settings() if choice.max_pixels is None else Tarsier2Settings(max_pixels=choice.max_pixels)
    settings = ServerSettings(
        form="images" if choice.images else "video_frames",
        frames=frames,
        most=choice.rows or 64,
        start=min(4, choice.rows or 4),
        workers=choice.workers if choice.workers is not None else default_jobs(),
        usd_read=choice.usd_read,
        usd_written=choice.usd_written,
        budget_usd=choice.budget_usd,
    )
    assert choice.base_url is not None
    key = os.environ.get("OPENAI_API_KEY")
    captioner = OpenAICaptioner(choice.base_url, choice.model, api_key=key, settings=settings)
    return captioner, captioner.ledger.lines


def _devices(device: str) -> list[str]:
    """Every GPU there is for "cuda", else the one that is named."""
    if device == "cpu":
        return ["cpu"]
    import torch  # noqa: PLC0415

    if device.startswith("cuda") and not torch.cuda.is_available():
        raise WrongUse(f"--device {device}: torch sees no GPU here. --device cpu runs without one")
    if device == "cuda":
        return [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    return [device]
