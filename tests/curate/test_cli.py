"""The command as people and programs use it."""

from __future__ import annotations

import csv
import io
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.curate.conftest import curate, rows, typed

CLIPS = "select video_key, c.start_us, c.end_us, c.num_frames from clips c join videos v using (video_id) order by 1, 2"


def test_a_folder_becomes_clips_with_exact_bounds(made_catalogue: Path):
    found = [tuple(row.values()) for row in rows(made_catalogue, CLIPS)]
    assert found == [
        ("holiday/one_shot.webm", 0, 2_000_000, 50),
        ("two_shots.mp4", 0, 1_000_000, 30),
        ("two_shots.mp4", 1_000_000, 2_500_000, 45),
    ]


def test_damaged_files_are_turned_away_by_name_and_the_run_completes(made_catalogue: Path):
    found = {row["video_key"]: row["reason"] for row in rows(made_catalogue, "from rejects")}
    assert set(found) == {"cut_off.mp4", "empty.mp4", "page.mp4", "bomb.gif"}
    assert (found["empty.mp4"], found["page.mp4"], found["bomb.gif"]) == (
        "empty_file",
        "not_a_video",
        "too_many_pixels",
    )


def test_the_same_content_under_a_second_name_is_an_alias(made_catalogue: Path):
    names = rows(
        made_catalogue, "select a.video_key, v.video_key as first from aliases a join videos v using (video_id)"
    )
    assert names == [{"video_key": "zz_the_same_again.mp4", "first": "two_shots.mp4"}]


def test_the_wide_view_has_what_is_known_of_a_clip(made_catalogue: Path):
    row = rows(made_catalogue, "from clip where seconds = 1.5")[0]
    assert (row["video_key"], row["width"], row["codec"]) == ("two_shots.mp4", 160, "h264")
    assert row["flow_diag_per_s"] is not None
    assert row["flow_raft_lvd"] is None  # nobody measured it: null, not a number


def test_a_second_run_finds_everything_done_and_prints_the_same_funnel(raw_videos: Path, tmp_path: Path):
    words = ("run", raw_videos, "-c", tmp_path / "c", "--recipe", "everything")
    first, second = curate(*words), curate(*words)
    assert (first.code, second.code) == (0, 0)
    assert first.out == second.out
    assert "add: 0 done" in second.err
    assert "scan: 0 done" in second.err
    parts = len(list((tmp_path / "c").rglob("*.parquet")))
    curate(*words)
    assert len(list((tmp_path / "c").rglob("*.parquet"))) == parts


def test_on_standard_output_there_is_nothing_but_the_result(raw_videos: Path, tmp_path: Path):
    assert curate("add", raw_videos, "-c", tmp_path / "c").out == ""
    assert curate("scan", "-c", tmp_path / "c").out == ""
    shown = curate("select", "-c", tmp_path / "c", "--where", "seconds > 1.2", "--name", "longer")
    assert shown.out.startswith("selection longer")
    assert "where_1: seconds > 1.2" in shown.out
    asked = "select count(*) as n, min(rank) as first from selections where selection = 'longer'"
    assert rows(tmp_path / "c", asked) == [{"n": 2, "first": 1}]


def test_the_funnel_says_what_each_condition_costs(made_catalogue: Path, tmp_path: Path):
    shutil.copytree(made_catalogue, tmp_path / "c")
    where = ("--where", "seconds > 1.2", "--where", "codec = 'h264'", "--where", "flow_raft_lvd > 1")
    curate("select", "-c", tmp_path / "c", "--name", "f", *where)
    funnel = rows(tmp_path / "c", "from funnels where selection = 'f' order by step")
    # clips of 1.0, 1.5 (both h264) and 2.0 s (vp9); nothing has a RAFT score
    assert [row["clips_left"] for row in funnel] == [3, 2, 1, 0]
    assert [row["clips_turned_away_alone"] for row in funnel] == [0, 1, 1, 3]
    assert [row["clips_unmeasured"] for row in funnel] == [0, 0, 0, 3]
    assert funnel[1]["hours_left"] == pytest.approx(3.5 / 3600)


def test_other_settings_make_another_scan_whose_clips_replace_the_first(made_catalogue: Path, tmp_path: Path):
    shutil.copytree(made_catalogue, tmp_path / "c")
    curate("scan", "-c", tmp_path / "c", "--detector", "lvd2m")
    assert {row["detector"] for row in rows(tmp_path / "c", "from scans")} == {"lvd2m"}
    assert len(rows(tmp_path / "c", "from history.scans")) == 4
    bounds = [tuple(row.values())[:3] for row in rows(tmp_path / "c", CLIPS)]
    assert ("two_shots.mp4", 0, 2_500_000) in bounds or ("two_shots.mp4", 2_000_000, 2_500_000) in bounds
    assert ("two_shots.mp4", 1_000_000, 2_500_000) not in bounds


def test_shards_together_do_everything_once(raw_videos: Path, tmp_path: Path):
    curate("add", raw_videos, "-c", tmp_path / "c")
    for i in range(3):
        assert curate("scan", "-c", tmp_path / "c", "--shard", f"{i}/3").code == 0
    assert len(rows(tmp_path / "c", "from history.scans")) == 2


def test_a_limit_does_so_many_and_the_next_run_does_the_rest(raw_videos: Path, tmp_path: Path):
    curate("add", raw_videos, "-c", tmp_path / "c")
    curate("scan", "-c", tmp_path / "c", "--limit", "1")
    assert len(rows(tmp_path / "c", "from scans")) == 1
    curate("scan", "-c", tmp_path / "c")
    assert len(rows(tmp_path / "c", "from history.scans")) == 2


