"""What one record of a dataset's file says: a conversation, or clips with texts; and the rows that this makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b, sha256
from typing import Any

from curate.doors.found import BadRow
from curate.doors.record_files import dumped
from engine.work import Row

TOKENS = {"image": "<image>", "video": "<video>"}
Messages = list[dict[str, Any]]


@dataclass(frozen=True)
class Conversation:
    """Messages in the form of `model.messages`, in their order, and what else the row said.

    `given`: JSON values by the row's own names. `is_caption`: the last answer is a caption of the one video.
    `dataset`: where the row names its own.
    """

    messages: Messages
    given: Mapping[str, Any]
    task: str | None = None
    own_key: str | None = None
    split: str | None = None
    dataset: str | None = None
    is_caption: bool = False


@dataclass(frozen=True)
class GivenText:
    """One text about one clip."""

    kind: str
    text: str
    model: str
    segment: int | None = None


@dataclass(frozen=True)
class Clip:
    """A span of a video (None: all of it) with its texts."""

    video_key: str
    texts: Sequence[GivenText]
    url: str | None = None
    start_us: int | None = None
    end_us: int | None = None
    own_key: str | None = None
    given: Mapping[str, str] = field(default_factory=dict)
    frames: tuple[int, int] | None = None
    dataset: str | None = None


Made = Conversation | Clip


def text_item(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": text, **more}


def video_item(file: str, **span: Any) -> dict[str, Any]:
    return {"type": "video", "video": {"video_file": file, **{k: v for k, v in span.items() if v is not None}}}


def image_item(file: str) -> dict[str, Any]:
    return {"type": "image", "image": {"image_file": file}}


def a_text(value: Any, what: str) -> str:
    """A text where the format has one.

    Raises:
        BadRow: it is none.
    """
    if not isinstance(value, str):
        raise BadRow("bad_row", f"{what}: a text is needed, got {repr(value)[:80]}")
    return value


def a_list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise BadRow("bad_row", f"{what}: a list is needed, got {repr(value)[:80]}")
    return value


def files_in(value: Any, what: str) -> list[str]:
    """Names of media: a text, a list of texts, or nothing."""
    listed = [] if value is None or value == "" else value if isinstance(value, list) else [value]
    named = [one.get("path") or one.get("url") if isinstance(one, dict) else one for one in listed]
    return [a_text(name, what) for name in named]


def with_media(turns: Sequence[tuple[str, str]], media: Mapping[str, Sequence[dict[str, Any]]]) -> Messages:
    """Messages of (role, text), in which each `<image>` and `<video>` becomes the next medium of its kind.

    Media without a place come before the first text of a user. One line break between a medium and a text belongs to
    the place.

    Raises:
        BadRow: there are more places than media.
    """
    left = {kind: list(items) for kind, items in media.items()}
    messages: Messages = []
    for role, text in turns:
        items: list[dict[str, Any]] = []
        for piece in _pieces(text):
            kind = next((k for k, token in TOKENS.items() if piece == token), None)
            if kind is None:
                items.append(text_item(piece))
            elif left.get(kind):
                items.append(left[kind].pop(0))
            else:
                raise BadRow("missing_media_name", f"a {TOKENS[kind]} for which the row names no file")
        messages.append({"role": role, "content": _without_breaks(items) or [text_item("")]})
    rest = [item for items in left.values() for item in items]
    first = next((message for message in messages if message["role"] == "user"), None)
    if rest and first is None:
        raise BadRow("no_user", "media, but no message of a user that they could belong to")
    if rest and first is not None:
        first["content"] = [*rest, *first["content"]]
    return messages


def _pieces(text: str) -> Iterator[str]:
    while text:
        at, token = min((at if at >= 0 else len(text), t) for t in TOKENS.values() for at in [text.find(t)])
        if at:
            yield text[:at]
        if at < len(text):
            yield token
        text = text[at + len(token) :]


def _without_breaks(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kept = []
    for place, item in enumerate(items):
        if item["type"] == "text":
            text = item["text"]
            if place and items[place - 1]["type"] != "text":
                text = text.removeprefix("\n")
            elif place + 1 < len(items):
                text = text.removesuffix("\n")
            if not text:
                continue
            kept.append(text_item(text))
        else:
            kept.append(item)
    return kept


@dataclass(frozen=True)
class Place:
    """Where a record stood: the file as it is shown, the line, the dataset's name, the format."""

    file: str
    line: int
    dataset: str
    format: str
    split: str | None = None


