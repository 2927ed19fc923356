"""Benchmarks' annotation files: a question about a video with choices and an answer, and our own Parquet of samples."""

from __future__ import annotations

import json
from typing import Any

from curate.doors.found import BadRow
from curate.doors.made import Conversation, a_list, a_text, text_item, video_item
from curate.doors.record_files import Record

_VIDEOS = ("video", "video_name", "video_id", "video_path", "videoID", "vid", "q_uid")
_CHOICES = ("candidates", "options", "choices")
_NUMBERED = (*(f"a{n}" for n in range(10)), *(f"option {n}" for n in range(10)))
_ANSWERS = ("answer", "truth", "correct_answer", "ground_truth")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def fits(record: Record) -> int:
    """2: a question, choices and a video; 1: without choices."""
    if not isinstance(record.get("question"), str) or _first(record, _VIDEOS) is None:
        return 0
    return 2 if _choices(record) else 1 if _first(record, _ANSWERS) is not None else 0


def _first(record: Record, names: tuple[str, ...]) -> Any:
    return next((record[name] for name in names if record.get(name) is not None), None)


def _choices(record: Record) -> list[str]:
    listed = _first(record, _CHOICES)
    if isinstance(listed, str) and listed.startswith("["):
        try:
            listed = json.loads(listed)
        except ValueError:
            return []
    if isinstance(listed, list):
        return [str(one) for one in listed]
    return [str(record[name]) for name in _NUMBERED if record.get(name) is not None]


def read(record: Record) -> list[Conversation]:
    """Question and lettered choices; the answer as its letter and text. The row itself is kept in `given`."""
    name = _first(record, _VIDEOS)
    choices = _choices(record)
    if isinstance(name, bool) or not isinstance(name, str | int):
        raise BadRow("missing_media_name", f"no name of a video: {repr(name)[:80]}")
    question = a_text(record.get("question"), "question")
    if choices and not choices[0].startswith(("A.", "(A)", "A)")):
        question = "\n".join([question, *(f"({LETTERS[n]}) {text}" for n, text in enumerate(choices[:26]))])
    elif choices:
        question = "\n".join([question, *choices])
    span = {"start_time": record.get("start"), "end_time": record.get("end")}
    span = span if isinstance(span["start_time"], int | float) and isinstance(span["end_time"], int | float) else {}
    messages = [{"role": "user", "content": [video_item(str(name), **span), text_item(question)]}]
    answer = _answer(_first(record, _ANSWERS), choices)
    if answer is not None:
        messages.append({"role": "assistant", "content": [text_item(answer)]})
    task = record.get("task_type", record.get("type"))
    return [Conversation(messages, record, task=task if isinstance(task, str) else None, split="test")]


def _answer(answer: Any, choices: list[str]) -> str | None:
    """A letter, a number from 0, or the text of a choice."""
    if answer is None:
        return None
    if isinstance(answer, bool) or not isinstance(answer, str | int):
        raise BadRow("bad_row", f"answer: neither a text nor a number: {repr(answer)[:80]}")
    if not choices:
        return str(answer)
    if isinstance(answer, int) or (answer.isdigit() and answer not in choices):
        number = int(answer)
    elif len(answer) == 1 and answer in LETTERS[: len(choices)]:
        number = LETTERS.index(answer)
    elif answer in choices:
        number = choices.index(answer)
    else:
        raise BadRow("bad_answer", f"answer: {answer[:80]!r} is none of the {len(choices)} choices")
    if not 0 <= number < len(choices):
        raise BadRow("bad_answer", f"answer: choice {number} of {len(choices)}")
    text = choices[number]
    return text if text.startswith((f"{LETTERS[number]}.", f"({LETTERS[number]})", f"{LETTERS[number]})")) else (
        f"({LETTERS[number]}) {text}")  # fmt: skip


def fits_own(record: Record) -> int:
    """Rows of samples that `curate export --format hf` wrote."""
    return 2 if {"sample_id", "messages", "given"} <= set(record) and isinstance(record["messages"], str) else 0


def read_own(record: Record) -> list[Conversation]:
    try:
        messages, given = json.loads(record["messages"]), json.loads(record["given"] or "{}")
        a_list(messages, "messages")
        for message in messages:
            if message["role"] not in ("system", "user", "assistant"):
                raise BadRow("bad_role", f"{message['role']!r}")
            for item in message["content"]:
                if item["type"] not in ("text", "image", "video") or not isinstance(item[item["type"]], str | dict):
                    raise BadRow("bad_item", repr(item)[:80])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadRow("bad_row", f"messages: {type(error).__name__} {error}") from None
    return [Conversation(
        messages, given, record.get("task"), record.get("own_key"), record.get("split"), record.get("dataset"),
        is_caption=bool(record.get("is_caption")),
    )]  # fmt: skip
