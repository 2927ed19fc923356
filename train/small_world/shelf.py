"""A catalogue of stories: films, their clips, and the captions that are true."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from engine.catalogue import Catalogue, now, tool_version
from engine.write import write
from media.probe import probe
from media.synthetic.stories import parse_caption
from media.synthetic.stories.shelf import ToldStory, write_stories
from media.synthetic.stories.story import Split
from schemas.ids import clip_id_of, content_id, fingerprint_of, video_id_of

FOLDER = Path("media") / "stories"
STAGE = "small_world"
VERSION = 1


def add_stories(
    catalogue: Catalogue,
    seeds: Iterable[int],
    split: Split = "train",
    *,
    max_things: int = 3,
    max_events: int = 4,
    max_rest_s: float = 0.0,
    grounded: bool = False,
) -> int:
    """Films of these seeds, each one clip, with captions of kind `given`; returns how many are new.

    max_things, max_events, max_rest_s: as `make_story` has them. grounded: also with captions of that kind, which say
    when each event happens. The catalogue must be a local folder; films lie in
    media/stories. A scan finds no cut in them, so each film is noted as one clip without decoding it.
    """
    told = write_stories(
        Path(catalogue.url) / FOLDER, seeds, split, max_things=max_things, max_events=max_events, max_rest_s=max_rest_s
    )
    with catalogue.connect() as connection:
        known = {row[0] for row in connection.execute("select uri from videos").fetchall()}
    fresh = [story for story in told if str(FOLDER / story.video) not in known]
    tables: dict[str, list[dict[str, Any]]] = {"videos": [], "clips": [], "captions": [], "scans": []}
    stamp = {"fingerprint": fingerprint_of(STAGE, VERSION), "tool_version": tool_version(), "created_at": now()}
    seen: set[str] = set()
    for story in fresh:
        video = _video(catalogue, story)
        if video["video_id"] in seen:
            continue
        seen.add(video["video_id"])
        for table, row in _rows(story, video).items():
            tables[table].append(row | stamp)
        if grounded and story.events:
            tables["captions"].append(_grounded(story, tables["clips"][-1]["clip_id"]) | stamp)
    write(catalogue, tables, stage=STAGE)
    return len(tables["videos"])


def _video(catalogue: Catalogue, story: ToldStory) -> dict[str, Any]:
    path = Path(catalogue.url) / FOLDER / story.video
    with path.open("rb") as file:
        video_id, num_bytes = video_id_of(file)
    facts = asdict(probe(path))
    return facts | {
        "video_id": video_id, "video_key": story.video, "uri": str(FOLDER / story.video), "bytes": num_bytes,
        "source_stamp": f"{num_bytes}", "warnings": list(facts["warnings"]),
    }  # fmt: skip


def _rows(story: ToldStory, video: dict[str, Any]) -> dict[str, dict[str, Any]]:
    video_id, end = video["video_id"], video["duration_us"]
    clip_id = clip_id_of(video_id, 0, end)
    clip = {
        "clip_id": clip_id, "video_id": video_id, "start_us": 0, "end_us": end, "num_frames": video["num_frames"],
        "origin": "detected",
    }  # fmt: skip
    caption = {
        "caption_id": content_id(clip_id, "given", None, "truth", story.split, 0), "clip_id": clip_id,
        "kind": "given", "text": story.text, "model": f"truth/{story.split}",
    }  # fmt: skip
    scan = {
        "video_id": video_id, "num_frames_decoded": video["num_frames"], "duration_us": end, "num_cuts": 0,
        "num_clips": 1, "seconds": 0.0, "detector": "stories",
    }  # fmt: skip
    return {"videos": video, "clips": clip, "captions": caption, "scans": scan}


def _grounded(story: ToldStory, clip_id: str) -> dict[str, Any]:
    """The true caption with a mark before each event, numbered here and given its frames with `train samples`."""
    marks = tuple((number + 1, number + 1) for number in range(len(story.events)))
    return {
        "caption_id": content_id(clip_id, "grounded", None, "truth", story.split, 0), "clip_id": clip_id,
        "kind": "grounded", "text": replace(parse_caption(story.text), frames=marks).text,
        "model": f"truth/{story.split}", "event_texts": list(story.events),
        "event_start_us": [start for start, _ in story.event_spans_us],
        "event_end_us": [end for _, end in story.event_spans_us],
    }  # fmt: skip