def rows_of(made: Made, place: Place) -> Iterator[tuple[str, Row]]:
    """Rows by table.

    Raises:
        BadRow: a text is no UTF-8, a span is none, there is no message.
    """
    if isinstance(made, Clip):
        request = _request(made.dataset or place.dataset, place.line, made)
        yield "requests", request
        yield from (("captions", row) for row in _captions(request["request_id"], made.texts))
        return
    dataset = made.dataset or place.dataset
    _check_utf8(dataset, made.task, made.own_key)
    media = _media_of(made.messages)
    messages = dumped(made.messages)
    requests = [_request(dataset, place.line, clip) for clip in map(_clip_of, media) if clip]
    yield from (("requests", request) for request in requests)
    captions = list(_captions(requests[0]["request_id"], _answer(made, dataset))) if len(requests) == 1 else []
    yield from (("captions", row) for row in captions)
    sample_id = blake2b(messages.encode(), digest_size=16).hexdigest()
    yield "samples", {
        "sample_id": sample_id, "messages": messages, "split": made.split or place.split,
        "clip_ids": [request["request_id"] for request in requests],
        "caption_ids": [row["caption_id"] for row in captions],
    }  # fmt: skip
    kinds = {item["type"] for item in media}
    yield "origins", {
        "sample_id": sample_id, "dataset": dataset, "source_row": place.line, "source": f"{place.file}:{place.line}",
        "format": place.format, "task": made.task, "own_key": made.own_key,
        "media": kinds.pop() if len(kinds) == 1 else "mixed" if kinds else "text", "given": dumped(dict(made.given)),
    }  # fmt: skip


def _media_of(messages: Messages) -> Messages:
    """The items that are no texts.

    Raises:
        BadRow: no message is of a user, or they say and show nothing.
    """
    media, is_asked, is_said = [], False, False
    for message in messages:
        is_asked = is_asked or message["role"] == "user"
        for item in message["content"]:
            if item["type"] != "text":
                media.append(item)
            elif not is_said:
                is_said = bool(item["text"] or item.get("reference") or item.get("chosen"))
    if not is_asked:
        raise BadRow("no_user", "no message of a user")
    if not (is_said or media):
        raise BadRow("empty", "no text and no medium")
    return media


def _answer(made: Conversation, dataset: str) -> list[GivenText]:
    answers = [message for message in made.messages if message["role"] == "assistant"]
    if not made.is_caption or len(answers) != 1:
        return []
    texts = []
    for item in answers[0]["content"]:
        said = item.get("text") or item.get("reference") or ""
        texts += said if isinstance(said, list) else [said]
    return [GivenText("given", text, dataset) for text in texts if isinstance(text, str) and text.strip(" ")]


def _clip_of(item: dict[str, Any]) -> Clip | None:
    """The span of a video that an item shows; None for pictures and frames that are files."""
    video = item["video"] if item["type"] == "video" else {}
    if not isinstance(video.get("video_file"), str):
        return None
    start, end = (_microseconds(video.get(f"{edge}_time")) for edge in ("start", "end"))
    start, end = (video.get("start_us", start), video.get("end_us", end))
    if start is None and end is not None:
        start = 0
    if end is None:  # open at the end: the whole video is what can be asked for
        start = None
    url = video["video_file"] if video["video_file"].lower().startswith(("http://", "https://")) else None
    return Clip(video["video_file"], (), url, start, end)


def _microseconds(seconds: Any) -> int | None:
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not abs(seconds) < 1e9:
        raise BadRow("bad_span", f"not a time in seconds: {repr(seconds)[:80]}")
    return round(seconds * 1e6)


def _request(dataset: str, line: int, clip: Clip) -> Row:
    if not clip.video_key.strip():
        raise BadRow("missing_media_name", "the name of the video is empty")
    if clip.start_us is not None and (clip.end_us is None or not 0 <= clip.start_us < clip.end_us):
        raise BadRow("bad_span", f"the span ends before it starts: {clip.start_us} to {clip.end_us} us")
    frames = f"[{clip.frames[0]}, {clip.frames[1]}]" if clip.frames else ""
    key = [dataset, clip.video_key, _or_empty(clip.start_us), _or_empty(clip.end_us), frames, clip.own_key or ""]
    _check_utf8(clip.url, *key, *clip.given.keys(), *clip.given.values())
    request_id = sha256("\x1f".join(key).encode()).hexdigest()[:32]
    return {
        "request_id": request_id, "dataset": dataset, "source_row": line, "url": clip.url,
        "video_key": clip.video_key, "span_start_us": clip.start_us, "span_end_us": clip.end_us,
        "hdvg_start_frame": clip.frames[0] if clip.frames else None,
        "hdvg_end_frame": clip.frames[1] if clip.frames else None, "own_key": clip.own_key,
        "given": list(clip.given.items()) if clip.given else None,
    }  # fmt: skip


def _check_utf8(*texts: str | None) -> None:
    for text in texts:
        if text is None or text.isascii():
            continue
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise BadRow("not_utf8", f"a text that is no UTF-8: {str(error)[:80]}") from None


def _or_empty(value: int | None) -> str:
    return "" if value is None else str(value)


def _captions(request_id: str, texts: Sequence[GivenText]) -> Iterator[Row]:
    for text in texts:
        if not text.text.strip(" "):
            continue
        _check_utf8(text.text, text.kind, text.model)
        key = (request_id, text.kind, -1 if text.segment is None else text.segment, text.model, text.text)
        digest = blake2b(repr(key).encode(), digest_size=16).hexdigest()
        yield {
            "caption_id": digest, "clip_id": request_id, "kind": text.kind, "segment": text.segment,
            "text": text.text, "model": text.model,
        }  # fmt: skip
