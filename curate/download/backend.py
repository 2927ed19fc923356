"""What a backend is: it brings one video into a partial file and says how that ended."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

GB = 1_000_000_000


@dataclass(frozen=True)
class Settings:
    """What may be fetched, and how.

    max_height: the wanted height in pixels, of an upright video its width: what is nearest below it is taken; None: the
    highest. min_height: what is lower is not taken at all. allow_private: addresses that are not public as well.
    proxy: url of one. extractor_args: yt-dlp's, by extractor: how PO-token plugins are told what they need.
    sections: only the asked spans (yt-dlp). max_bytes, max_seconds: of one video. stall_s: longest time without
    progress.
    min_free_bytes: what stays free on the disk.
    """

    max_height: int | None = 720
    min_height: int | None = None
    allow_private: bool = False
    proxy: str | None = None
    extractor_args: Mapping[str, Mapping[str, list[str]]] = field(default_factory=dict)
    sections: bool = False
    max_bytes: int = 20 * GB
    max_seconds: float = 6 * 3600.0
    stall_s: float = 60.0
    min_free_bytes: int = GB

    @property
    def decisive(self) -> dict[str, object]:
        """What a permanent failure may hang on."""
        names = ("max_height", "min_height", "allow_private", "proxy", "extractor_args", "sections", "max_bytes")
        return {name: getattr(self, name) for name in names}


class Never:
    """A stop that never comes."""

    def is_set(self) -> bool:
        return False


NEVER = Never()


def nothing() -> None:
    """A beat that nobody hears."""


class Stop(Protocol):
    """Whether the run ends; a `threading.Event` is one."""

    def is_set(self) -> bool: ...


@dataclass(frozen=True)
class Target:
    """One video to fetch: its url, and the partial file beside which a backend may keep its own notes.

    `spans`: asked spans in microseconds, for `sections`. `stop` is set when the run ends: give up soon. `beat` is to be
    called wherever there is progress, by backends that run in a process of their own.
    """

    video_key: str
    url: str
    partial: Path
    cookies: Path | None = None
    spans: tuple[tuple[int, int], ...] = ()
    stop: Stop = NEVER
    beat: Callable[[], None] = nothing


@dataclass(frozen=True)
class Fetched:
    """How an attempt ended; where `outcome` is ok, the whole video is `path`.

    `video_id`: what its content makes it, `size`: its bytes, `suffix`: its container's, each if it is known.
    """

    outcome: str
    message: str | None = None
    path: Path | None = None
    video_id: str | None = None
    http_status: int | None = None
    bytes: int = 0
    retry_after: float | None = None
    etag: str | None = None
    section_start_us: int | None = None
    format: str | None = None
    title: str | None = None
    licence: str | None = None
    uploader: str | None = None
    suffix: str | None = None
    size: int | None = None

    def but(self, outcome: str, message: str) -> Fetched:
        """The same attempt, judged otherwise."""
        return replace(self, outcome=outcome, message=message, path=None)


Done = Callable[[Fetched | BaseException], None]


class Backend(Protocol):
    """`fetch` runs in one of many threads at a time and raises nothing that it can name."""

    name: str

    def fetch(self, target: Target) -> Fetched: ...


class ManyAtOnce(ABC):
    """A backend that needs no thread for each fetch."""

    @abstractmethod
    def start(self, fetches: Sequence[tuple[Target, Done]]) -> None:
        """Begin fetches. Each `done` is called with what came of it or what it raised, in a thread that others of them
        wait for."""
