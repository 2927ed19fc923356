"""Rows of a catalogue of LVD-2M's size: made by NumPy and Arrow, written by the real writer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.catalogue import Catalogue
from engine.write import write

WORDS = {"raw": 215, "refined": 82, "rewritten": 41}
"""LVD-2M's words a caption."""
CLIPS_PER_VIDEO = 2.1
VIDEOS_AT_ONCE = 25_000
SENTENCE_WORDS = 15
NUM_SENTENCES = 400_000
SCAN, CAPTION = "5ca2" * 4, "ca97" * 4
_COMMON = ["the", "a", "of", "and", "in", "to", "is", "with", "on", "at", "as", "from", "by", "while", "it", "into"]
_SYLLABLES = [consonant + vowel for consonant in "bcdfghklmnprst" for vowel in "aeio"]
_FLOATS = [
    *("flow_dis_lvd", "flow_diag_per_s", "flow_p95_diag_per_s", "camera_pan", "camera_tilt", "camera_zoom"),
    *("camera_roll", "camera_share", "object_flow_diag_per_s", "still_share", "content_2s_max", "luma_mean"),
    *("luma_std", "sharpness", "letterbox_share"),
]


def build(catalogue: Catalogue, num_clips: int, seed: int = 0) -> int:
    """Write videos, scans, clips, measures and three captions a clip; returns the number of clips written."""
    rng = np.random.default_rng(seed)
    sentences = make_sentences(rng)
    written = 0
    for batch, first in enumerate(range(0, int(num_clips / CLIPS_PER_VIDEO), VIDEOS_AT_ONCE)):
        count = min(VIDEOS_AT_ONCE, int(num_clips / CLIPS_PER_VIDEO) - first)
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=batch)
        video_ids = pa.array([f"{a:016x}{b:016x}" for a, b in rng.integers(0, 2**63, (count, 2))])
        write(catalogue, {"videos": videos(video_ids, first, at, rng)}, stage="add")
        tables = scanned(video_ids, at, rng)
        write(catalogue, tables, stage="scan")
        for kind, rows in captions(tables["clips"]["clip_id"], at, sentences, rng):
            write(catalogue, {"captions": rows}, stage=kind)
        written += tables["clips"].num_rows
    return written


def make_sentences(rng: np.random.Generator) -> pa.Array:
    """Sentences of words with Zipf's frequencies, so that they compress as text does."""
    rare = ["".join(rng.choice(_SYLLABLES, n)) for n in rng.integers(2, 5, 12_000)]
    words = pa.array([*_COMMON, *rare])
    chances = 1 / np.arange(1, len(words) + 1)
    picks = rng.choice(len(words), NUM_SENTENCES * SENTENCE_WORDS, p=chances / chances.sum())
    return joined(words.take(pa.array(picks)), np.full(NUM_SENTENCES, SENTENCE_WORDS))


def joined(words: pa.Array, lengths: np.ndarray) -> pa.Array:
    """Texts of so many words each, in order."""
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
    return pc.call_function("binary_join", [pa.ListArray.from_arrays(offsets, words), pa.scalar(" ")])


def with_between(separator: str, *columns: pa.Array | pa.Scalar) -> pa.Array:
    """Texts of the columns joined row by row."""
    return pc.call_function("binary_join_element_wise", [*columns, pa.scalar(separator)])


def provenance(count: int, fingerprint: str, at: datetime) -> dict[str, pa.Array]:
    stamp = pa.scalar(at, pa.timestamp("us", tz="UTC"))
    return {
        "fingerprint": pa.repeat(fingerprint, count),
        "tool_version": pa.repeat("bench", count),
        "created_at": pa.repeat(stamp, count),
    }


