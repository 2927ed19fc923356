"""`curate download`, `cut` and `forget` as a person types them."""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import engine.run
from curate import cut_clips
from engine.catalogue import Catalogue
from engine.verify import verify
from media.probe import probe
from tests.curate.conftest import Ran, curate, rows, typed
from tests.curate.inline_pool import InlinePool
from tests.misbehaving_server import Server

OPTIONS = ("--allow-private-hosts", "--backoff", "0.05", "--stall", "1", "--max-attempts", "3", "--min-free-gb", "0")
HEADER = ["key", "video_id", "url", "span", "total score", "refined_caption"]


def dataset(path: Path, *asked: tuple[str, str, str]) -> Path:
    """A file of LVD-2M's form: (key, url, span)."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows([key, url.split("/", 3)[3], url, span, "21", f"caption of\n{key}"] for key, url, span in asked)
    return path


class Command:
    """`curate` in this process, its workers too. Processes are for the test that kills them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys
        monkeypatch.setenv("COLUMNS", "200")
        for module in (engine.run, cut_clips):
            monkeypatch.setattr(module, "Pool", InlinePool)

    def __call__(self, *words: str | Path) -> Ran:
        return typed(self._monkeypatch, self._capsys, *words)

    def download(self, catalogue: Path, *words: str | Path) -> Ran:
        return self("download", "-c", catalogue, *OPTIONS, "--jobs", "2", *words)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)


@pytest.fixture
def asked(server: Server, tmp_path: Path) -> Path:
    """a.mp4 has a cut at 1 s; b.mp4 and c.mp4 are the same video."""
    return dataset(
        tmp_path / "asked.csv",
        ("-../early", server.url("ok", "a.mp4"), "['0:00:00.8', '0:00:01.9']"),
        ("clean", server.url("ok", "a.mp4"), "['0:00:01', '0:00:02']"),
        ("again", server.url("ok", "a.mp4"), "['0:00:01', '0:00:02']"),
        ("b", server.url("ok", "b.mp4"), "['0:00:00.5', '0:00:01.5']"),
        ("c", server.url("ok", "c.mp4"), "['0:00:00.5', '0:00:01.6']"),
        ("behind", server.url("ok", "b.mp4"), "['0:10:00', '0:11:00']"),
        ("gone", server.url("404", "b.mp4"), "['0:00:00', '0:00:01']"),
    )


def test_a_dataset_becomes_videos_clips_and_files(asked: Path, server: Server, tmp_path: Path, command: Command):
    catalogue, out = tmp_path / "c", tmp_path / "out"
    ran = command.download(catalogue, "--csv", asked)
    assert ran.code == 0, ran.err
    assert "LVD-2M, clips of Panda-70M and InternVid; 7 requests" in ran.err
    assert len(rows(catalogue, "from videos")) == 2
    assert len(rows(catalogue, "from aliases")) == 1
    clips = {(row["start_us"], row["transition_at_start"]) for row in rows(
        catalogue, "select start_us, transition_at_start from clip where origin = 'requested'")}  # fmt: skip
    assert clips == {(800_000, True), (1_000_000, False), (500_000, False)}
    assert {row["reason"] for row in rows(catalogue, "from rejects")} == {"gone", "span_outside_video"}
    assert {row["given"] for row in rows(catalogue, "select given['refined_caption'] as given from requests")} >= {
        "caption of\nclean"
    }

    ran = command("cut", "-c", catalogue, "--out", out)
    assert ran.code == 0, ran.err
    assert sorted(path.name for path in out.glob("*.mp4")) == [
        "%2D..%2Fearly.mp4", "again.mp4", "b.mp4", "c.mp4", "clean.mp4",
    ]  # fmt: skip
    assert [probe(out / name).num_frames for name in ("%2D..%2Fearly.mp4", "clean.mp4", "b.mp4")] == [33, 30, 30]
    manifest = {row["key"]: row for row in pq.read_table(out / "manifest.parquet").to_pylist()}
    assert manifest["-../early"]["file"] == "%2D..%2Fearly.mp4"
    assert manifest["-../early"]["clean_start_us"] == 1_000_000
    assert dict(manifest["clean"]["given"])["total score"] == "21"
    times = {path: path.stat().st_mtime_ns for path in out.glob("*.mp4")}
    (out / "b.mp4").unlink()
    assert "cut: 1 files" in command("cut", "-c", catalogue, "--out", out).err
    assert all(path.stat().st_mtime_ns == at for path, at in times.items() if path.name != "b.mp4")
    assert [problem for problem in verify(Catalogue.open(catalogue)) if problem.is_error] == []


