"""Samples as rows of conversation formats. What a row cannot say in a format is named; it is found by reading the
written row again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from curate.doors.found import BadRow
from curate.doors.made import TOKENS, Conversation
from curate.doors.reading import chats, tarsier, videochat2
from curate.doors.record_files import Record
from curate.doors.writing.rows import SampleEntry

_SPANS = ("start_time", "end_time", "start_us", "end_us")


class LeftOut(Exception):
    """A sample that a format cannot say at all."""


@dataclass(frozen=True)
class ChatFormat:
    """`write`: one sample as a record; raises LeftOut. `read`: the reader, by which losses are found."""

    name: str
    write: Callable[[SampleEntry], Record]
    read: Callable[[Record], list[Conversation]]
    as_array: bool = False
    keeps_task: bool = False


def record_of(entry: SampleEntry, form: ChatFormat) -> tuple[Record | None, list[str]]:
    """The record, and what it does not hold of the sample; None where the sample is left out."""
    try:
        record = form.write(entry)
    except LeftOut as error:
        return None, [f"left out: {error}"]
    lost = [] if form.keeps_task or not entry.row["task"] else ["task"]
    try:
        again = form.read(record)[0]
    except BadRow as error:
        return None, [f"left out: read again it is no row ({error.reason})"]
    if again.messages != entry.messages:
        lost += _differences(entry.messages, again.messages)
    if dict(again.given) != dict(entry.given):
        lost.append("other columns")
    return record, lost


def _differences(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[str]:
    items = [item for message in before for item in message["content"]]
    media = [item[item["type"]] for item in items if item["type"] != "text"]
    lost = ["which part of a video is shown"] if any(_is_part(one) for one in media) else []
    extra = sorted({key for item in items for key in item if item["type"] == "text"} - {"type", "text"})
    lost += [f"{key} of a text" for key in extra]
    texts = ["".join(i["text"] for i in m["content"] if i["type"] == "text") for m in before]
    read = ["".join(i["text"] for i in m["content"] if i["type"] == "text") for m in after]
    if texts != read or [m["role"] for m in before] != [m["role"] for m in after]:
        lost.append("texts as they are, for they are joined or moved")
    return lost or ["how texts are divided, and their places between media"]


def _is_part(media: Any) -> bool:
    return isinstance(media, dict) and len(media) > 1


def _flat(entry: SampleEntry) -> tuple[list[tuple[str, str]], dict[str, list[str]]]:
    """(role, text with `<video>` and `<image>` where media stand), and the files by kind."""
    turns, files = [], {"image": list[str](), "video": list[str]()}
    for message in entry.messages:
        text = ""
        for place, item in enumerate(message["content"]):
            kind = item["type"]
            if kind == "text":
                said = item["text"]
                if any(token in said for token in TOKENS.values()):
                    raise LeftOut("a text that itself says <image> or <video>")
                behind = place > 0 and message["content"][place - 1]["type"] != "text"
                before = place + 1 < len(message["content"]) and message["content"][place + 1]["type"] != "text"
                text += f"\n{said}" if behind else f"{said}\n" if before else said
                continue
            media = item[kind]
            file = media.get(f"{kind}_file") if isinstance(media, Mapping) else media
            if not isinstance(file, str) or not file:
                raise LeftOut("a medium that is not one file of its kind")
            files[kind].append(file)
            text += TOKENS[kind]
        turns.append((message["role"], text))
    return turns, files


def _one_or_list(files: list[str]) -> str | list[str]:
    return files[0] if len(files) == 1 else files


def _base(entry: SampleEntry, name: str = "id") -> Record:
    return {name: entry.row["own_key"]} if entry.row["own_key"] is not None else {}


def _with_given(record: Record, entry: SampleEntry) -> Record:
    return record | {name: value for name, value in entry.given.items() if name not in record}


def _llava(entry: SampleEntry) -> Record:
    turns, files = _flat(entry)
    names = {"user": "human", "assistant": "gpt", "system": "system"}
    record = _base(entry) | {kind: _one_or_list(named) for kind, named in files.items() if named}
    record["conversations"] = [{"from": names[role], "value": text} for role, text in turns]
    return _with_given(record, entry)


def _sharegpt(entry: SampleEntry) -> Record:
    turns, files = _flat(entry)
    names = {"user": "human", "assistant": "gpt"}
    record = _base(entry)
    if turns and turns[0][0] == "system":
        record["system"] = turns.pop(0)[1]
    if any(role == "system" for role, _ in turns):
        raise LeftOut("a system message that is not the first")
    record["conversations"] = [{"from": names[role], "value": text} for role, text in turns]
    record |= {f"{kind}s": named for kind, named in files.items() if named} or {"images": []}
    return _with_given(record, entry)


def _swift(entry: SampleEntry) -> Record:
    turns, files = _flat(entry)
    record = _base(entry) | {"messages": [{"role": role, "content": text} for role, text in turns]}
    record |= {f"{kind}s": named for kind, named in files.items() if named} or {"images": []}
    return _with_given(record, entry)


def _openai(entry: SampleEntry) -> Record:
    messages = []
    for message in entry.messages:
        items: list[Any] = []
        for item in message["content"]:
            kind = item["type"]
            media = item[kind]
            if kind == "text":
                items.append({"type": "text", "text": media})
                continue
            file = media.get(f"{kind}_file") if isinstance(media, Mapping) else media
            if not isinstance(file, str):
                raise LeftOut("a medium that is not one file of its kind")
            items.append({"type": f"{kind}_url", f"{kind}_url": {"url": file}})
        messages.append({"role": message["role"], "content": items})
    return _with_given(_base(entry) | {"messages": messages}, entry)


def _tarsier(entry: SampleEntry) -> Record:
    record: Record = {"messages": entry.messages}
    record |= {name: entry.row[name] for name in ("dataset", "task") if entry.row[name]}
    key = entry.row["own_key"]
    if key is not None:
        record["idx"] = int(key) if key.isascii() and key.isdigit() and str(int(key)) == key else key
    return _with_given(record, entry)


def _videochat2(entry: SampleEntry) -> Record:
    record: Record = {}
    turns: list[Record] = []
    for number, message in enumerate(entry.messages):
        media = [item for item in message["content"] if item["type"] != "text"]
        texts = [item for item in message["content"] if item["type"] == "text"]
        if media and number:
            raise LeftOut("media behind the first message")
        if message["role"] != ("assistant" if number % 2 else "user"):
            raise LeftOut("roles that do not take turns")
        for item in media:
            record |= _videochat2_media(item, len(media))
        text = "".join(item["text"] for item in texts)
        if number % 2:
            turns[-1]["a"] = text
            turns[-1] |= next((item["more"] for item in texts if isinstance(item.get("more"), dict)), {})
        else:
            instruction = next((item["instruction"] for item in texts if "instruction" in item), "")
            question = text.removeprefix(instruction).removeprefix("\n") if instruction else text
            turns.append({"i": instruction, "q": question, "a": None})
    if not turns or turns[-1]["a"] is None:
        raise LeftOut("a question without an answer")
    return _with_given(record | {"QA": turns}, entry)


def _videochat2_media(item: dict[str, Any], count: int) -> Record:
    kind = item["type"]
    media = item[kind]
    file = media.get(f"{kind}_file") if isinstance(media, Mapping) else media
    if count != 1 or not isinstance(file, str):
        raise LeftOut("several media, or one that is not one file of its kind")
    span = {edge: media[f"{edge}_time"] for edge in ("start", "end") if f"{edge}_time" in media}
    span |= {edge: media[f"{edge}_us"] / 1e6 for edge in ("start", "end") if f"{edge}_us" in media}
    return {kind: file} | span


CHAT_FORMATS = {
    form.name: form
    for form in (
        ChatFormat("tarsier-jsonl", _tarsier, tarsier.read, keeps_task=True),
        ChatFormat("videochat2-it", _videochat2, videochat2.read, as_array=True),
        ChatFormat("llava", _llava, chats.read_conversations),
        ChatFormat("sharegpt", _sharegpt, chats.read_conversations),
        ChatFormat("ms-swift", _swift, chats.read_swift),
        ChatFormat("openai", _openai, chats.read_openai),
    )
}
