"""What footage is read, and what is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from curate.detectors.cascade.training.__main__ import main
from curate.detectors.cascade.training.aside import groups_of
from curate.detectors.cascade.training.takes import Labelled, labelled, read_takes
from media.stream import stream
from tests.conftest import MadeVideos

HEAD = "name,n_cuts,cut_times_s,gradual,single_take\n"


def test_a_manifest_gives_hard_cuts_and_spans(tmp_path: Path):
    file = tmp_path / "manifest.csv"
    file.write_text(HEAD + "a.mp4,2,1.5;3.0,4.0-5.5,no\nb.mp4,,,,\nc.gif,0,,,yes\nd.mp4,0,,,yes\n")
    assert labelled(file) == [Labelled("a.mp4", ((1.5, 1.5), (3.0, 3.0), (4.0, 5.5))), Labelled("d.mp4", ())]


@pytest.mark.parametrize(
    ("text", "match"),
    [("name,n_cuts\n", "has no column cut_times_s, gradual"), (HEAD + "a.mp4,1,soon,,no\n", "a.mp4: .*'soon'")],
)
def test_a_wrong_manifest_says_what_is_wrong(tmp_path: Path, text: str, match: str):
    file = tmp_path / "manifest.csv"
    file.write_text(text)
    with pytest.raises(ValueError, match=match):
        labelled(file)


def test_a_take_holds_the_frames_of_its_video_and_when_they_are_shown(make_video: MadeVideos, tmp_path: Path):
    path = make_video(scenes=[("natural:1", 30), ("city:2", 30)], fps=24, frame_gaps=(1, 2))
    (take,) = read_takes([Labelled(path.name, ((1.0, 1.0),))], path.parent, tmp_path)
    with stream(str(path), max_side=256) as frames:
        pictures = {frame.time_us: frame.rgb for frame in frames}
    assert np.round(take.times_s * 1e6).astype(int).tolist() == list(pictures)
    assert all(np.array_equal(take.at(at / 1e6), picture) for at, picture in pictures.items())
    assert np.array_equal(take.at(99.0), take.pictures[-1])
    assert take.inner == ((1.0, 1.0),)


def test_what_cannot_serve_is_reported_by_name(make_video: MadeVideos, tmp_path: Path):
    short = make_video(scenes=[("natural:1", 10)], fps=24)
    broken = short.with_name("broken.mp4")
    broken.write_bytes(b"no video")
    lines = list[str]()
    assert read_takes([Labelled(p, ()) for p in (short.name, "broken.mp4")], short.parent, tmp_path, lines.append) == []
    assert [line.split(":")[0] for line in lines] == [f"left out {short.name}", "left out broken.mp4"]


def test_the_groups_are_the_bench_s_and_two_of_every_second_name():
    names = ["d.mp4", "skv_bikes.mp4", "a.mp4", "c.mp4", "b.mp4"]
    assert groups_of(names) == {"a.mp4": 1, "b.mp4": 2, "c.mp4": 1, "d.mp4": 2, "skv_bikes.mp4": 0}


def test_without_a_manifest_the_command_says_which_file_it_misses(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(["--data", str(tmp_path), "--out", str(tmp_path / "weights.npz")])
    assert ended.value.code == 2
    assert "manifest.csv" in capsys.readouterr().err
