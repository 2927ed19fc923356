"""Real engines: a tiny checkpoint in this process, and a server on this machine that misbehaves."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

pytest.importorskip("torch", reason="the extra `model` is not installed")

from engine.catalogue import Catalogue
from engine.run import FLUSH_OUTCOMES
from recaption import cli
from tests.conftest import REPO, MadeVideos
from tests.model import tiny
from tests.model.server import Reply, Server, good, serving, text_of
from tests.recaption.conftest import add_video, rows_of, sentence

WORDS = ("light", "roof", "window", "wheel", "corner", "water", "hand", "tree", "table", "shadow", "road", "stone")
TEXTS = "select clip_id, kind, segment, sample, text, output_ids from captions order by all"


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.tarsier2(tmp_path_factory.mktemp("tiny") / "tarsier2", template=True)


@pytest.fixture
def videos(make_video: MadeVideos, tmp_path: Path) -> Catalogue:
    """Nine clips of different lengths out of two videos."""
    catalogue = Catalogue.open(tmp_path / "catalogue", create=True)
    first = make_video(scenes=[("natural:1", 20), ("city:2", 20)], fps=10, size=(64, 48))
    second = make_video(scenes=[("city:3", 30)], fps=10, size=(48, 64))
    add_video(catalogue, first, [(0, 1), (1, 2.5), (2.5, 4), (0.5, 3)])
    add_video(catalogue, second, [(0, 0.4), (0.4, 1), (1, 2), (2, 3), (0, 3)])
    return catalogue


@pytest.fixture
def with_a_broken_one(videos: Catalogue, short_video: Path, tmp_path: Path) -> Catalogue:
    """The same, and a clip of a file that is no video any more."""
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(short_video.read_bytes())
    add_video(videos, broken, [(0, 1)])
    broken.write_bytes(b"no video")
    return videos


def recaption(*words: object) -> Any:
    """Run the command in this process; its door as well."""
    return CliRunner().invoke(cli.app, [str(word) for word in words], catch_exceptions=False)


def run_tiny(catalogue: Catalogue, checkpoint: Path, *more: object) -> Any:
    return recaption(
        "run", "-c", catalogue.url, "--model", checkpoint, "--frames", 4, "--max-new-tokens", 8, "--workers", 0, *more
    )


def test_greedy_texts_do_not_depend_on_batch_order_or_shard(
    videos: Catalogue, checkpoint: Path, tmp_path: Path
) -> None:
    import shutil  # noqa: PLC0415

    other = tmp_path / "other"
    shutil.copytree(videos.url, other)
    assert run_tiny(videos, checkpoint, "--rows", 7).exit_code == 0
    for index in (1, 0):
        assert run_tiny(Catalogue.open(other), checkpoint, "--rows", 1, "--shard", f"{index}/2").exit_code == 0
    texts = rows_of(videos, TEXTS)
    assert len(texts) == 9
    assert texts == rows_of(Catalogue.open(other), TEXTS)
    assert len({row["text"] for row in texts}) > 1


def test_an_unreadable_video_is_a_reject_and_the_run_goes_on(with_a_broken_one: Catalogue, checkpoint: Path) -> None:
    done = run_tiny(with_a_broken_one, checkpoint)
    assert done.exit_code == 0
    (reject,) = rows_of(with_a_broken_one, "from rejects")
    assert (reject["video_key"], reject["reason"], reject["permanent"]) == ("broken.mp4", "bad_media", True)
    assert "broken.mp4 · bad_media" in done.stderr
    assert "gates are off" in done.stderr
    assert "caption: nothing to do" in run_tiny(with_a_broken_one, checkpoint).stderr


def test_rows_hold_ids_of_tokens_and_of_the_likeliest_ones(videos: Catalogue, checkpoint: Path) -> None:
    assert run_tiny(videos, checkpoint, "--top-logprobs", 3, "--limit", 1).exit_code == 0
    (row,) = rows_of(videos, "from captions")
    assert len(row["output_ids"]) == row["output_tokens"] == len(row["top_ids"]) == len(row["top_logprobs"])
    assert all(len(ids) == 3 for ids in row["top_ids"])
    assert [ids[0] for ids in row["top_ids"]] == row["output_ids"]  # greedy: the likeliest was written
    assert all(a >= b for values in row["top_logprobs"] for a, b in pairwise(values))
    assert json.loads(row["settings"])["dtype"] == "float32"
    assert row["vision_tokens"] > 0


def test_frames_lie_within_the_clip(videos: Catalogue, checkpoint: Path) -> None:
    run_tiny(videos, checkpoint)
    rows = rows_of(videos, "select frame_times_us, start_us, end_us from caption")
    assert len(rows) == 9
    assert all(row["start_us"] <= time < row["end_us"] for row in rows for time in row["frame_times_us"])


def test_describe_prints_the_text_alone(make_video: MadeVideos, checkpoint: Path) -> None:
    video = make_video()
    done = recaption("describe", video, "--model", checkpoint, "--frames", 2, "--max-new-tokens", 6)
    assert done.exit_code == 0
    assert len(done.stdout.strip()) > 0
    assert done.stderr == ""


def test_a_grid_and_a_refiner_run_through_a_real_network(videos: Catalogue, checkpoint: Path) -> None:
    done = recaption(
        "run", "-c", videos.url, "--model", checkpoint, "--recipe", "lvd2m", "--max-new-tokens", 8, "--workers", 0,
        "--limit", 2,
    )  # fmt: skip
    assert done.exit_code == 0
    kinds = {row["kind"]: row["n"] for row in rows_of(videos, "select kind, count(*) as n from captions group by kind")}
    assert kinds == {"segment": 2, "raw": 2, "refined": 2, "rewritten": 2}
    (row,) = rows_of(videos, "from captions where kind = 'segment' order by clip_id limit 1")
    assert len(row["frame_times_us"]) == 6


@pytest.fixture
def server() -> Iterator[Server]:
    """Answers well, but every fifth call fails, each time another way."""
    ways: list[Reply] = [(500, {}, "oops"), (429, {"retry-after": "0"}, "slow"), (200, {}, "<html>"), (503, {}, "")]
    random_ = random.Random(0)

    def reply(body: dict[str, Any], number: int) -> Reply:
        if random_.random() < 0.2:
            return random_.choice(ways)
        text = text_of(body)
        chance = random.Random(json.dumps(body))
        said = f"{sentence(chance.randrange(999))} And then {' of the '.join(chance.choices(WORDS, k=14))} is there."
        return good(f"CAPTION: {said}" if "CAPTION:" in text else f"PROMPT: {said}" if "PROMPT:" in text else said)

    with serving(reply) as running:
        yield running


def test_a_server_that_fails_a_fifth_of_its_calls_leaves_nothing_undone(
    with_a_broken_one: Catalogue, server: Server
) -> None:
    words = ("run", "-c", with_a_broken_one.url, "--model", "served", "--engine", "openai", "--base-url", server.url,
             "--recipe", "lvd2m", "--workers", 0, "--rows", 4, "--images", "--price", "1/2")  # fmt: skip
    done = recaption(*words)
    for _ in range(3):  # five tries of one request may all fail; the next run does what is left
        recaption(*words)
    assert done.exit_code == 0
    kinds = {
        row["kind"]: row["n"]
        for row in rows_of(with_a_broken_one, "select kind, count(*) as n from captions group by kind")
    }
    assert kinds == {"segment": 9, "raw": 9, "refined": 9, "rewritten": 9}
    assert [row["reason"] for row in rows_of(with_a_broken_one, "from rejects")] == ["bad_media"]
    assert "retries: " in done.stderr
    assert "USD" in done.stderr
    (row,) = rows_of(with_a_broken_one, "from captions where kind = 'refined' limit 1")
    assert (row["engine"], row["model"], row["weights_hash"]) == ("openai", "served", None)


def test_a_key_that_is_refused_ends_the_run_with_one_line(
    videos: Catalogue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(lambda *_: (401, {}, "no")) as refusing:
        words = ["run", "-c", videos.url, "--model", "m", "--engine", "openai", "--base-url", refusing.url]
        monkeypatch.setattr(sys, "argv", ["recaption", *words, "--workers", "0"])
        with pytest.raises(SystemExit) as end:
            cli.main()
    assert end.value.code == 1
    assert "refuses the key" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--recipe", "best"], "no recipe 'best'"),
        (["--selection", "none"], "no selection 'none'"),
        (["--shard", "4/4"], "shard 4/4 does not exist"),
        (["--samples", "3"], "several samples at temperature 0"),
        (["--engine", "openai"], "needs --base-url"),
        (["--prompt", "nothing"], "no prompt 'nothing'"),
        (["--price", "1"], "--price is USD"),
        (["--window", "0.2"], "a window must be at least 1 s"),
        (["--refine-url", "http://x"], "--refine-url needs --refine-model"),
        (["--device", "cuda"], "no GPU"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(
    videos: Catalogue,
    checkpoint: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    import torch  # noqa: PLC0415

    if "cuda" in words and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    monkeypatch.setattr(sys, "argv", ["recaption", "run", "-c", videos.url, "--model", str(checkpoint), *words])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert message in told[-1]


def begun_run(catalogue: Catalogue, checkpoint: Path, *more: str) -> subprocess.Popen[bytes]:
    """A run of its own processes, of which a first part is written, or which is over."""
    words = [sys.executable, "-m", "recaption", "run", "-c", catalogue.url, "--model", str(checkpoint), "--frames", "4",
             "--max-new-tokens", "8", "--workers", "1", "--rows", "1", *more]  # fmt: skip
    run = subprocess.Popen(words, cwd=REPO, stderr=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + 120
    while (
        time.monotonic() < deadline and run.poll() is None and not list(Path(catalogue.url, "captions").glob("part-*"))
    ):
        time.sleep(0.02)
    return run


def test_ctrl_c_ends_with_130_and_the_same_command_goes_on(
    videos: Catalogue, checkpoint: Path, make_video: MadeVideos
) -> None:
    long = make_video(scenes=[("natural:4", 400)], fps=10, size=(64, 48))
    many = 20 * FLUSH_OUTCOMES  # the first part is written long before all are done, however fast the machine is
    add_video(videos, long, [(i / 1000, i / 1000 + 1) for i in range(many)])
    run = begun_run(videos, checkpoint)
    os.killpg(run.pid, signal.SIGINT)  # a terminal sends it to the workers as well
    _, told = run.communicate(timeout=120)
    assert run.returncode == 130, told
    assert b"interrupted: what was finished is kept; the same command goes on from there" in told
    assert b"Traceback" not in told
    assert all(path.name.startswith("part-") for path in Path(videos.url, "captions").iterdir())
    (done,) = [row["n"] for row in rows_of(videos, "select count(*) as n from captions")]
    assert 0 < done < many
    assert run_tiny(videos, checkpoint, "--limit", 3).exit_code == 0
    rows = rows_of(videos, "select count(*) as n, count(distinct clip_id) as clips from history.captions")
    assert rows == [{"n": done + 3, "clips": done + 3}]


def test_killed_and_run_again_with_other_shards_no_clip_is_done_twice(videos: Catalogue, checkpoint: Path) -> None:
    run = begun_run(videos, checkpoint, "--shard", "0/2")
    os.killpg(run.pid, signal.SIGKILL) if run.poll() is None else None
    run.communicate()
    assert run_tiny(videos, checkpoint, "--shard", "2/3").exit_code == 0
    assert run_tiny(videos, checkpoint).exit_code == 0
    rows = rows_of(videos, "select clip_id, count(*) as n from history.captions group by clip_id")
    assert [row["n"] for row in rows] == [1] * 9
