"""Several GPUs: one process each with a whole network of its own, fed from one stream of requests."""

from __future__ import annotations

import os
import queue
import signal
import threading
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

from model.captioner import CaptionRequest, CaptionResult
from model.engines.transformers_engine import EngineSettings, TransformersCaptioner
from model.load import load_model
from model.processors.choose import narrow

LOOK_SECONDS = 0.5  # how long a wait for results lasts before somebody looks whether all processes live


class ManyCaptioner:
    """A `Captioner` over devices, as ["cuda:0", "cuda:1"]. ahead: requests that wait for each process.

    The processes start with the first requests and stay, network and all, until `close` or the end of a `with`.
    Raises RuntimeError where a process fails; with that the run ends, because its requests would be lost otherwise.
    """

    def __init__(
        self,
        checkpoint: str | Path,
        devices: Sequence[str],
        dtype: str = "auto",
        settings: EngineSettings | None = None,
        ahead: int = 512,
        frames: Mapping[str, Any] | None = None,
    ) -> None:
        if not devices:
            raise ValueError("devices must name at least one device, as ['cuda:0'].")
        self._devices = list(devices)
        self._load = (str(checkpoint), dtype, settings, dict(frames or {}))
        context = get_context("spawn")
        self._asked: Any = context.Queue(maxsize=ahead * len(devices))
        self._answered: Any = context.Queue()
        self._context = context
        self._processes: list[Any] = []

    def caption(self, requests: Iterable[CaptionRequest]) -> Iterator[CaptionResult]:
        """One result a request, as the processes have them."""
        if not self._processes:
            self._processes = [self._started(device) for device in self._devices]
        whole = False
        try:
            yield from _exchange(iter(requests), self._asked, self._answered, self._processes)
            whole = True
        finally:
            if not whole:  # what is still in the queues belongs to nobody
                self.close()

    def close(self) -> None:
        """Ends the processes; the captioner cannot be used any more."""
        for process in self._processes:
            process.terminate()
            process.join()
        self._processes = []

    def __enter__(self) -> ManyCaptioner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _started(self, device: str) -> Any:
        # not daemons: they have decoding processes of their own
        process = self._context.Process(target=_serve, args=(device, *self._load, self._asked, self._answered))
        process.start()
        return process


def _exchange(
    requests: Iterator[CaptionRequest], asked: Any, answered: Any, processes: Sequence[Any]
) -> Iterator[CaptionResult]:
    """Keeps the queue filled and hands results on until every process has said that it is done.

    A quick process may end two rounds while a slow one is still in its first: then another end is put out for that.
    """
    running, waiting, given_out, unanswered = len(processes), next(requests, None), False, 0
    while running:
        while waiting is not None:
            try:
                asked.put_nowait(waiting)
            except queue.Full:
                break
            unanswered += 1
            waiting = next(requests, None)
        if waiting is None and not given_out:
            given_out = True
            for _ in processes:
                asked.put(None)
        try:
            kind, value = answered.get(timeout=LOOK_SECONDS)
        except queue.Empty:
            dead = [process for process in processes if process.exitcode is not None]
            if dead:
                raise RuntimeError(f"a captioning process died with exit code {dead[0].exitcode}") from None
            continue
        if kind == "result":
            unanswered -= 1
            yield value
        elif kind == "done":
            running -= 1
            if not running and unanswered:
                asked.put(None)
                running = 1
        else:
            raise RuntimeError(f"a captioning process failed:\n{value}")


def _serve(
    device: str,
    checkpoint: str,
    dtype: str,
    settings: EngineSettings | None,
    frames: Mapping[str, Any],
    asked: Any,
    answered: Any,
) -> None:
    """One process's life: rounds of requests, each ended by None."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who owns the queues
    threading.Thread(target=_die_with_parent, daemon=True).start()
    try:
        model = load_model(checkpoint, device=device, dtype=dtype)
        narrow(model.processor, frames)
        captioner = TransformersCaptioner(model, settings)
        while True:
            for result in captioner.caption(iter(asked.get, None)):
                answered.put(("result", result))
            answered.put(("done", None))
    except Exception:  # noqa: BLE001  (the outermost door of this process: the caller gets the traceback)
        answered.put(("failed", traceback.format_exc()))


def _die_with_parent() -> None:
    """Ends this process when its parent is gone, which it is even when it was killed."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