def videos(video_ids: pa.Array, first: int, at: datetime, rng: np.random.Generator) -> pa.Table:
    count = len(video_ids)
    keys = pa.array([f"{place % 1000:03d}/{video_id[:11]}.mp4" for place, video_id in
                     enumerate(video_ids.to_pylist(), first)])  # fmt: skip
    widths = rng.choice([1280, 1920, 3840], count)
    wide, high = pa.array(widths), pa.array(widths * 9 // 16)
    columns = {
        "video_id": video_ids,
        "video_key": keys,
        "uri": with_between("/", pa.scalar("/data/videos"), keys),
        "source_stamp": pa.array([f"{n}:1767225600" for n in rng.integers(10**6, 10**8, count)]),
        "bytes": pa.array(rng.integers(10**6, 10**8, count)),
        "container": pa.repeat("mp4", count),
        "codec": pa.array(rng.choice(["h264", "vp9", "av1"], count)),
        "width": wide,
        "height": high,
        "display_width": wide,
        "display_height": high,
        "rotation": pa.repeat(0, count),
        "fps_num": pa.array(rng.choice([24, 25, 30, 60], count)),
        "fps_den": pa.repeat(1, count),
        "is_vfr": pa.repeat(False, count),
        "duration_us": pa.array(rng.integers(20, 1200, count) * 1_000_000),
        "num_frames": pa.array(rng.integers(600, 36_000, count)),
        "has_audio": pa.repeat(True, count),
        "start_us": pa.repeat(0, count),
    }
    return pa.table(columns | provenance(count, "add0" * 4, at))


def scanned(video_ids: pa.Array, at: datetime, rng: np.random.Generator) -> dict[str, pa.Table]:
    """Scans, clips and measures of some videos: 1 to 3 or so clips of 5 to 35 seconds a video."""
    count = len(video_ids)
    per_video = np.maximum(1, rng.poisson(CLIPS_PER_VIDEO - 0.12, count))
    total = int(per_video.sum())
    place = np.arange(total) - np.repeat(np.cumsum(per_video) - per_video, per_video)
    start = place * 40_000_000 + rng.integers(0, 999_999, total)
    length = rng.integers(5_000_000, 35_000_000, total)
    owners = video_ids.take(pa.array(np.repeat(np.arange(count), per_video)))
    ids = with_between("_", owners, pa.array(start).cast("string"), pa.array(start + length).cast("string"))
    scans = {
        "video_id": video_ids,
        "num_frames_decoded": pa.repeat(900, count),
        "duration_us": pa.repeat(60_000_000, count),
        "num_cuts": pa.array(per_video - 1),
        "num_clips": pa.array(per_video),
        "seconds": pa.array(rng.random(count, np.float32)),
        "detector": pa.repeat("scenedetect-adaptive", count),
    }
    clips = {
        "clip_id": ids,
        "video_id": owners,
        "start_us": pa.array(start),
        "end_us": pa.array(start + length),
        "num_frames": pa.array(length // 33_333),
        "origin": pa.repeat("detected", total),
    }
    return {
        "scans": pa.table(scans | provenance(count, SCAN, at)),
        "clips": pa.table(clips | provenance(total, SCAN, at)),
        "measures": pa.table(measures(ids, owners, length, rng) | provenance(total, SCAN, at)),
    }


def measures(ids: pa.Array, owners: pa.Array, length: np.ndarray, rng: np.random.Generator) -> dict[str, pa.Array]:
    total = len(ids)
    seconds = length // 1_000_000
    offsets = pa.array(np.concatenate([[0], np.cumsum(seconds)]).astype(np.int32))
    hashes = pa.array(rng.integers(0, 2**63, int(seconds.sum())).astype(np.uint64))
    scale = {"flow_dis_lvd": 60, "luma_mean": 255, "luma_std": 100, "sharpness": 500, "content_2s_max": 100}
    columns = {name: pa.array(rng.random(total, np.float32) * scale.get(name, 1)) for name in _FLOATS}
    return {
        "clip_id": ids,
        "video_id": owners,
        **columns,
        "phash": pa.ListArray.from_arrays(offsets, hashes),
    }


def captions(
    ids: pa.ChunkedArray, at: datetime, sentences: pa.Array, rng: np.random.Generator
) -> Iterator[tuple[str, pa.Table]]:
    """One text a clip and kind; its length varies by a half either way."""
    total = len(ids)
    for kind, words in WORDS.items():
        mean = words / SENTENCE_WORDS
        lengths = rng.integers(max(1, round(mean * 0.5)), round(mean * 1.5) + 1, total)
        picked = sentences.take(pa.array(rng.integers(0, len(sentences), int(lengths.sum()))))
        rows = {
            "caption_id": pa.array([f"{a:016x}{b:016x}" for a, b in rng.integers(0, 2**63, (total, 2))]),
            "clip_id": ids,
            "kind": pa.repeat(kind, total),
            "text": joined(picked, lengths),
            "model": pa.repeat("tarsier2-7b", total),
            "prompt_id": pa.repeat("lvd2m", total),
            "output_tokens": pa.array(lengths * 20),
            "finish_reason": pa.repeat("stop", total),
            "seconds": pa.array(rng.random(total, np.float32)),
        }
        yield kind, pa.table(rows | provenance(total, CAPTION, at))
