"""LLaVA, ShareGPT, ms-swift and OpenAI rows: texts say `<image>` and `<video>` where media stand."""

from __future__ import annotations

from typing import Any

from curate.doors.found import BadRow
from curate.doors.made import Conversation, a_list, a_text, files_in, image_item, text_item, video_item, with_media
from curate.doors.record_files import Record

_FROM = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "system": "system"}
_LISTS = ("images", "videos")


def _media(images: Any, videos: Any) -> dict[str, list[dict[str, Any]]]:
    return {
        "video": [video_item(name) for name in files_in(videos, "video")],
        "image": [image_item(name) for name in files_in(images, "image")],
    }


def _role(name: Any, number: int) -> str:
    if not isinstance(name, str) or name not in _FROM:
        raise BadRow("bad_role", f"turn {number}: {repr(name)[:40]} is none of {', '.join(_FROM)}")
    return _FROM[name]


def _key(record: Record, name: str = "id") -> str | None:
    value = record.get(name)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


def _rest(record: Record, own: set[str]) -> dict[str, Any]:
    kept = own - {"id"} if _key(record) is None else own
    return {name: value for name, value in record.items() if name not in kept}


def _is_conversations(record: Record) -> bool:
    turns = record.get("conversations")
    return isinstance(turns, list) and all(isinstance(turn, dict) and "from" in turn for turn in turns)


def fits_llava(record: Record) -> int:
    if not _is_conversations(record) or any(name in record for name in (*_LISTS, "system", "tools")):
        return 0
    return 2 if isinstance(record.get("image", record.get("video")), str | list) else 1


def fits_sharegpt(record: Record) -> int:
    if not _is_conversations(record) or "image" in record or "video" in record:
        return 0
    return 2 if any(name in record for name in (*_LISTS, "system", "tools")) else 1


def read_conversations(record: Record) -> list[Conversation]:
    """LLaVA and ShareGPT: turns of `from` and `value`; media in `image`, `video`, or in `images`, `videos`."""
    turns = [("system", a_text(record["system"], "system"))] if record.get("system") else []
    for number, turn in enumerate(a_list(record.get("conversations"), "conversations")):
        if not isinstance(turn, dict):
            raise BadRow("bad_row", f"turn {number}: not an object but {repr(turn)[:80]}")
        turns.append((_role(turn.get("from"), number), a_text(turn.get("value"), f"turn {number}, value")))
    media = _media(record.get("image", record.get("images")), record.get("video", record.get("videos")))
    own = {"conversations", "system", "image", "video", "images", "videos", "id"}
    return [Conversation(with_media(turns, media), _rest(record, own), own_key=_key(record))]


def fits_swift(record: Record) -> int:
    if isinstance(record.get("query"), str) and "response" in record:
        return 2
    if not _has_messages(record, str):
        return 0
    return 2 if any(name in record for name in _LISTS) else 1


def _has_messages(record: Record, kind: type) -> bool:
    messages = record.get("messages")
    return (
        isinstance(messages, list)
        and bool(messages)
        and all(isinstance(m, dict) and "role" in m and isinstance(m.get("content"), kind) for m in messages)
    )


def read_swift(record: Record) -> list[Conversation]:
    """ms-swift: `messages` with texts and lists of media, or its older `query`, `response` and `history`."""
    turns = [("system", a_text(record["system"], "system"))] if record.get("system") else []
    if "messages" in record:
        for number, message in enumerate(a_list(record["messages"], "messages")):
            if not isinstance(message, dict):
                raise BadRow("bad_row", f"message {number}: not an object but {repr(message)[:80]}")
            turns.append((_role(message.get("role"), number), a_text(message.get("content"), f"message {number}")))
    else:
        for pair in a_list(record.get("history") or [], "history"):
            asked, answered = pair if isinstance(pair, list) and len(pair) == 2 else (None, None)
            turns += [("user", a_text(asked, "history")), ("assistant", a_text(answered, "history"))]
        turns.append(("user", a_text(record.get("query"), "query")))
        if record.get("response") is not None:
            turns.append(("assistant", a_text(record["response"], "response")))
    media = _media(record.get("images"), record.get("videos"))
    own = {"messages", "system", "images", "videos", "query", "response", "history", "id"}
    return [Conversation(with_media(turns, media), _rest(record, own), own_key=_key(record))]


def fits_openai(record: Record) -> int:
    messages = record.get("messages")
    if not isinstance(messages, list) or any(name in record for name in _LISTS):
        return 0
    items = [
        item for m in messages if isinstance(m, dict) and isinstance(m.get("content"), list) for item in m["content"]
    ]
    types = {item.get("type") for item in items if isinstance(item, dict)}
    if types & {"image_url", "video_url"}:
        return 2
    return 1 if types <= {"text"} and all(isinstance(m, dict) and "role" in m for m in messages) else 0


def read_openai(record: Record) -> list[Conversation]:
    """OpenAI's messages: content is a text, or items of type text, image_url and video_url."""
    messages = []
    for number, message in enumerate(a_list(record.get("messages"), "messages")):
        if not isinstance(message, dict):
            raise BadRow("bad_row", f"message {number}: not an object but {repr(message)[:80]}")
        content = message.get("content")
        items = [text_item(content)] if isinstance(content, str) else [
            _openai_item(item, number) for item in a_list(content, f"message {number}, content")
        ]  # fmt: skip
        messages.append({"role": _role(message.get("role"), number), "content": items})
    return [Conversation(messages, _rest(record, {"messages", "id"}), own_key=_key(record))]


def _openai_item(item: Any, number: int) -> dict[str, Any]:
    kind = item.get("type") if isinstance(item, dict) else None
    if kind == "text":
        return text_item(a_text(item.get("text"), f"message {number}, text"))
    if kind in ("image_url", "video_url"):
        inner = item.get(kind)
        url = a_text(inner.get("url") if isinstance(inner, dict) else inner, f"message {number}, {kind}")
        return video_item(url) if kind == "video_url" else image_item(url)
    raise BadRow("bad_item", f"message {number}: an item that is no text, image_url or video_url: {repr(item)[:80]}")
