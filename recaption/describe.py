"""One file or url, one question, one text."""

from __future__ import annotations

import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.door import WrongUse
from model.captioner import CaptionRequest
from recaption.engines import EngineChoice, identify, opened
from recaption.prompts import load_prompts
from recaption.unanswered import Unanswered

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
_FETCH_SECONDS = 60.0
_FETCH_MOST = 4 << 30


@dataclass(frozen=True)
class Question:
    """What is asked about one file. prompt: None is the prompt of recipe `tarsier`."""

    prompt: str | None = None
    frames: int | None = None
    max_new_tokens: int = 512
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


def describe(file: str, choice: EngineChoice, question: Question) -> str:
    """The answer about a video, gif or picture.

    Raises:
        WrongUse: there is no such file.
        ModelError: the checkpoint or the file cannot be used.
    """
    prompt = question.prompt or load_prompts()["tarsier.dense"].text
    with local(file) as path, opened(choice, identity := identify(choice)) as (captioner, _):
        content = [media_item(path), {"type": "text", "text": prompt}]
        request = CaptionRequest(
            "describe",
            [{"role": "user", "content": content}],
            max_new_tokens=question.max_new_tokens,
            temperature=question.temperature,
            top_p=question.top_p,
            seed=question.seed,
            n_frames=question.frames or identity.frames,
        )
        (result,) = captioner.caption([request])
    if result.text is None:
        about = "" if str(path) in (result.detail or "") else f"{file}: "
        raise Unanswered(f"{about}{result.detail} ({result.error})")
    return result.text


def media_item(path: Path) -> dict[str, Any]:
    """The content item of a file, by its name: a picture, or a video (gifs are videos)."""
    if path.suffix.lower() in PICTURES:
        return {"type": "image", "image": {"image_file": str(path)}}
    return {"type": "video", "video": {"video_file": str(path)}}


@contextmanager
def local(name: str) -> Iterator[Path]:
    """A file here, or what a url leads to in a temporary file.

    Raises:
        WrongUse: it is not there.
    """
    if "://" not in name:
        path = Path(name).expanduser().resolve()
        if not path.is_file():
            raise WrongUse(f"{name} is not a file")
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="longtake-") as folder:
        suffix = Path(name.split("?", maxsplit=1)[0].split("#", maxsplit=1)[0]).suffix[:8]
        path = Path(folder) / f"fetched{suffix}"
        try:
            _fetch(name, path)
        except (OSError, ValueError, ImportError) as error:
            raise WrongUse(f"{name} cannot be fetched: {error}") from error
        yield path


def _fetch(url: str, path: Path) -> None:
    if url.startswith(("http://", "https://")):
        with urllib.request.urlopen(url, timeout=_FETCH_SECONDS) as answer, path.open("wb") as file:
            _copy(answer, file)
        return
    import fsspec  # noqa: PLC0415

    opened_url: Any = fsspec.open(url, "rb")
    with opened_url as answer, path.open("wb") as file:
        _copy(answer, file)


def _copy(source: Any, file: Any) -> None:
    left = _FETCH_MOST
    while block := source.read(min(4 << 20, left + 1)):
        left -= len(block)
        if left < 0:
            raise ValueError(f"it is larger than {_FETCH_MOST >> 30} GiB")
        file.write(block)
