"""Messages as in Tarsier's sample rows, checked and brought into one form.

A message is {"role": "system" | "user" | "assistant", "content": text or a list of items}; an item is

    {"type": "text", "text": ...}
    {"type": "image", "image": {"image_file": path} or {"video_file": path, "frame_indices": number}}
    {"type": "image", "image": {"video_file": path, "grid": [rows, columns]}}: frames of a video in one picture
    {"type": "video", "video": {"video_file": path} or {"image_file": [paths]} or {"frames": uint8 [n, H, W, 3]}}

In place of "video_file": path there may be "video_url": url, which is opened wherever it leads.
A path may stand for the inner mapping, and the inner keys may stand in the item itself. A video's mapping may also say
which part to look at: `frame_indices`, `time_indices`, `start_frame`/`end_frame`, `start_time`/`end_time` (seconds,
ends included), `start_us`/`end_us` (microseconds, half-open), `fps`, `min_n_frames`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from model.errors import ModelError

ROLES = ("system", "user", "assistant")
SPAN_KEYS = frozenset(
    ["frame_indices", "time_indices", "start_frame", "end_frame", "start_time", "end_time", "start_us", "end_us"]
)
SOURCE_KEYS = ("video_file", "video_url", "image_file", "frames")
VIDEO_KEYS = SPAN_KEYS | {*SOURCE_KEYS, "grid", "fps", "min_n_frames", "n_frames"}


@dataclass(frozen=True)
class Item:
    """One content item. text: of a text item. media: the inner mapping of an image or video item."""

    kind: Literal["text", "image", "video"]
    text: str = ""
    media: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Message:
    role: str
    content: tuple[Item, ...]

    @property
    def text(self) -> str:
        return "".join(item.text for item in self.content)


def parse_messages(messages: Sequence[Mapping[str, Any]] | Mapping[str, Any]) -> tuple[Message, ...]:
    """Checks messages, or a sample row that holds them under "messages". Raises ModelError("bad_message")."""
    if isinstance(messages, Mapping):
        if "messages" not in messages:
            raise ModelError("bad_message", f"A row without the key 'messages'; it has {sorted(messages)}.")
        messages = messages["messages"]
    if not isinstance(messages, Sequence) or isinstance(messages, str) or not messages:
        raise ModelError("bad_message", f"Messages must be a list with at least one message, got {_short(messages)}.")
    return tuple(_message(message, number) for number, message in enumerate(messages))


def media_items(messages: Sequence[Message]) -> list[Item]:
    """Image and video items in the order in which they are shown."""
    return [item for message in messages for item in message.content if item.kind != "text"]


def path_of(name: Any, root: str | Path) -> Path:
    """The file that a message names, relative to root. Raises ModelError: not a text, or no such file."""
    if not isinstance(name, str | Path) or not str(name):
        raise ModelError("bad_message", f"A file name must be a text, got {_short(name)}.")
    if "\0" in str(name):
        raise ModelError("bad_message", f"A file name holds a NUL byte: {_short(str(name))}.")
    path = Path(root) / name
    if not path.is_file():
        raise ModelError("missing_media", f"{path} is not a file.")
    return path


def _message(message: Any, number: int) -> Message:
    if not isinstance(message, Mapping) or message.get("role") not in ROLES:
        raise ModelError("bad_message", f"Message {number} needs a role of {ROLES}, got {_short(message)}.")
    content = message.get("content")
    if isinstance(content, str):
        return Message(message["role"], (Item("text", content),))
    if not isinstance(content, Sequence):
        raise ModelError("bad_message", f"Message {number} needs content, a text or a list, got {_short(content)}.")
    return Message(message["role"], tuple(_item(item, number) for item in content))


def _item(item: Any, number: int) -> Item:
    kind = item.get("type") if isinstance(item, Mapping) else None
    if kind == "text":
        if not isinstance(item.get("text"), str):
            raise ModelError("bad_message", f"Message {number} has a text item without text: {_short(item)}.")
        return Item("text", item["text"])
    if kind not in ("image", "video"):
        raise ModelError(
            "bad_message", f"Message {number} has an item that is no text, image or video: {_short(item)}."
        )
    inner = item.get(kind)
    if isinstance(inner, str | Path):
        inner = {f"{kind}_file": inner}
    if inner is None:
        inner = {key: value for key, value in item.items() if key in VIDEO_KEYS}
    if not isinstance(inner, Mapping):
        raise ModelError("bad_message", f"Message {number} has an {kind} item that names no file: {_short(item)}.")
    _check_media(kind, inner, number)
    return Item(kind, media=inner)


def _check_media(kind: str, inner: Mapping[str, Any], number: int) -> None:
    if unknown := set(inner) - VIDEO_KEYS:
        raise ModelError("bad_message", f"Message {number} asks for {sorted(unknown)}, which is not known here.")
    sources = [key for key in SOURCE_KEYS if key in inner]
    if len(sources) != 1:
        raise ModelError(
            "bad_message", f"Message {number}: an {kind} needs one source, got {sources or _short(inner)}."
        )
    if "grid" in inner:
        _check_grid(kind, inner, number)
    elif kind == "image" and is_video(inner) and not isinstance(inner.get("frame_indices"), int):
        raise ModelError("bad_message", f"Message {number}: an image from a video needs one number as frame_indices.")


def _check_grid(kind: str, inner: Mapping[str, Any], number: int) -> None:
    grid = inner["grid"]
    sound = isinstance(grid, Sequence) and len(grid) == 2 and all(isinstance(n, int) and 1 <= n <= 16 for n in grid)
    if kind != "image" or not is_video(inner) or not sound:
        raise ModelError(
            "bad_message", f"Message {number}: grid is [rows, columns], 1 to 16 each, of an image from a video."
        )


def is_video(media: Mapping[str, Any]) -> bool:
    """Whether an item's pictures come out of a video."""
    return "video_file" in media or "video_url" in media


def video_of(media: Mapping[str, Any], root: str | Path) -> Path | str:
    """The file or url of an item from a video. Raises ModelError: not a text, or no such file."""
    if "video_file" in media:
        return path_of(media["video_file"], root)
    url = media["video_url"]
    if not isinstance(url, str) or "://" not in url:
        raise ModelError("bad_message", f"A video_url must be a url, got {_short(url)}.")
    return url


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "..."
