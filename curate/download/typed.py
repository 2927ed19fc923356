"""What a person typed after `curate download`, as settings."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from curate.commands import effort_of as effort_with_jobs
from curate.download.accounts import Accounts
from curate.download.backend import GB, Settings
from curate.download.commands import Wish, download
from curate.download.politeness import Manners
from curate.download.stage import Job
from curate.download.status import show_status
from curate.formats.ingest import Reading
from curate.show import say
from curate.stages import Effort
from engine.door import WrongUse

__all__ = ["download", "effort_of", "job_of", "reading_of", "settings_of", "show_status", "wish_of"]

_ARGUMENT = re.compile(r"^([A-Za-z0-9_+\-]+):(.+)$")


def reading_of(dataset: str | None, columns: str | None, base_url: str | None) -> Reading:
    """How the files are to be read.

    Raises:
        WrongUse: `columns` is not of the form meaning=column,…
    """
    named = dict[str, str]()
    for pair in (columns or "").split(","):
        if not pair.strip():
            continue
        meaning, equals, column = pair.partition("=")
        if not equals or not column.strip():
            raise WrongUse(f"--columns takes meaning=column,…, for example url=link,start=from,end=to; got {pair!r}")
        named[meaning.strip()] = column.strip()
    if base_url is not None and not re.match(r"(?i)^https?://", base_url):
        raise WrongUse(f"--base-url must begin with http:// or https://, got {base_url!r}")
    return Reading(dataset, named, base_url)


def wish_of(
    files: Sequence[str], urls: Sequence[str], reading: Reading, backend: str, keep: str, *, check: bool
) -> Wish:
    return Wish([Path(file).expanduser() for file in files], urls, reading, backend, keep, check)


def settings_of(
    max_height: int,
    min_height: int | None,
    proxy: str | None,
    extractor_args: Sequence[str],
    max_gb: float,
    stall: float,
    min_free_gb: float,
    *,
    allow_private: bool,
    sections: bool,
) -> Settings:
    """Settings of backends.

    Raises:
        WrongUse: an extractor argument or the proxy cannot be read.
    """
    if proxy is not None and not re.match(r"(?i)^(https?|socks[45][ah]?)://[^/]", proxy):
        raise WrongUse(f"--proxy takes an http, https, socks4 or socks5 url, got {proxy!r}")
    if sections and shutil.which("ffmpeg") is None:
        raise WrongUse("--sections needs ffmpeg, which is not on the PATH. Without it whole videos are fetched")
    if sections:
        say(
            "--sections: ffmpeg fetches and encodes again: about 32 KB/s on long videos of YouTube, and its connections"
        )
        say("  are not checked for private addresses. Whole videos are the better way.")
    if min_height is not None and min_height > max_height:
        raise WrongUse(f"--min-height {min_height} is more than --max-height {max_height}")
    return Settings(
        max_height, min_height, allow_private, proxy, _extractor_args(extractor_args), sections, int(max_gb * GB),
        stall_s=stall, min_free_bytes=int(min_free_gb * GB),
    )  # fmt: skip


def _extractor_args(typed: Sequence[str]) -> dict[str, dict[str, list[str]]]:
    """As yt-dlp's own option: `youtube:po_token=a,b;fetch_pot=always`."""
    found: dict[str, dict[str, list[str]]] = {}
    for text in typed:
        match = _ARGUMENT.match(text)
        pairs = [pair.partition("=") for pair in match[2].split(";")] if match else []
        if match is None or any(not name.strip() or not equals for name, equals, _ in pairs):
            raise WrongUse(f"--extractor-args takes EXTRACTOR:NAME=VALUE[;NAME=VALUE], got {text!r}")
        into = found.setdefault(match[1].lower(), {})
        for name, _, values in pairs:
            split = re.split(r"(?<!\\),", values)
            into[name.strip().lower().replace("-", "_")] = [value.replace("\\,", ",").strip() for value in split]
    return found


def job_of(
    settings: Settings,
    cookies: str | None,
    rate: float | None,
    backoff: float,
    patience: float,
    max_attempts: int,
    jobs: int,
) -> Job:
    """The job of one run.

    Raises:
        WrongUse: a value is out of range, or the cookies are none.
    """
    try:
        manners = Manners(rate, per_host=max(jobs, 1), backoff=backoff, patience=patience)
    except ValueError as error:
        raise WrongUse(str(error)) from error
    return Job(settings, manners, Accounts.of(Path(cookies).expanduser() if cookies else None), max_attempts, jobs)


def effort_of(limit: int | None, shard: str | None, *, retry: bool) -> Effort:
    return effort_with_jobs(None, limit, shard, retry=retry)
