"""Ids come from content: the bytes of a video, the span of a clip, the settings of a stage."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from hashlib import blake2b
from typing import Any, BinaryIO

from blake3 import blake3

VIDEO_ID_LENGTH = 32
READ_BYTES = 4 << 20


class VideoHash:
    """The hash of a video file's bytes as they come: BLAKE3, a quarter of SHA-256's time (docs/log.md)."""

    def __init__(self) -> None:
        self._hash = blake3()
        self.update = self._hash.update

    def video_id(self) -> str:
        """The first 32 hex digits: 128 bits."""
        return self._hash.hexdigest()[:VIDEO_ID_LENGTH]


def video_id_of(file: BinaryIO, beat: Callable[[], None] = lambda: None) -> tuple[str, int]:
    """Id of a video file by its content, and its size in bytes. `beat` is called after each block of 4 MiB."""
    digest, num_bytes = VideoHash(), 0
    while block := file.read(READ_BYTES):
        digest.update(block)
        num_bytes += len(block)
        beat()
    return digest.video_id(), num_bytes


def clip_id_of(video_id: str, start_us: int, end_us: int) -> str:
    """Id of the clip `[start_us, end_us)` of a video: `<video_id>_<start_us>_<end_us>`.

    Raises:
        ValueError: the span is empty or starts before the video does.
    """
    if not 0 <= start_us < end_us:
        raise ValueError(f"a clip needs 0 <= start_us < end_us, got [{start_us}, {end_us})")
    return f"{video_id}_{start_us}_{end_us}"


def content_id(*parts: str | int | float | None) -> str:
    """Id of a row that is known by its parts: 128 bits of BLAKE2b over their JSON, as 32 hex digits."""
    return blake2b(json.dumps(parts, ensure_ascii=False).encode(), digest_size=16).hexdigest()


def fingerprint_of(stage: str, version: int, settings: Any = None, weights: Iterable[str] = ()) -> str:
    """What a row depends on beside its input: 16 hex digits over stage, version, settings and weights identity.

    `settings` is a frozen dataclass, a mapping or None. Two runs share a fingerprint exactly if they would write
    the same rows.
    """
    plain = asdict(settings) if is_dataclass(settings) and not isinstance(settings, type) else settings
    text = json.dumps([stage, version, _canonical(plain), sorted(weights)], ensure_ascii=False)
    return blake2b(text.encode(), digest_size=8).hexdigest()


def _canonical(value: Any) -> Any:
    """A JSON value that does not depend on the order of a mapping's keys or of a set."""
    if isinstance(value, Mapping):
        return {str(k): _canonical(v) for k, v in sorted(value.items(), key=lambda item: str(item[0]))}
    if isinstance(value, set | frozenset):
        return sorted(_canonical(v) for v in value)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_canonical(v) for v in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)
