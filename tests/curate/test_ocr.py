"""Text in the picture: which frames are read, what is made of their lines, and a real engine on a real film."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from curate import commands, stages
from curate.ocr_stage import MAX_FRAMES, Line, Reader, read_text, times_of
from engine.catalogue import Catalogue
from engine.door import WrongUse
from engine.pool import WorkerLimits
from media.synthetic.encoding import Encoding
from media.synthetic.write import write_frames
from tests.curate.conftest import curate, rows
from tests.curate.toy_reader import load_bright

EFFORT = stages.Effort(jobs=1, limits=WorkerLimits())
BLACK = np.zeros((100, 100, 3), np.uint8)


def line(text: str, confidence: float = 0.9, left: int = 0) -> Line:
    return Line(np.array([[left, 0], [left + 49, 0], [left + 49, 9], [left, 9]], float), text, confidence)


def test_frames_are_the_middles_of_parts_of_about_two_seconds():
    assert times_of(0, 4_000_000) == [1_000_000, 3_000_000]
    assert times_of(500_000, 900_000) == [700_000]
    assert len(times_of(0, 600_000_000)) == MAX_FRAMES


def test_a_line_that_stands_longer_is_said_once_and_covers_each_frame():
    read = read_text([BLACK, BLACK], lambda frame: [line("Breaking  News")])
    assert read.text == "Breaking News"
    assert read.text_share == pytest.approx(0.05)  # 50 x 10 of 100 x 100 pixels


def test_lines_that_overlap_cover_once():
    assert read_text([BLACK], lambda frame: [line("a"), line("b")]).text_share == pytest.approx(0.05)


def test_a_line_that_the_engine_is_unsure_of_counts_in_neither():
    read = read_text([BLACK], lambda frame: [line("?!", confidence=0.3)])
    assert (read.text, read.text_share, read.confidence) == (None, 0.0, None)


def test_what_an_engine_read_is_what_clip_shows(tmp_path: Path, raw_videos: Path):
    catalogue = tmp_path / "catalogue"
    assert curate("run", raw_videos / "two_shots.mp4", "-c", catalogue, "--recipe", "everything").code == 0
    opened = Catalogue.open(catalogue)
    toy = Reader("toy", "1", load_bright)
    assert stages.ocr_all(opened, toy, EFFORT).done == 2
    assert stages.ocr_all(opened, toy, EFFORT).total == 0  # nothing is due any more
    assert stages.ocr_all(opened, Reader("toy", "2", load_bright), EFFORT).total == 2
    shown = rows(catalogue, "select ocr_text, ocr_text_share from clip")
    assert all(row["ocr_text"].startswith("brightness") and row["ocr_text_share"] == 1 for row in shown)


def test_subtitles_are_read(tmp_path: Path):
    pytest.importorskip("rapidocr", reason="the extra `ocr` is not installed")
    frame = np.full((240, 426, 3), 70, np.uint8)
    cv2.putText(frame, "Hello longtake 2026", (40, 200), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (255, 255, 255), 2, cv2.LINE_AA)
    write_frames([frame] * 10, Encoding(fps=10, size=(426, 240)), tmp_path / "said.mp4")
    assert curate("run", tmp_path / "said.mp4", "-c", tmp_path / "c", "--recipe", "everything").code == 0
    ran = curate("ocr", "-c", tmp_path / "c", "--jobs", "1")
    assert ran.code == 0, ran.err
    (read,) = rows(
        tmp_path / "c", "select c.ocr_text, c.ocr_text_share, o.reader from clip c join ocr_texts o using (clip_id)"
    )
    assert read["ocr_text"] == "Hello longtake 2026"
    assert 0.05 < read["ocr_text_share"] < 0.3
    assert read["reader"] == "rapidocr"


def test_an_engine_that_is_not_installed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("curate.ocr_reader.PACKAGE", "no-such-engine")
    with pytest.raises(WrongUse, match=r"no-such-engine.*pip install 'longtake\[ocr\]'"):
        commands.ocr(Catalogue.open(tmp_path / "c", create=True), EFFORT)
