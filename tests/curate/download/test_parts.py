"""The small parts: classes of failure, manners, accounts, what bytes say."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from curate.download.accounts import Accounts
from curate.download.content import Boxes, container_suffix, looks_like
from curate.download.outcomes import CLASSES, of_status, of_text
from curate.download.politeness import Hosts, Manners
from engine.door import WrongUse
from schemas.tables import FETCH_OUTCOMES


def test_every_outcome_of_the_table_is_a_class_and_says_what_helps():
    assert set(CLASSES) == set(FETCH_OUTCOMES)
    assert all(kind.helps for name, kind in CLASSES.items() if name != "ok")


@pytest.mark.parametrize(
    ("message", "outcome"),
    [
        ("[youtube] x: Private video. Sign in if you've been granted access to this video", "private"),
        ("[youtube] x: Video unavailable. This video has been removed by the uploader", "gone"),
        ("[youtube] x: Sign in to confirm you’re not a bot.", "bot_check"),
        ("[youtube] x: Sign in to confirm your age. This video may be inappropriate for some users.", "age"),
        ("[youtube] x: This content isn't available, try again later.", "rate_limited"),
        ("The uploader has not made this video available in your country", "geo"),
        ("[youtube] x: Requested format is not available. Use --list-formats", "format"),
        ("[youtube] x: This live event will begin in 2 days.", "live"),
        ("n challenge solving failed: Some formats may be missing", "challenge"),
        ("Join this channel to get access to members-only content", "private"),
        ("The read operation timed out", "network"),
        ("HTTP Error 503: Service Unavailable", "server"),
        ("something that nobody has said before", None),
    ],
)  # fmt: skip
def test_a_message_tells_its_class(message: str, outcome: str | None):
    assert of_text(message) == outcome


def test_a_signed_url_expires_and_another_is_forbidden():
    assert of_status(403, "https://x.org/a.mp4?X-Amz-Expires=300") == "expired"
    assert of_status(403, "https://x.org/a.mp4?expert=1") == "forbidden"


def test_waits_double_and_never_undercut_what_the_source_asks():
    manners = Manners(backoff=2, backoff_most=10)
    assert [manners.wait_after(n, None) for n in (1, 2, 3, 4)] == [2, 4, 8, 10]
    assert manners.wait_after(1, 60.0) == 60


def test_youtube_is_asked_every_twelve_seconds_and_more_often_with_accounts():
    hosts = Hosts(Manners())
    hosts.started("youtube.com", 100.0)
    assert hosts.wait("youtube.com", 100.0) == 12  # 300 an hour
    with_accounts = Hosts(Manners(), identities=4)
    with_accounts.started("youtube.com", 100.0)
    assert with_accounts.wait("youtube.com", 100.0) == 3


def test_failures_in_a_row_close_a_host_and_a_success_forgives():
    hosts = Hosts(Manners(open_after=3, backoff=5))
    for _ in range(2):
        _attempt(hosts, "server")
    assert hosts.wait("x.org", 0.0) == 0
    _attempt(hosts, "server")
    assert hosts.wait("x.org", 0.0) == 5
    _attempt(hosts, "gone")  # that is about the video: the host answers
    for _ in range(2):
        _attempt(hosts, "server")
    assert hosts.wait("x.org", 6.0) == 0


def test_a_video_that_fails_again_closes_no_host_that_answers_but_keeps_one_closed_that_does_not():
    hosts = Hosts(Manners(open_after=3, backoff=5))
    for _ in range(9):
        hosts.started("x.org", 0.0)
        hosts.finished("x.org", 0.0, "server", None, had_failed=True)
    assert hosts.wait("x.org", 0.0) == 0
    for _ in range(3):
        _attempt(hosts, "server")
    assert hosts.wait("x.org", 0.0) == 5
    hosts.started("x.org", 5.0)
    hosts.finished("x.org", 5.0, "server", None, had_failed=True)
    assert hosts.is_on_trial("x.org")


def test_a_bot_check_closes_the_host_for_hours():
    hosts = Hosts(Manners())
    _attempt(hosts, "bot_check", host="youtube.com")
    assert hosts.left_alone_for("youtube.com", 0.0) == 6 * 3600


def test_a_host_that_complains_is_asked_more_slowly_until_it_stops():
    hosts = Hosts(Manners(open_after=100))
    for _ in range(4):
        _attempt(hosts, "rate_limited")
    hosts.started("x.org", 0.0)
    assert hosts.wait("x.org", 0.0) == pytest.approx(0.16)  # 0.02, doubled three times
    hosts.finished("x.org", 0.0, "ok", None)
    hosts.started("x.org", 1.0)
    assert hosts.wait("x.org", 1.0) == pytest.approx(0.128)


def _attempt(hosts: Hosts, outcome: str, host: str = "x.org") -> None:
    hosts.started(host, 0.0)
    hosts.finished(host, 0.0, outcome, None)


def test_accounts_take_turns_one_worker_each_and_rest(tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text("# Netscape HTTP Cookie File\n", encoding="utf-8")
    accounts = Accounts.of(tmp_path)
    first, second = accounts.lease(0.0), accounts.lease(0.0)
    assert [path.name for path in (first, second) if path] == ["a.txt", "b.txt"]
    assert accounts.lease(0.0) is None
    accounts.give_back(first, 0.0, rest_s=60)
    accounts.give_back(second, 0.0)
    assert accounts.lease(1.0) == second
    accounts.give_back(second, 1.0)
    assert [accounts.lease(61.0), accounts.lease(61.0)] == [first, second]


def test_what_is_no_cookie_file_is_refused(tmp_path: Path):
    (tmp_path / "a.txt").write_text("password", encoding="utf-8")
    with pytest.raises(WrongUse, match="Netscape"):
        Accounts.of(tmp_path)
    with pytest.raises(WrongUse, match=r"no \*\.txt"):
        Accounts.of(Path(tmp_path / "a.txt").parent / "..")


@pytest.mark.parametrize(
    ("head", "suffix"),
    [
        (b"\0\0\0\x20ftypisom", ".mp4"), (b"\0\0\0\x14ftypqt  ", ".mov"), (b"\x1a\x45\xdf\xa3....webm", ".webm"),
        (b"\x1a\x45\xdf\xa3....matroska", ".mkv"), (b"RIFF....AVI ", ".avi"), (b"RIFF....WAVE", None),
        (b"<!doctype html>", None), (b"\x7fELF", None), (b"PK\x03\x04", None),
        ((b"\x47" + bytes(187)) * 2 + b"\x47", ".ts"),
    ],
)  # fmt: skip
def test_a_container_is_known_by_its_first_bytes(head: bytes, suffix: str | None):
    assert container_suffix(head) == suffix


@pytest.mark.parametrize(
    ("head", "said"),
    [(b" \n<HTML>", "an html page"), (b'{"a":1}', "json"), (b"\0\1", "no video container")],
)
def test_what_is_no_video_is_named(head: bytes, said: str):
    assert looks_like(head) == said


MP4 = struct.pack(">I4s8x", 16, b"ftyp") + struct.pack(">I4s", 8, b"free") + struct.pack(">I4s92x", 100, b"mdat")


@pytest.mark.parametrize(
    ("content", "missing"),
    [
        (MP4, 0), (MP4[:-30], 30), (MP4[:30], 0), (MP4[:32], 92), (b"", 0),
        (MP4 + struct.pack(">I4sQ", 1, b"mdat", 5 << 30), (5 << 30) - 16),
        (MP4 + struct.pack(">I4s", 1, b"mdat"), 0),  # its length does not stand there yet
        (MP4 + struct.pack(">I4s40x", 0, b"mdat"), 0),  # it reaches to the end
        (MP4 + b"\0\0\0\x09\xff\xff\xff\xff", 0), (MP4 + bytes(40), 0), (b"RIFF\xff\xff\xff\xffAVI LIST", 0),
    ],
)  # fmt: skip
def test_an_mp4_that_lacks_its_end_says_how_much_in_whatever_pieces_it_comes(content: bytes, missing: int):
    for size in (1, 7, 16, 17, 1000):
        boxes = Boxes()
        for at in range(0, len(content), size):
            boxes.feed(content[at : at + size])
        assert boxes.missing_bytes == missing, size
