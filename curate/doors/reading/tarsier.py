"""Tarsier's rows: `messages` with lists of items (second form), or `text` with `prompt` and `response` (first)."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from curate.doors.found import BadRow
from curate.doors.made import Conversation, a_list, a_text, files_in, image_item, text_item, video_item, with_media
from curate.doors.record_files import Record

PLACEHOLDER = "<placeholder>"
_ROLES = ("system", "user", "assistant")
_SPAN = ("start_time", "end_time")
_V2_OWN = {"messages", "dataset", "task", "idx"}
_V1_OWN = {"text", "video_file", "image_file", "dataset", "task", "idx", *_SPAN}


def fits(record: Record) -> int:
    """2: surely of this format; 1: it may be; 0: not."""
    if isinstance(record.get("text"), dict) and "prompt" in record["text"]:
        return 2
    contents = _contents(record)
    if not contents or not all(isinstance(content, list) for content in contents):
        return 0
    types = {item.get("type") for content in contents for item in content if isinstance(item, dict)}
    if types - {"text", "image", "video"}:
        return 0
    return 2 if {"image", "video"} & types or {"task", "dataset"} & set(record) else 1


def _contents(record: Record) -> list[Any]:
    messages = record.get("messages")
    return [m.get("content") for m in messages if isinstance(m, dict)] if isinstance(messages, list) else []


def read(record: Record) -> list[Conversation]:
    """One conversation."""
    return [_v1(record) if isinstance(record.get("text"), dict) else _v2(record)]


def _v2(record: Record) -> Conversation:
    messages = []
    for number, message in enumerate(a_list(record.get("messages"), "messages")):
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            raise BadRow("bad_role", f"message {number} needs a role of {_ROLES}, got {repr(message)[:80]}")
        content = message.get("content")
        items = [text_item(content)] if isinstance(content, str) else [
            _item(item, record, number) for item in a_list(content, f"message {number}, content")
        ]  # fmt: skip
        messages.append({"role": message["role"], "content": items})
    return _conversation(record, messages, _V2_OWN)


def _item(item: Any, record: Record, number: int) -> dict[str, Any]:
    """An item without what is null in it."""
    kind = item.get("type") if isinstance(item, dict) else None
    kept = {key: value for key, value in item.items() if value is not None} if isinstance(item, dict) else {}
    if kind == "text":
        return {"type": "text", "text": "", **kept, **{"text": a_text(kept.get("text", ""), f"message {number}")}}
    if kind not in ("image", "video"):
        raise BadRow("bad_item", f"message {number}: an item that is no text, image or video: {repr(item)[:80]}")
    inner = kept.get(kind)
    inner = {f"{kind}_file": inner} if isinstance(inner, str) else inner
    if not isinstance(inner, dict):
        raise BadRow("bad_item", f"message {number}: an item of type {kind} that names no file: {repr(item)[:80]}")
    inner = {key: _filled(value, record) for key, value in inner.items() if value is not None}
    if not {"video_file", "image_file"} & set(inner):
        raise BadRow("bad_item", f"message {number}: an item of type {kind} that names no file: {repr(item)[:80]}")
    files_in(inner.get("video_file", inner.get("image_file")), f"message {number}, file")
    return {"type": kind, kind: inner}


def _filled(value: Any, record: Record) -> Any:
    """The benchmarks leave the file's name to the user and say only `vid`; a name without ending is an mp4."""
    if value != PLACEHOLDER:
        return value
    vid = record.get("vid", (record.get("extra_info") or {}).get("vid") if isinstance(record.get("extra_info"), dict)
                     else None)  # fmt: skip
    if vid is None:
        return value
    return str(vid) if PurePath(str(vid)).suffix else f"{vid}.mp4"


def _v1(record: Record) -> Conversation:
    text = record["text"]
    prompt = a_text(text.get("prompt"), "text.prompt")
    asked, _, begun = prompt.partition("ASSISTANT:")
    span = {name: record.get(name) for name in _SPAN}
    videos = record.get("video_file")
    if isinstance(videos, list):  # frames as files are one video
        shown = {name: time for name, time in span.items() if time is not None}
        frames = {"image_file": files_in(videos, "video_file"), **shown}
        media = {"video": [{"type": "video", "video": frames}]}
    else:
        named = files_in(_filled(videos, record), "video_file")
        media = {"video": [video_item(name, **span) for name in named]}
    media["image"] = [image_item(name) for name in files_in(record.get("image_file"), "image_file")]
    messages = with_media([("user", asked.removeprefix("USER:").strip(" "))], media)
    response = text.get("response")
    answer = [text_item(begun)] if begun.strip() else []
    if isinstance(response, list):
        answer.append(text_item("", reference=response))
    elif response is not None:
        answer.append(text_item(a_text(response, "text.response")))
    if answer:
        messages.append({"role": "assistant", "content": answer})
    more = {key: value for key, value in text.items() if key not in ("prompt", "response")}
    return _conversation({**record, **({"text_more": more} if more else {})}, messages, _V1_OWN)


def _conversation(record: Record, messages: list[dict[str, Any]], own: set[str]) -> Conversation:
    task, dataset = record.get("task"), record.get("dataset")
    key = record.get("idx")
    return Conversation(
        messages,
        {name: value for name, value in record.items() if name not in own or (name == "idx" and not _plain(value))},
        task=None if task is None else a_text(task, "task"),
        own_key=str(key) if _plain(key) else None,
        dataset=None if not dataset else a_text(dataset, "dataset"),
        is_caption=(isinstance(task, str) and "caption" in task.lower())
        or (isinstance(dataset, str) and "caption" in dataset.lower()),
    )


def _plain(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)
