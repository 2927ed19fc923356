"""Which backend brings which url."""

from __future__ import annotations

import threading
from functools import partial
from importlib import import_module
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from curate.download.apart import Apart
from curate.download.backend import Backend, Fetched, Settings, Target
from curate.download.receivers import MOST_PROCESSES, Receivers
from curate.download.safety import host_of
from curate.sources import VIDEO_SUFFIXES
from engine.catalogue import tool_version
from engine.door import WrongUse
from engine.run import default_jobs

BACKENDS = ("auto", "http", "yt-dlp", "pytube")
_YTDLP = "curate.download.ytdlp"
"""By name: loading it loads yt-dlp, which not every command needs and not everybody has."""
SILENT_SECONDS = 180.0
"""A page may take minutes: YouTube's needs several requests, each tried again, and a JavaScript runtime."""
INSTALL = "pip install 'longtake[youtube]'"


class Chooser:
    """The backend for a url, each made once. `auto`: a file's url goes to http, a page that yt-dlp knows to yt-dlp.
    `jobs`: videos at once, and so the most processes that receive.

    Raises:
        WrongUse: there is no such backend, or it is not installed.
    """

    def __init__(self, name: str, settings: Settings, jobs: int) -> None:
        if name not in BACKENDS:
            raise WrongUse(f"--backend {name} does not exist. Allowed: {', '.join(BACKENDS)}")
        self._name, self._settings, self._lock = name, settings, threading.Lock()
        self._jobs, self._made = jobs, dict[str, Backend]()
        self._backend("http" if name == "auto" else name)  # its processes start while files are read

    def __call__(self, url: str) -> Backend:
        return self._backend(self._named(url) if self._name == "auto" else self._name)

    def _named(self, url: str) -> str:
        try:
            host = host_of(url)
        except ValueError:
            return "http"
        if host == "youtube.com":
            return "yt-dlp"
        if PurePosixPath(urlsplit(url).path).suffix.lower() in VIDEO_SUFFIXES:
            return "http"
        try:
            knows = import_module(_YTDLP).has_extractor_for
        except ImportError:
            return "http"
        return "yt-dlp" if knows(url) else "http"

    def _backend(self, name: str) -> Backend:
        with self._lock:
            if name not in self._made:
                self._made[name] = self._make(name)
            return self._made[name]

    def _make(self, name: str) -> Backend:
        if name == "http":
            count = min(self._jobs, default_jobs(), MOST_PROCESSES)
            return Receivers(self._settings, f"longtake/{tool_version()}", processes=count)
        try:
            kind = import_module(_YTDLP).YtDlp if name == "yt-dlp" else _pytube()
        except ImportError as error:
            if self._name != "auto":
                raise WrongUse(f"--backend {name}: {error}. Install it: {INSTALL}") from error
            return Missing(name)
        s = self._settings
        silent_s = max(SILENT_SECONDS, 4 * s.stall_s)
        return Apart(name, partial(kind, s), silent_s=silent_s, guarded=not (s.allow_private or s.proxy))


def _pytube() -> type[Backend]:
    from curate.download import pytube  # noqa: PLC0415

    pytube.installed()
    return pytube.Pytube


class Missing:
    """Stands for a backend that is not installed: the run ends and says what to install."""

    def __init__(self, name: str) -> None:
        self.name = name

    def fetch(self, target: Target) -> Fetched:
        return Fetched("challenge", f"{target.url} needs {self.name}, which is not installed: {INSTALL}")