def test_a_row_that_names_a_clip_and_no_span_is_the_whole_video(server: Server, tmp_path: Path, command: Command):
    catalogue, out = tmp_path / "c", tmp_path / "out"
    columns = ["key", "url", "dataset_src", "total score"]
    with (tmp_path / "webvid.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, ["stock.1", server.url("ok", "a.mp4"), "webvid", "22"]])
    (tmp_path / "plain.txt").write_text(f"{server.url('ok', 'b.mp4')}\n", encoding="utf-8")
    ran = command.download(catalogue, "--csv", tmp_path / "webvid.csv", "--csv", tmp_path / "plain.txt")
    assert ran.code == 0, ran.err
    assert rows(catalogue, "from scans") == []  # there are no edges to look at
    assert command("scan", "-c", catalogue).code == 0
    assert command("cut", "-c", catalogue, "--out", out).code == 0
    assert [path.name for path in out.glob("*.mp4")] == ["stock.1.mp4"]
    assert probe(out / "stock.1.mp4").num_frames == 60


def test_kept_spans_are_exact_and_the_videos_go(asked: Path, server: Server, tmp_path: Path, command: Command):
    catalogue, out = tmp_path / "c", tmp_path / "out"
    ran = command.download(catalogue, "--csv", asked, "--keep", "spans")
    assert ran.code == 0, ran.err
    assert not list((catalogue / "media" / "videos").rglob("*.mp4"))
    assert len(list((catalogue / "media" / "clips").rglob("*.mp4"))) == 4
    before = len(server.asked)
    assert command.download(catalogue, "--keep", "spans").code == 0
    assert len(server.asked) == before
    assert command("cut", "-c", catalogue, "--out", out).code == 0
    assert len(list(out.glob("*.mp4"))) == 5
    assert [problem for problem in verify(Catalogue.open(catalogue)) if problem.is_error] == []


def test_a_further_span_of_a_video_that_was_let_go_brings_it_again(server: Server, tmp_path: Path, command: Command):
    catalogue = tmp_path / "c"
    url = server.url("ok", "a.mp4")
    for key, span in (("k1", "['0', '1']"), ("k2", "['1', '2']")):
        file = dataset(tmp_path / f"{key}.csv", (key, url, span))
        assert command.download(catalogue, "--csv", file, "--keep", "spans").code == 0
    assert [path for path, _ in server.asked] == ["/ok/a.mp4"] * 2
    assert len(rows(catalogue, "from clip_files")) == 2
    assert command.download(catalogue, "--keep", "spans").code == 0
    assert len(server.asked) == 2


def test_a_forgotten_video_is_gone_from_all_tables_and_never_comes_back(
    asked: Path, server: Server, tmp_path: Path, command: Command
):
    catalogue = tmp_path / "c"
    assert command.download(catalogue, "--csv", asked).code == 0
    ran = command("forget", "-c", catalogue, "--video-key", "ok/b.mp4", "--reason", "taken down")
    assert ran.code == 0, ran.out
    told = [line.split() for line in ran.out.splitlines()]
    assert {tuple(words) for words in told if words and words[0] in ("videos", "clips", "files")} == {
        ("videos", "0"), ("clips", "0"), ("files", "0")}  # fmt: skip
    assert len(list((catalogue / "media" / "videos").rglob("*.mp4"))) == 1
    assert {row["video_key"] for row in rows(catalogue, "from tombstones")} == {"ok/b.mp4", "ok/c.mp4"}
    assert {row["video_key"] for row in rows(catalogue, "from history.fetches")} == {"ok/a.mp4", "404/b.mp4"}
    assert [problem for problem in verify(Catalogue.open(catalogue)) if problem.is_error] == []

    before = len(server.asked)
    other = dataset(tmp_path / "other.csv", ("x", server.url("no_version", "b.mp4"), "['0', '1']"))
    again = command.download(catalogue, "--csv", asked, "--csv", other, "--retry")
    assert again.code == 0, again.err
    asked_now = [path for path, _ in server.asked[before:]]
    assert "/ok/b.mp4" not in asked_now
    assert "/ok/c.mp4" not in asked_now
    assert rows(catalogue, "select reason from rejects where key like '%no_version%'") == [{"reason": "forgotten"}]
    assert len(list((catalogue / "media" / "videos").rglob("*.mp4"))) == 1


def test_an_unknown_key_cannot_be_forgotten(made_catalogue: Path, command: Command):
    ran = command("forget", "-c", made_catalogue, "--video-key", "nobody")
    assert ran.code == 2
    assert "no video has the key 'nobody'" in ran.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--url", "http://127.0.0.1/a.mp4", "--backend", "wget"), "--backend wget does not exist"),
        (("--keep", "some"), "--keep some does not exist"),
        (("--columns", "url"), "--columns takes meaning=column"),
        (("--csv", "missing.csv"), "there is no file missing.csv"),
        (("--cookies", "missing"), "there is no file missing"),
        (("--proxy", "x"), "--proxy takes"),
        (("--extractor-args", "youtube"), "--extractor-args takes"),
        (("--min-height", "1080"), "--min-height 1080 is more than"),
        (("--rate", "0"), "per_hour must be > 0"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(words: tuple[str, ...], message: str, tmp_path: Path, command: Command):
    Catalogue.open(tmp_path / "c", create=True)
    ran = command("download", "-c", tmp_path / "c", *words)
    assert ran.code == 2
    assert message in ran.err


def test_a_private_address_is_a_reject_unless_allowed(server: Server, tmp_path: Path, command: Command):
    ran = command("download", "-c", tmp_path / "c", "--url", server.url("ok", "a.mp4"))
    assert ran.code == 0, ran.err
    assert "forbidden_address" in ran.err
    assert "--allow-private-hosts" in ran.err
    assert server.asked == []


def test_the_status_says_what_happened_and_what_would_help(asked: Path, tmp_path: Path, command: Command):
    assert command.download(tmp_path / "c", "--csv", asked, "--no-check").code == 0
    ran = command("download", "-c", tmp_path / "c", "--status")
    assert ran.code == 0
    assert "lvd2m_ytb" in ran.out
    assert "nothing: it was removed" in ran.out


def test_killed_again_and_again_each_video_ends_as_in_a_quiet_run(server: Server, tmp_path: Path):
    hows = ("ok", "reset_once", "404", "html", "500", "slow", "no_version", "limited", "cut_off")
    urls = [server.url(how, "a.mp4", f"?{i}") for i in range(6) for how in hows]
    listed = tmp_path / "urls.txt"
    listed.write_text("".join(f"{url}\n" for url in urls), encoding="utf-8")
    words = ("--csv", listed, "--jobs", "4")
    chance, killed = random.Random(5), tmp_path / "killed"
    for _ in range(4):
        command = [sys.executable, "-m", "curate", "download", "-c", killed, *OPTIONS, *words]
        run = subprocess.Popen(list(map(str, command)), stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(chance.uniform(0.8, 3))
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    assert curate("download", "-c", killed, *OPTIONS, *words).code == 0
    ends = {row["url"]: row["outcome"] for row in rows(
        killed, "select url, arg_max(outcome, attempt) as outcome from fetches group by url")}  # fmt: skip
    expected = {"404": "gone", "html": "not_a_video", "500": "server", "cut_off": "network"}
    assert ends == {url: expected.get(url.split("/")[3], "ok") for url in urls}
    assert len(rows(killed, "from rejects where stage = 'download'")) == 4 * 6
    assert [row["n"] for row in rows(killed, "select count(*) as n from videos")] == [1]
    assert not list((killed / "media" / "partial").glob("placed-*"))
    assert [problem for problem in verify(Catalogue.open(killed)) if problem.is_error] == []