def test_a_file_that_went_away_is_a_reject_that_is_settled_when_it_is_back(raw_videos: Path, tmp_path: Path):
    folder = tmp_path / "raw"
    folder.mkdir()
    shutil.copy(raw_videos / "two_shots.mp4", folder / "a.mp4")
    curate("add", folder, "-c", tmp_path / "c")
    (folder / "a.mp4").rename(folder / "elsewhere")
    ran = curate("scan", "-c", tmp_path / "c")
    assert ran.code == 0
    assert "a.mp4 · missing_file" in ran.err
    (folder / "elsewhere").rename(folder / "a.mp4")
    curate("scan", "-c", tmp_path / "c")
    assert rows(tmp_path / "c", "from rejects") == []
    assert len(rows(tmp_path / "c", "from clips")) == 2


def test_a_file_that_changed_since_it_was_added_is_not_scanned_as_the_old_one(raw_videos: Path, tmp_path: Path):
    folder = tmp_path / "raw"
    folder.mkdir()
    shutil.copy(raw_videos / "two_shots.mp4", folder / "a.mp4")
    curate("add", folder, "-c", tmp_path / "c")
    shutil.copy(raw_videos / "holiday" / "one_shot.webm", folder / "a.mp4")
    assert "a.mp4 · source_changed" in curate("scan", "-c", tmp_path / "c").err
    curate("run", folder, "-c", tmp_path / "c", "--recipe", "everything")
    assert [row["seconds"] for row in rows(tmp_path / "c", "select seconds from clip")] == [2.0]


def test_a_video_that_moved_keeps_its_first_name_and_is_found_at_its_new_place(raw_videos: Path, tmp_path: Path):
    folder = tmp_path / "raw"
    folder.mkdir()
    shutil.copy(raw_videos / "two_shots.mp4", folder / "a.mp4")
    curate("add", folder, "-c", tmp_path / "c")
    (folder / "a.mp4").rename(folder / "b.mp4")
    curate("add", folder, "-c", tmp_path / "c")
    found = rows(tmp_path / "c", "select video_key, uri from videos")
    assert found == [{"video_key": "a.mp4", "uri": str(folder / "b.mp4")}]
    assert rows(tmp_path / "c", "select video_key from aliases") == [{"video_key": "b.mp4"}]


def test_csv_is_read_by_programs(made_catalogue: Path):
    ran = curate("sql", "-c", made_catalogue, "-f", "csv", "select video_key, num_frames from videos order by 1")
    assert list(csv.DictReader(io.StringIO(ran.out))) == [
        {"video_key": "holiday/one_shot.webm", "num_frames": "50"},
        {"video_key": "two_shots.mp4", "num_frames": "75"},
    ]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["sql", "-c", "{c}", "select nothing from clip"], "nothing"),
        (["sql", "-c", "{c}", "copy clip to 'x.csv'"], "COPY is not allowed"),
        (["sql", "-c", "{c}", "from read_csv('/etc/passwd')"], "not allowed"),
        (["sql", "-c", "{c}"], "give a query"),
        (["sql", "-c", "nowhere", "from clip"], "is no catalogue"),
        (["scan", "-c", "{c}", "--detector", "best"], "no detector 'best'"),
        (["scan", "-c", "{c}", "--shard", "2/2"], "Shards count from 0"),
        (["scan", "-c", "{c}", "--jobs", "0"], "jobs must be at least 1"),
        (["select", "-c", "{c}", "--recipe", "mine"], "no recipe 'mine'"),
        (["select", "-c", "{c}", "--where", "sharpnes > 3"], "sharpness"),
        (["select", "-c", "{c}", "--name", "../x"], "a selection is named by letters"),
        (["run", "nowhere", "-c", "{c}"], "no file found at"),
        (["run", "-c", "{c}"], "Missing argument"),
    ],
)
def test_wrong_use_is_one_clear_line_and_exit_code_2(
    made_catalogue: Path,
    tmp_path: Path,
    words: list[str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    ran = typed(monkeypatch, capsys, *(word.replace("{c}", str(made_catalogue)) for word in words))
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err
    assert "Traceback" not in ran.err
    assert list(tmp_path.iterdir()) == []


def test_a_closed_pipe_is_no_error(made_catalogue: Path):
    command = f"{sys.executable} -m curate sql -c {made_catalogue} -f csv 'from range(200000)' | head -1"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "range\n", "")


def test_the_shell_answers_one_query_after_another(made_catalogue: Path):
    typed = "select count(*) as n\nfrom clip;\nselect oops;\n.tables\n.quit\n"
    command = [sys.executable, "-m", "curate", "sql", "-c", str(made_catalogue), "--shell"]
    done = subprocess.run(command, input=typed, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "3" in done.stdout
    assert "measures" in done.stdout
    assert "oops" in done.stderr


def interrupted(command: list[str], catalogue: Path) -> tuple[int, str]:
    """Exit code and messages of a run that gets Ctrl-C half a second after it made its catalogue."""
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not (catalogue / "catalogue.json").exists():
        time.sleep(0.02)
    time.sleep(0.5)
    os.killpg(run.pid, signal.SIGINT)
    _out, err = run.communicate(timeout=60)
    return run.returncode, err


def test_ctrl_c_ends_the_run_cleanly_and_the_next_one_goes_on(raw_videos: Path, tmp_path: Path):
    command = [sys.executable, "-m", "curate", "run", str(raw_videos), "-c", str(tmp_path / "c"), "-r", "everything"]
    code, err = interrupted(command, tmp_path / "c")
    assert code == 130
    assert "interrupted" in err
    assert "Traceback" not in err
    assert curate(*command[3:]).code == 0
    assert len(rows(tmp_path / "c", "from history.clips")) == 3
