"""Scores by a flow network: which frames it sees, what becomes of its rows."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from curate import stages
from curate.flow_stage import FlowLvd, FlowModel, flow_due, score
from engine.catalogue import Catalogue
from engine.pool import WorkerLimits
from tests.conftest import MadeVideos
from tests.curate.conftest import curate, rows
from tests.curate.toy_flow import load_brightness, load_nan

EFFORT = stages.Effort(jobs=1, limits=WorkerLimits())
TOY = FlowModel("toy", "abc", load_brightness)


@pytest.fixture
def flow_lvd() -> FlowLvd:
    return load_brightness("cpu")


def test_frames_half_a_second_apart_are_compared(make_video: MadeVideos, flow_lvd: FlowLvd):
    # black, then white from 1 s on: frames at 0, 0.5, 1, 1.5 differ by 0, 255, 0: the mean of three pairs is 85
    video = make_video(scenes=[("black", 30), ("white", 30)], fps=30)
    value, pairs = score(str(video), 0, 2_000_000, flow_lvd)
    assert pairs == 3
    assert value == pytest.approx(85, abs=1)


def test_a_long_clip_is_read_in_pieces_that_share_a_frame(make_video: MadeVideos, flow_lvd: FlowLvd):
    # 20 s: 40 frames, 39 pairs, one of which, from black to white at 17 s, differs by 255; pieces of 32 and 7 pairs
    video = make_video(scenes=[("black", 170), ("white", 30)], fps=10, size=(64, 48))
    value, pairs = score(str(video), 0, 20_000_000, flow_lvd)
    assert pairs == 39
    assert value == pytest.approx(255 / 39, abs=0.1)


def test_a_span_without_two_frames_is_an_error(make_video: MadeVideos, flow_lvd: FlowLvd):
    with pytest.raises(ValueError, match="too short"):
        score(str(make_video()), 0, 500_000, flow_lvd)


def test_a_networks_score_is_what_clip_shows(tmp_path: Path, raw_videos: Path):
    catalogue = tmp_path / "catalogue"
    ran = curate("run", raw_videos / "two_shots.mp4", "-c", catalogue, "--recipe", "everything", "--jobs", "1")
    assert ran.code == 0, ran.err
    opened = Catalogue.open(catalogue)
    tally = stages.flow_all(opened, TOY, EFFORT)
    assert (tally.done, tally.rejected.total()) == (2, 0)
    assert stages.flow_all(opened, TOY, EFFORT).total == 0  # nothing is due any more
    shown = rows(
        catalogue, "select c.flow_raft_lvd, f.flow_lvd, f.num_pairs, f.model from clip c join flows f using (clip_id)"
    )
    assert len(shown) == 2
    assert all(row["flow_raft_lvd"] == row["flow_lvd"] and row["model"] == "toy" for row in shown)
    assert sorted(row["num_pairs"] for row in shown) == [1, 2]  # clips of 1 s and of 1.5 s

    failed = stages.flow_all(opened, FlowModel("broken", "x", load_nan), EFFORT)
    assert failed.rejected == {"flow_not_finite": 2}


def test_other_weights_are_due_again():
    same, other = FlowModel("toy", "abc", partial(load_brightness)), FlowModel("toy", "abd", load_brightness)
    assert flow_due(TOY).fingerprint == flow_due(same).fingerprint != flow_due(other).fingerprint


def test_raft_scores_clips_by_the_weights_of_a_file(tmp_path: Path, make_video: MadeVideos):
    torch = pytest.importorskip("torch")
    from torchvision.models.optical_flow import raft_small  # noqa: PLC0415

    torch.manual_seed(0)
    torch.save(raft_small(weights=None).state_dict(), tmp_path / "raft.pth")
    catalogue = tmp_path / "catalogue"
    video = make_video(scenes=[("natural:1", 20)], fps=20, size=(160, 90))  # 1 s: frames at 0 and 0.5 s, one pair
    assert curate("run", video, "-c", catalogue, "--recipe", "everything").code == 0
    ran = curate("flow", "-c", catalogue, "--model", "raft_small", "--weights", tmp_path / "raft.pth", "--jobs", "1")
    assert ran.code == 0, ran.err
    (flow,) = rows(catalogue, "select model, flow_lvd, num_pairs, flow_raft_lvd from flows join clip using (clip_id)")
    assert (flow["model"], flow["num_pairs"]) == ("raft_small", 1)
    assert flow["flow_raft_lvd"] == flow["flow_lvd"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "raft_huge"], "no flow network 'raft_huge'. Allowed: raft_small, raft_large"),
        (["--weights", "/nowhere/raft.pth"], "No such file"),
    ],
)
def test_a_network_that_cannot_be_had_is_wrong_use(tmp_path: Path, arguments: list[str], message: str):
    pytest.importorskip("torch")
    ran = curate("flow", "-c", tmp_path, *arguments)
    assert ran.code == 2
    assert message in ran.err
