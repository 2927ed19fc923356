"""The 48 real videos against their manifest."""

import csv
import os
from pathlib import Path

import pytest

from media.errors import MediaError
from media.probe import frame_times_us, probe
from media.stream import stream

ROOT = Path(os.environ.get("LONGTAKE_TEST_DATA") or Path(__file__).parents[3] / "shared" / "data")
MANIFEST = ROOT / "manifest.csv"
ROWS = list(csv.DictReader(MANIFEST.read_text().splitlines())) if MANIFEST.is_file() else []

UNUSABLE = {"mp4ff_init_only.mp4": "no_frames", "mp_empty_result.webm": "empty_file", "sio_empty.flv": "not_a_video"}
# The manifest gives the container's length there: other tracks are longer, or the header is wrong.
OTHER_LENGTH_MS = {
    "decord_flipping_pancake.mkv": 10_333,  # sound until 10.381
    "mdn_flower_vp8.webm": 5_005,  # counted from the container's zero: 5.059 with sound
    "vl_applausing.mp4": 9_977,  # 299 frames of 1001/30000 s; its header says 10 s
}
DAMAGED = {"decord_corrupted.mp4": 49}  # of 50 packets the decoder refuses one; the manifest counts strictly: 28

pytestmark = pytest.mark.skipif(not ROWS, reason=f"no {MANIFEST}; set LONGTAKE_TEST_DATA to the folder of manifest.csv")


def each(rows):
    return pytest.mark.parametrize("row", rows, ids=lambda row: row["name"])


@each([row for row in ROWS if row["name"] not in UNUSABLE])
def test_facts_agree_with_the_manifest(row):
    facts = probe(ROOT / "videos" / row["name"])
    assert facts.codec == row["codec"]
    assert (facts.width, facts.height) == (int(row["width"]), int(row["height"]))
    assert facts.has_audio == (row["has_audio"] == "yes")
    assert facts.is_vfr == ("VFR" in row["note"])
    assert facts.rotation == (90 if "rotation metadata -90" in row["note"] else 0)
    assert facts.num_frames == (50 if row["name"] in DAMAGED else int(row["nb_frames"]))
    one_frame_ms = 1000 * facts.fps_den / facts.fps_num
    if row["duration_s"]:
        expected_ms = OTHER_LENGTH_MS.get(row["name"], 1000 * float(row["duration_s"]))
        assert abs(facts.duration_us / 1000 - expected_ms) <= one_frame_ms


@each([row for row in ROWS if row["name"] not in UNUSABLE and row["name"] != "v2d_test_122s.mp4"])
def test_the_frames_of_the_stream_are_those_of_the_packets(row):
    path = ROOT / "videos" / row["name"]
    frames = stream(path)
    times = [frame.time_us for frame in frames]
    if row["name"] in DAMAGED:
        assert len(times) == DAMAGED[row["name"]]
        assert frames.report.corrupt_packets == 1
        return
    assert times == frame_times_us(path).tolist()
    assert frames.report.end_us == probe(path).duration_us


@each([row for row in ROWS if row["name"] in UNUSABLE])
def test_unusable_files_have_their_reason(row):
    with pytest.raises(MediaError) as error:
        probe(ROOT / "videos" / row["name"])
    assert error.value.reason == UNUSABLE[row["name"]]
