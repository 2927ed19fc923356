"""Several GPUs: one process each with a whole network of its own, fed from one stream of requests."""

from __future__ import annotations

import queue
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from model.captioner import CaptionRequest, CaptionResult
from model.engines.transformers_engine import EngineSettings, TransformersCaptioner
from model.load import load_model

LOOK_SECONDS = 0.5  # how long a wait for results lasts before somebody looks whether all processes live


@dataclass(frozen=True)
class ManyCaptioner:
    """A `Captioner` over devices, as ["cuda:0", "cuda:1"]. ahead: requests that wait for each process.

    Raises RuntimeError where a process fails; with that the run ends, because its requests would be lost otherwise.
    """

    checkpoint: str | Path
    devices: Sequence[str]
    dtype: str = "auto"
    settings: EngineSettings | None = None
    ahead: int = 512

    def __post_init__(self) -> None:
        if not self.devices:
            raise ValueError("devices must name at least one device, as ['cuda:0'].")

    def caption(self, requests: Iterable[CaptionRequest]) -> Iterator[CaptionResult]:
        """One result a request, as the processes have them."""
        context = get_context("spawn")
        asked: Any = context.Queue(maxsize=self.ahead * len(self.devices))
        answered: Any = context.Queue()
        processes = [
            context.Process(
                target=_serve, args=(str(self.checkpoint), device, self.dtype, self.settings, asked, answered)
            )  # not daemons: they have decoding processes of their own
            for device in self.devices
        ]
        for process in processes:
            process.start()
        try:
            yield from _exchange(iter(requests), asked, answered, processes)
            for process in processes:
                process.join()
        finally:
            for process in processes:
                if process.is_alive():
                    process.terminate()
                    process.join()


def _exchange(
    requests: Iterator[CaptionRequest], asked: Any, answered: Any, processes: Sequence[Any]
) -> Iterator[CaptionResult]:
    """Keeps the queue filled and hands results on until every process has said that it is done."""
    running, waiting, given_out = len(processes), next(requests, None), False
    while running:
        while waiting is not None:
            try:
                asked.put_nowait(waiting)
            except queue.Full:
                break
            waiting = next(requests, None)
        if waiting is None and not given_out:
            given_out = True
            for _ in processes:
                asked.put(None)
        try:
            kind, value = answered.get(timeout=LOOK_SECONDS)
        except queue.Empty:
            dead = [process for process in processes if process.exitcode not in (None, 0)]
            if dead:
                raise RuntimeError(f"a captioning process died with exit code {dead[0].exitcode}") from None
            continue
        if kind == "result":
            yield value
        elif kind == "done":
            running -= 1
        else:
            raise RuntimeError(f"a captioning process failed:\n{value}")


def _serve(
    checkpoint: str, device: str, dtype: str, settings: EngineSettings | None, asked: Any, answered: Any
) -> None:
    """One process's life."""
    try:
        captioner = TransformersCaptioner(load_model(checkpoint, device=device, dtype=dtype), settings)
        for result in captioner.caption(iter(asked.get, None)):
            answered.put(("result", result))
        answered.put(("done", None))
    except Exception:  # noqa: BLE001  (the outermost door of this process: the caller gets the traceback)
        answered.put(("failed", traceback.format_exc()))
