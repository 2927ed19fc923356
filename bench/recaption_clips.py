"""Clips without a scan: videos that are probed and cut into spans as rows, for benches and tests of recaptioning."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any

from engine.catalogue import Catalogue, now
from engine.write import write
from media.probe import probe
from schemas.ids import clip_id_of, content_id

FACTS = (
    "container", "codec", "width", "height", "display_width", "display_height", "rotation", "fps_num", "fps_den",
    "is_vfr", "duration_us", "num_frames", "has_audio", "start_us",
)  # fmt: skip
PLACES = ("garden", "kitchen", "harbour", "street", "forest", "station", "market", "bridge")
SYLLABLES = tuple(one + other for one in "bdfgklmnprstvz" for other in "aeiou")
THINGS = ("dog", "cyclist", "waiter", "boat", "child", "horse", "painter", "train")


def sentence(number: int) -> str:
    """A caption that passes every gate and is like no other, were they a million: hardly three words stand together
    that another has."""
    chance = Random(number)
    a, b, c, d, e, f, g = ("".join(chance.choices(SYLLABLES, k=4)) for _ in range(7))
    place, thing = PLACES[number % 8], THINGS[number // 8 % 8]
    return (
        f"{a.title()} has a {thing} {b} and, with {c} at the {place}, {d} goes to {e} on {f} until {g} is in {number}."
    )


def provenance() -> dict[str, Any]:
    """Of rows that no stage made."""
    return {"fingerprint": "f" * 16, "tool_version": "made", "created_at": now()}


def add_video(catalogue: Catalogue, path: Path, spans_s: Iterable[tuple[float, float]], **other: Any) -> list[str]:
    """A video with clips at these spans, as `curate` would have written them; gives the ids of the clips."""
    facts, video_id = probe(path), content_id(str(path))
    mine = provenance()
    video = {name: getattr(facts, name) for name in FACTS} | {
        "video_id": video_id, "video_key": path.name, "uri": str(path), "source_stamp": "1:1",
        "bytes": path.stat().st_size,
    }  # fmt: skip
    spans = [(round(start * 1e6), round(end * 1e6)) for start, end in spans_s]
    clips = [
        {"clip_id": clip_id_of(video_id, *span), "video_id": video_id, "start_us": span[0], "end_us": span[1],
         "num_frames": 1, "origin": "detected"}
        for span in spans
    ]  # fmt: skip
    scan = {"video_id": video_id, "num_frames_decoded": 1, "duration_us": facts.duration_us, "num_cuts": 0,
            "num_clips": len(clips), "seconds": 0.1, "detector": "made"}  # fmt: skip
    write(catalogue, {"videos": [video | other | mine]}, stage="add")
    write(catalogue, {"scans": [scan | mine], "clips": [clip | mine for clip in clips]}, stage="scan")
    return [clip["clip_id"] for clip in clips]
