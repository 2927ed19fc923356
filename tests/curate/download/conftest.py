"""A server of small videos, and a catalogue that asks for some of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from curate.download.backend import Settings
from curate.download.choose import Chooser
from curate.download.due import Asking, fingerprint
from curate.download.politeness import Manners
from curate.download.stage import Job, Report, count_due, fetch_all
from curate.formats.ingest import Reading, ingest
from engine.catalogue import Catalogue, now
from tests.conftest import MadeVideos
from tests.misbehaving_server import Server, serving

OPEN = Settings(allow_private=True, stall_s=1, min_free_bytes=0)
QUICK = Manners(backoff=0.05, open_after=1000)


@pytest.fixture(scope="session")
def served_videos(make_video: MadeVideos, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three videos: a.mp4 has a cut at 1 s, b.mp4 none, c.mp4 is b.mp4 again."""
    folder = tmp_path_factory.mktemp("served")
    shutil.copy(make_video(scenes=[("natural:1", 30), ("city:2", 30)], fps=30), folder / "a.mp4")
    shutil.copy(make_video(scenes=[("city:3", 60)], fps=30), folder / "b.mp4")
    shutil.copy(folder / "b.mp4", folder / "c.mp4")
    return folder


@pytest.fixture
def server(served_videos: Path) -> Iterator[Server]:
    with serving(served_videos) as running:
        yield running


def asked_for(catalogue: Path, urls: list[str]) -> Catalogue:
    """A catalogue that asks for these urls."""
    catalogue.mkdir(parents=True, exist_ok=True)
    opened = Catalogue.open(catalogue, create=True)
    listed = catalogue.parent / f"{catalogue.name}.txt"
    listed.write_text("".join(f"{url}\n" for url in urls), encoding="utf-8")
    ingest(opened, listed, Reading())
    return opened


def fetched(
    catalogue: Catalogue, settings: Settings = OPEN, manners: Manners = QUICK, attempts: int = 3, *, retry: bool = False
) -> Report:
    """Fetch what is due, in this process."""
    job = Job(settings, manners, max_attempts=attempts, threads=4)
    asking = Asking(fingerprint(settings), attempts, now(), manners.patience, retry=retry)
    total = count_due(catalogue, asking)
    return fetch_all(catalogue, job, asking, Chooser("http", settings, 4), total=total, show=lambda tally: None)


def outcomes(catalogue: Catalogue) -> dict[str, list[str]]:
    """How the attempts of each video ended, in order; videos by the last part of their url's path before the file."""
    with catalogue.connect() as connection:
        rows = connection.execute("select url, outcome from fetches order by video_key, attempt").fetchall()
    found: dict[str, list[str]] = {}
    for url, outcome in rows:
        found.setdefault(url.split("/")[3], []).append(outcome)
    return found
