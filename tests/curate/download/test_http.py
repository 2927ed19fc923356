"""Fetching direct urls from a server that misbehaves in every way that real ones do."""

from __future__ import annotations

import resource
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from curate.download.backend import Fetched, Target
from curate.download.http import Http
from tests.curate.download.conftest import OPEN
from tests.misbehaving_server import Server


@pytest.fixture
def http() -> Http:
    return Http(OPEN)


def fetch(http: Http, url: str, folder: Path) -> Fetched:
    return http.fetch(Target("key", url, folder / "x.part"))


@pytest.mark.parametrize("how", ["ok", "no_version", "no_ranges", "slow", "redirect", "reset_once", "changing"])
def test_a_whole_video_is_the_servers_bytes_however_often_the_connection_broke(
    how: str, http: Http, server: Server, tmp_path: Path
):
    attempts = [fetch(http, server.url(how, "a.mp4"), tmp_path)]
    if attempts[-1].outcome == "network":
        attempts.append(fetch(http, server.url(how, "a.mp4"), tmp_path))
    assert attempts[-1].outcome == "ok"
    assert (tmp_path / "x.part").read_bytes() == (server.folder / "a.mp4").read_bytes()


def test_a_partial_file_goes_on_where_it_stopped(http: Http, server: Server, tmp_path: Path):
    size = (server.folder / "a.mp4").stat().st_size
    assert fetch(http, server.url("reset_once", "a.mp4"), tmp_path).outcome == "network"
    again = fetch(http, server.url("reset_once", "a.mp4"), tmp_path)
    assert (again.outcome, again.bytes) == ("ok", size - size // 2)
    assert server.asked[-1][1] == f"bytes={size // 2}-"


def test_a_part_of_another_url_is_not_gone_on_with_and_leaves_no_note(http: Http, server: Server, tmp_path: Path):
    assert fetch(http, server.url("reset_once", "a.mp4"), tmp_path).outcome == "network"
    assert (tmp_path / "x.json").exists()
    other = fetch(http, server.url("ok", "a.mp4"), tmp_path)
    assert (other.outcome, other.bytes) == ("ok", (server.folder / "a.mp4").stat().st_size)
    assert not (tmp_path / "x.json").exists()


def test_a_file_that_changed_meanwhile_is_fetched_anew(http: Http, server: Server, tmp_path: Path):
    assert fetch(http, server.url("changing", "a.mp4"), tmp_path).outcome == "network"
    again = fetch(http, server.url("changing", "a.mp4"), tmp_path)
    assert (again.outcome, again.http_status) == ("ok", 200)


def test_where_no_version_is_named_the_last_bytes_are_compared(http: Http, server: Server, tmp_path: Path):
    assert fetch(http, server.url("no_version", "a.mp4"), tmp_path).outcome == "network"
    partial = tmp_path / "x.part"
    partial.write_bytes(partial.read_bytes()[:-1] + b"?")  # what is there is of another version
    assert fetch(http, server.url("no_version", "a.mp4"), tmp_path).outcome == "ok"
    assert partial.read_bytes() == (server.folder / "a.mp4").read_bytes()


@pytest.mark.parametrize(
    ("how", "outcome"),
    [
        ("401", "login"), ("403", "forbidden"), ("404", "gone"), ("410", "gone"), ("451", "geo"), ("500", "server"),
        ("503", "server"), ("429", "rate_limited"), ("expired", "expired"), ("html", "not_a_video"),
        ("empty", "not_a_video"), ("loop", "unsupported"), ("to_file", "bad_url"), ("reset", "network"),
        ("stalls", "network"), ("too_long", "network"), ("cut_off", "network"),
    ],
)  # fmt: skip
def test_what_goes_wrong_has_a_class(how: str, outcome: str, http: Http, server: Server, tmp_path: Path):
    assert fetch(http, server.url(how, "a.mp4"), tmp_path).outcome == outcome


def test_a_403_of_a_signed_url_is_expired(http: Http, server: Server, tmp_path: Path):
    assert fetch(http, server.url("403", "a.mp4", "?Expires=1700000000&Signature=x"), tmp_path).outcome == "expired"


def test_retry_after_is_kept(http: Http, server: Server, tmp_path: Path):
    assert fetch(http, server.url("limited", "a.mp4"), tmp_path).retry_after == 1.0


def test_a_page_is_stopped_at_its_first_bytes_and_leaves_nothing(http: Http, server: Server, tmp_path: Path):
    told = fetch(http, server.url("html", "a.mp4"), tmp_path)
    assert told.message == "it is an html page, by its first bytes"
    assert list(tmp_path.iterdir()) == []


def test_more_bytes_than_allowed_are_not_fetched(server: Server, tmp_path: Path):
    told = fetch(Http(replace(OPEN, max_bytes=1000)), server.url("ok", "a.mp4"), tmp_path)
    assert told.outcome == "too_large"
    assert told.bytes == 0


def test_nothing_is_written_below_the_floor_of_free_disk(server: Server, tmp_path: Path):
    told = fetch(Http(replace(OPEN, min_free_bytes=1 << 62)), server.url("ok", "a.mp4"), tmp_path)
    assert (told.outcome, told.bytes) == ("disk", 0)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/y.mp4", "http://", "http://a b/c", "http://x:99999/y"])
def test_what_is_no_web_url_is_not_asked_for(url: str, http: Http, tmp_path: Path):
    assert fetch(http, url, tmp_path).outcome == "bad_url"


def test_a_private_address_is_not_connected_to(server: Server, tmp_path: Path):
    told = fetch(Http(replace(OPEN, allow_private=False)), server.url("ok", "a.mp4"), tmp_path)
    assert told.outcome == "forbidden_address"
    assert server.asked == []


def test_a_name_is_judged_by_the_address_that_it_resolves_to(server: Server, tmp_path: Path):
    url = server.url("ok", "a.mp4").replace("127.0.0.1", "localhost")
    assert fetch(Http(replace(OPEN, allow_private=False)), url, tmp_path).outcome == "forbidden_address"
    assert server.asked == []


def test_a_redirect_to_a_private_address_is_not_followed(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from curate.download import receive  # noqa: PLC0415

    # The first address counts as public here; localhost, to which it redirects, may resolve to it too: so it is named.
    seen = list[str]()

    def public_once(address: str) -> bool:
        seen.append(address)
        return len(seen) == 1

    monkeypatch.setattr(receive, "is_public", public_once)
    told = fetch(Http(replace(OPEN, allow_private=False)), server.url("to_private", "a.mp4"), tmp_path)
    assert told.outcome == "forbidden_address"
    assert [path for path, _ in server.asked] == ["/to_private/a.mp4"]


def test_an_ended_run_ends_a_transfer_at_once(server: Server, tmp_path: Path):
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    http, began = Http(replace(OPEN, stall_s=60)), time.monotonic()
    told = http.fetch(Target("key", server.url("stalls", "a.mp4"), tmp_path / "x.part", stop=stop))
    assert (told.outcome, told.message) == ("network", "the run ended")
    assert time.monotonic() - began < 20
    assert http.fetch(Target("key", server.url("ok", "a.mp4"), tmp_path / "x.part", stop=stop)).bytes == 0


def test_a_disk_that_is_full_ends_a_transfer(http: Http, server: Server, tmp_path: Path):
    full = tmp_path / "x.part"
    full.symlink_to("/dev/full")
    with pytest.raises(OSError, match="symbolic"):  # never through a link
        fetch(http, server.url("ok", "a.mp4"), tmp_path)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    full.unlink()
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
    try:
        told = fetch(http, server.url("ok", "a.mp4"), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, before)
    assert told.outcome == "disk"
