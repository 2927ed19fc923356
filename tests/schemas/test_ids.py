"""Ids come from content."""

from __future__ import annotations

import io
from dataclasses import dataclass

import pytest

from schemas.ids import VideoHash, clip_id_of, content_id, fingerprint_of, video_id_of


@dataclass(frozen=True)
class Settings:
    threshold: float = 3.0
    names: tuple[str, ...] = ("a",)


def test_a_video_is_known_by_its_bytes():
    # BLAKE3 of "abc", as b3sum prints it
    assert video_id_of(io.BytesIO(b"abc")) == ("6437b3ac38465133ffb63b75273a8db5", 3)


def test_a_video_is_the_same_however_its_bytes_come():
    content = bytes(range(256)) * 20_000
    pieces = VideoHash()
    for begin in range(0, len(content), 16_383):
        pieces.update(content[begin : begin + 16_383])
    assert (pieces.video_id(), len(content)) == video_id_of(io.BytesIO(content))


def test_a_clip_is_known_by_its_video_and_span():
    assert clip_id_of("ab", 0, 1_500_000) == "ab_0_1500000"


@pytest.mark.parametrize("span", [(-1, 5), (5, 5), (6, 5)])
def test_a_clip_that_is_no_span_has_no_id(span: tuple[int, int]):
    with pytest.raises(ValueError, match="0 <= start_us < end_us"):
        clip_id_of("ab", *span)


def test_the_parts_of_a_content_id_do_not_run_together():
    assert content_id("ab", "c") != content_id("a", "bc")
    assert content_id("a", None) != content_id("a", "None")
    assert len(content_id("a")) == 32


def test_a_fingerprint_depends_on_stage_version_settings_and_weights_and_on_nothing_else():
    base = fingerprint_of("scan", 1, Settings())
    assert base == fingerprint_of("scan", 1, {"names": ["a"], "threshold": 3.0})  # whatever holds the settings
    others = [
        fingerprint_of("add", 1, Settings()),
        fingerprint_of("scan", 2, Settings()),
        fingerprint_of("scan", 1, Settings(threshold=3.1)),
        fingerprint_of("scan", 1, Settings(), weights=["w1"]),
    ]
    assert len({base, *others}) == 5
    assert fingerprint_of("scan", 1, None, ["w1", "w2"]) == fingerprint_of("scan", 1, None, ["w2", "w1"])
