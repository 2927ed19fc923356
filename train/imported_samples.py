"""Conversations that came with a dataset (`curate import`) become samples of a mixture: named, split, with their clips.

What the import wrote stays as it is; a sample made of it shows the clip that its video became, and belongs to the
split of that video, so that captions and instructions about one video are never on both sides.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.catalogue import Catalogue
from engine.views import quoted
from schemas.ids import content_id, fingerprint_of
from train.build_samples import rows_of, write_rows
from train.tasks.rule import SampleRule, Unfit, split_of, video_item

VERSION = 1
WRITE_ROWS = 50_000
SPAN_KEYS = ("start_us", "end_us", "start_time", "end_time")
CHOOSING_KEYS = ("frame_indices", "time_indices", "start_frame", "end_frame", "fps", "grid")

Row = Mapping[str, Any]
Clips = Mapping[str, Row]


def build_imported(catalogue: Catalogue, rule: SampleRule, imported: str) -> Counter[str]:
    """Writes samples of the imported dataset and its sub-sets (`imported/…`) that are not there yet.

    Of the rule count dataset, shares of the split and seed. Returns how many by split, how many were `known`, and how
    many could not be used, by reason. A split that the dataset itself named is kept. Raises ValueError: nothing of
    that name was imported.
    """
    asked = {"dataset": rule.dataset, "imported": imported, "split": [rule.validation, rule.test, rule.seed]}
    fingerprint = fingerprint_of("imported samples", VERSION, asked)
    counts: Counter[str] = Counter()
    batch: list[dict[str, Any]] = []
    with catalogue.connect() as connection:
        known = {
            row[0]
            for row in connection.execute(
                "select sample_id from samples where fingerprint = ?", [fingerprint]
            ).fetchall()
        }
        videos = _videos(connection)
        for row in rows_of(connection.sql(_sql(imported))):
            try:
                sample = _sample(row, rule, videos, Path(catalogue.url))
            except Unfit as error:
                counts[error.reason] += 1
                continue
            if sample["sample_id"] in known:
                counts["known"] += 1
                continue
            counts[sample["split"]] += 1
            batch.append(sample)
            if len(batch) == WRITE_ROWS:
                write_rows(catalogue, "samples", batch, fingerprint)
                batch = []
    write_rows(catalogue, "samples", batch, fingerprint)
    if not counts:
        raise ValueError(
            f"nothing was imported as {imported!r}. "
            '`curate sql "select dataset, count(*) from origins group by 1"` says what there is.'
        )
    return counts


def _sql(imported: str) -> str:
    return f"""
        select s.sample_id, s.messages, s.split, s.clip_ids, s.caption_ids, any_value(o.task) as task,
            list(distinct struct_pack(clip_id := c.clip_id, video_id := c.video_id, start_us := c.start_us,
                end_us := c.end_us, uri := v.uri, file_uri := f.uri)) filter (c.clip_id is not null) as clips
        from samples s
        join origins o on o.sample_id = s.sample_id
            and (o.dataset = {quoted(imported)} or starts_with(o.dataset, {quoted(imported + "/")}))
        left join clips c on list_contains(s.clip_ids, c.clip_id)
        left join videos v on v.video_id = c.video_id
        left join clip_files f on f.clip_id = c.clip_id
        group by all order by s.sample_id
    """


def _videos(connection: Any) -> dict[str, tuple[str, str]]:
    """Where a video lies and its id, by the names that it goes by."""
    sql = """select video_key, uri, video_id from videos
        union select a.video_key, v.uri, v.video_id from aliases a join videos v using (video_id)"""
    return {key: (uri, video_id) for key, uri, video_id in connection.execute(sql).fetchall()}


def _sample(row: Row, rule: SampleRule, videos: Mapping[str, tuple[str, str]], root: Path) -> dict[str, Any]:
    """Raises Unfit: a picture or video that is nowhere."""
    messages = json.loads(row["messages"])
    clips = {clip["clip_id"]: clip for clip in row["clips"] or ()}
    named = iter(row["clip_ids"] or ())
    video_ids: list[str] = []
    for item in _media(messages):
        own = item[item["type"]]
        if item["type"] == "video" and isinstance(own, dict) and isinstance(own.get("video_file"), str):
            item["video"], video_id = _placed(own, clips.get(next(named, "")), videos, root)
            video_ids.append(video_id)
        else:
            _check_files(own, root)
    text = json.dumps(messages, ensure_ascii=False)
    owner = video_ids[0] if video_ids else row["sample_id"]
    return {
        "sample_id": content_id(rule.dataset, row["sample_id"], text), "messages": text, "dataset": rule.dataset,
        "task": row["task"], "video_ids": video_ids, "clip_ids": list(row["clip_ids"] or ()),
        "caption_ids": list(row["caption_ids"] or ()),
        "split": row["split"] or split_of(owner, rule.validation, rule.test, rule.seed),
    }  # fmt: skip


def _media(messages: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for message in messages:
        if isinstance(message["content"], list):
            yield from (item for item in message["content"] if item["type"] != "text")


def _placed(
    own: dict[str, Any], clip: Row | None, videos: Mapping[str, tuple[str, str]], root: Path
) -> tuple[dict[str, Any], str]:
    """A video item of the clip that it became, or of its file; and whose split it is in."""
    chosen = {key: own[key] for key in CHOOSING_KEYS if key in own}
    rest = {key: value for key, value in own.items() if key not in ("video_file", *SPAN_KEYS, *CHOOSING_KEYS)}
    if clip is not None and clip["uri"]:
        # frames by number are those of the whole video
        item = {"video_file": clip["uri"], **chosen} if chosen else video_item(clip)["video"]
        return {**item, **rest}, clip["video_id"]
    uri, video_id = videos.get(own["video_file"], (own["video_file"], own["video_file"]))
    if not (root / uri).is_file():
        raise Unfit("missing_media", f"{own['video_file']} is no video of the catalogue and no file.")
    return {**own, "video_file": uri}, video_id


def _check_files(own: Any, root: Path) -> None:
    """Raises Unfit for pictures that are not there."""
    names = own.get("image_file", own.get("video_file", ())) if isinstance(own, dict) else own
    for name in [names] if isinstance(names, str) else names:
        if not (root / name).is_file():
            raise Unfit("missing_media", f"{name} is not a file.")
