"""Decoded frames on a local disk, so that a second epoch decodes nothing.

A file a sample, safetensors, named by everything that the frames depend on; it appears whole or not at all. Once the
cap is reached nothing more is kept: every sample comes once an epoch, so throwing the oldest away would miss each time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from model.processors.tarsier1_frames import SquareFrames
from model.processors.tarsier2_frames import MediaFrames

Media = list[MediaFrames] | SquareFrames


class FrameCache:
    """folder: made if it is not there. max_bytes: of all its files."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        if max_bytes < 1:
            raise ValueError(f"max_bytes must be >= 1, got {max_bytes}. Leave the cache out instead.")
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._left = max_bytes - sum(file.stat().st_size for file in folder.iterdir())

    def get(self, key: str) -> Media | None:
        """The frames kept under a key. A file that is damaged is removed and counts as missing."""
        from safetensors import SafetensorError, safe_open  # noqa: PLC0415

        path = self._path(key)
        try:
            with safe_open(path, framework="numpy") as file:
                facts = json.loads(file.metadata()["media"])
                frames = [file.get_tensor(str(number)) for number in range(len(facts["items"]))]
        except FileNotFoundError:
            return None
        except (SafetensorError, KeyError, TypeError, ValueError):
            path.unlink(missing_ok=True)
            return None
        if facts["family"] == "tarsier1":
            return SquareFrames(frames[0], *(tuple(facts["items"][0][name]) for name in _SQUARE))
        return [_media(own, item) for own, item in zip(frames, facts["items"], strict=True)]

    def put(self, key: str, media: Media) -> None:
        """Keeps frames if there is room; a full disk is no error, for the cache is no result."""
        from safetensors.numpy import save  # noqa: PLC0415

        if isinstance(media, SquareFrames):
            items = [{name: getattr(media, name) for name in _SQUARE}]
            arrays, family = [media.pixels], "tarsier1"
        else:
            items = [{**asdict(one), "frames": None} for one in media]
            arrays, family = [one.frames for one in media], "tarsier2"
        facts = json.dumps({"family": family, "items": items})
        data = save({str(n): np.ascontiguousarray(one) for n, one in enumerate(arrays)}, metadata={"media": facts})
        if len(data) > self._left:
            return
        part = self._folder / f".{key}.{os.getpid()}.part"
        try:
            part.write_bytes(data)
            part.replace(self._path(key))
        except OSError:
            part.unlink(missing_ok=True)
            return
        self._left -= len(data)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.safetensors"


_SQUARE = ("num_frames", "indices", "times_us")


def media_key(items: Sequence[Mapping[str, Any]], root: Path, settings: Any, rules: Any) -> str | None:
    """A name for the frames of these media items; None where they lie in memory. A changed file has another name."""
    seen: list[Any] = [asdict(settings), asdict(rules)]
    for item in items:
        if "frames" in item:
            return None
        names = item.get("video_file", item.get("image_file"))
        for name in names if isinstance(names, list | tuple) else [names]:
            path = root / str(name)
            if not path.is_file():
                return None
            stat = path.stat()
            seen.append([str(path), stat.st_size, stat.st_mtime_ns])
        seen.append(dict(item))
    return blake2b(json.dumps(seen, default=str, sort_keys=True).encode(), digest_size=16).hexdigest()


def cached(cache: FrameCache | None, key: str | None, make: Callable[[], Media]) -> Media:
    """The frames under a key, made and kept where they are not there."""
    if cache is None or key is None:
        return make()
    known = cache.get(key)
    if known is None:
        known = make()
        cache.put(key, known)
    return known


def _media(frames: Any, item: Mapping[str, Any]) -> MediaFrames:
    return MediaFrames(
        item["kind"], frames, item["doubled"], tuple(item["grid"]), tuple(map(tuple, item["first_sizes"])),
        tuple(item["indices"]), tuple(item["times_us"]), tuple(item["dropped"]),
    )  # fmt: skip
