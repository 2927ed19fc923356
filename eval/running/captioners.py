"""The captioner that `--model` names: a checkpoint's folder or hub name, or a server."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from eval.errors import EvalError
from model.captioner import Captioner

KEY = "LONGTAKE_MODEL_KEY"


def captioner_of(name: str, *, device: str, dtype: str, frames: int | None) -> tuple[Captioner, dict[str, Any]]:
    """The captioner, and what its answers depend on. device: one, or several with commas.

    Raises:
        EvalError: a server's model is not named, or an option is unknown.
        ModelError: the checkpoint cannot be used.
    """
    if name.startswith(("http://", "https://")):
        return _of_server(name, frames)
    from model.engines.many import ManyCaptioner  # noqa: PLC0415
    from model.engines.transformers_engine import EngineSettings, TransformersCaptioner  # noqa: PLC0415
    from model.load import load_model  # noqa: PLC0415
    from model.processors.choose import narrow  # noqa: PLC0415

    devices, narrowed = device.split(","), {} if frames is None else {"n_frames": frames}
    if len(devices) > 1:
        several = ManyCaptioner(name, devices, dtype, frames=narrowed)
        return several, {"model": name, "dtype": dtype, "frames": frames}
    loaded = load_model(name, device=device, dtype=dtype)
    try:
        narrow(loaded.processor, narrowed)
    except ValueError as error:
        raise EvalError(f"--frames {frames}: {error}") from error
    workers = 0 if device == "cpu" else 4
    captioner = TransformersCaptioner(loaded, EngineSettings(workers=workers))
    settings = {key: str(value) for key, value in asdict(loaded.processor.settings).items()}
    return captioner, {"model": loaded.name, "weights": loaded.weights, "dtype": dtype, "processor": settings}


def _of_server(name: str, frames: int | None) -> tuple[Captioner, dict[str, Any]]:
    from model.engines.openai_engine import OpenAICaptioner, ServerSettings  # noqa: PLC0415
    from model.processors.settings import Tarsier2Settings  # noqa: PLC0415

    parts = urlsplit(name)
    options = dict(parse_qsl(parts.query))
    model = options.pop("model", "")
    form = options.pop("form", "video_frames")
    if not model or options:
        raise EvalError("A server is named as http://HOST:8000/v1?model=NAME, with &form=images for clouds.")
    known = Tarsier2Settings() if frames is None else Tarsier2Settings(n_frames=frames)
    settings = ServerSettings(form=form, frames=known)  # type: ignore[arg-type]
    url = f"{parts.scheme}://{parts.netloc}{parts.path}"
    captioner = OpenAICaptioner(url, model, api_key=os.environ.get(KEY), settings=settings)
    return captioner, {"model": model, "form": form, "frames": known.n_frames}
