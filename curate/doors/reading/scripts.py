"""Rows that are a video with the texts of its scenes: FineVideo's and Vript's jsonl, and pairs of video and caption."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from curate.doors.found import BadRow
from curate.doors.made import Clip, GivenText, a_text
from curate.doors.record_files import Record, dumped
from schemas.spans import parse_timecode

_NAMES = ("video", "video_path", "video_file", "video_name", "file_name")
_TEXTS = ("caption", "captions", "text", "description")
_SCENE = re.compile(r"^(.*)-Scene-(\d+)$")
_ASPECTS = ("shot_type", "camera_movement", "content", "scene_title")


def texts_of(record: Mapping[str, Any], without: frozenset[str] | set[str]) -> dict[str, str]:
    """The other columns of a row, values that are no texts as JSON."""
    return {
        str(name): value if isinstance(value, str) else dumped(value)
        for name, value in record.items()
        if name not in without and value is not None
    }


def fits_vript(record: Record) -> int:
    data = record.get("data")
    return 2 if isinstance(record.get("meta"), dict) and isinstance(data, dict) else 0


def read_vript(record: Record) -> list[Clip]:
    """A clip a scene, named `<video>-Scene-NNN`: a file of its own; its aspects are texts of kind `given`."""
    if not fits_vript(record):
        raise BadRow("bad_row", "no meta and data as Vript's rows have them")
    meta = record["meta"]
    video = a_text(meta.get("video_id"), "meta.video_id")
    clips = []
    for number, (name, scene) in enumerate(record["data"].items()):
        if not isinstance(scene, dict) or not isinstance(scene.get("caption"), dict):
            raise BadRow("bad_row", f"data.{name}: no caption: {repr(scene)[:80]}")
        said = [(aspect, scene["caption"].get(aspect)) for aspect in _ASPECTS]
        texts = [GivenText("given", text, f"Vript/{aspect}") for aspect, text in said
                 if isinstance(text, str) and text.strip()]  # fmt: skip
        given = texts_of(meta, set()) | texts_of(scene, {"caption"}) | {"scene": str(number)}
        more = {name: value for name, value in scene["caption"].items() if name not in _ASPECTS}
        clips.append(Clip(f"{video}/{name}.mp4", texts, own_key=name, given=given | texts_of(more, set())))
    return clips


def fits_finevideo(record: Record) -> int:
    return 2 if isinstance(_scenes(record), list) else 0


def _content(record: Record) -> Mapping[str, Any]:
    inner = record.get("json", record)
    inner = inner.get("content_metadata", inner) if isinstance(inner, dict) else {}
    return inner if isinstance(inner, dict) else {}


def _scenes(record: Record) -> Any:
    return _content(record).get("scenes")


def read_finevideo(record: Record) -> list[Clip]:
    """A clip a scene with times, its activities and mood as texts; the video's own description is a clip of all of
    it. Bytes of the video are left out."""
    if not fits_finevideo(record):
        raise BadRow("bad_row", "no scenes as FineVideo's rows have them")
    outer = record.get("json", record)
    outer = outer if isinstance(outer, dict) else record
    name = outer.get("original_video_filename") or outer.get("video_id") or outer.get("youtube_id")
    key = a_text(name, "original_video_filename")
    content = _content(record)
    about = texts_of({k: v for k, v in outer.items() if k != "content_metadata"} | dict(content), {"scenes", "mp4"})
    whole = [GivenText("given", text, f"FineVideo/{part}") for part in ("title", "description")
             if isinstance(text := content.get(part), str) and text.strip()]  # fmt: skip
    clips = [Clip(key, whole, given=about, own_key=key)]
    for number, scene in enumerate(content["scenes"]):
        if not isinstance(scene, dict):
            raise BadRow("bad_row", f"scenes {number}: not an object but {repr(scene)[:80]}")
        start, end = _times(scene.get("timestamps"), number)
        clips.append(
            Clip(key, list(_scene_texts(scene)), start_us=start, end_us=end, own_key=f"{key}#{number}",
                 given=texts_of(scene, set()))
        )  # fmt: skip
    return clips


def _times(stamps: Any, number: int) -> tuple[int, int]:
    if not isinstance(stamps, dict):
        raise BadRow("bad_span", f"scenes {number}: no timestamps: {repr(stamps)[:80]}")
    try:
        times = [parse_timecode(str(stamps.get(f"{edge}_timestamp", stamps.get(edge)))) for edge in ("start", "end")]
    except ValueError as error:
        raise BadRow("bad_span", f"scenes {number}: {error}") from None
    return times[0], times[1]


def _scene_texts(scene: Mapping[str, Any]) -> Iterator[GivenText]:
    title = scene.get("title")
    if isinstance(title, str) and title.strip():
        yield GivenText("given", title, "FineVideo/title")
    activities = scene.get("activities")
    for place, activity in enumerate(activities if isinstance(activities, list) else []):
        text = activity.get("description") if isinstance(activity, dict) else None
        if isinstance(text, str) and text.strip():
            yield GivenText("segment", text, "FineVideo/activity", place)


def fits_pair(record: Record) -> int:
    name, text = _first(record, _NAMES), _first(record, _TEXTS)
    return 1 if isinstance(name, str) and isinstance(text, str | list) else 0


def _first(record: Record, names: tuple[str, ...]) -> Any:
    return next((record[name] for name in names if record.get(name)), None)


def read_pair(record: Record) -> list[Clip]:
    """A video with one caption, or with several by several people."""
    if not fits_pair(record):
        raise BadRow("bad_row", "no name of a video, or no caption")
    name, said = a_text(_first(record, _NAMES), "video"), _first(record, _TEXTS)
    texts = [GivenText("given", a_text(text, "caption"), "the dataset") for text in (
        said if isinstance(said, list) else [said])]  # fmt: skip
    used = {next(n for n in _NAMES if record.get(n)), next((n for n in _TEXTS if record.get(n)), "")}
    url = name if name.lower().startswith(("http://", "https://")) else None
    return [Clip(name, texts, url, given=texts_of(record, used))]


def fits_own(record: Record) -> int:
    """Rows that `curate export` wrote."""
    return 2 if "longtake_clip" in record else 0


def read_own(record: Record) -> list[Clip]:
    inner = record.get("longtake_clip")
    if not isinstance(inner, dict) or not isinstance(inner.get("captions"), list):
        raise BadRow("bad_row", f"longtake_clip: no captions: {repr(inner)[:80]}")
    try:
        texts = [GivenText(c["kind"], c["text"], c["model"], c.get("segment")) for c in inner["captions"]]
        frames = inner.get("hdvg_frames")
        given = dict(inner.get("given") or {})
        return [Clip(
            a_text(inner["video_key"], "video_key"), texts, inner.get("url"), inner.get("start_us"),
            inner.get("end_us"), inner.get("own_key"), given,
            (frames[0], frames[1]) if frames else None, inner.get("dataset"),
        )]  # fmt: skip
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise BadRow("bad_row", f"longtake_clip: {type(error).__name__} {error}") from None
