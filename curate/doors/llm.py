"""The language model that some steps ask: one behind an OpenAI-style server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from engine.door import WrongUse

if TYPE_CHECKING:
    from model.captioner import Captioner


@contextmanager
def asking(what: str, server: str | None, model: str | None) -> Iterator[Captioner]:
    """A captioner for `what`, which is named where something is missing.

    Raises:
        WrongUse: no server or no model is named, aiohttp is not installed, or the server does not answer.
    """
    if server is None or model is None:
        raise WrongUse(f"{what} asks an LLM: --server http://host:port/v1 and --model NAME")
    if find_spec("aiohttp") is None:
        raise WrongUse(f"{what} needs aiohttp: pip install 'longtake[model]'")
    from model.engines.openai_engine import OpenAICaptioner  # noqa: PLC0415
    from model.engines.server_call import ServerBroken  # noqa: PLC0415

    try:
        yield OpenAICaptioner(server, model)
    except ServerBroken as error:
        raise WrongUse(f"--server {server}: {error}") from error
