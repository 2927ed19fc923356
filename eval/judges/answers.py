"""Reading a judge's answer under `open`: JSON, wherever it stands in the text, with a label for every event."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from eval.judges.protocol import LABELS, Label
from eval.judges.repair import LONGEST, UNPARSABLE, literal, repaired

_FENCE = re.compile(r"```[a-zA-Z]*\s*\n?(.*?)```", re.DOTALL)
EXTRACT_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"events": {"type": "array", "items": {"type": "string"}}},
    "required": ["events"],
    "additionalProperties": False,
}


class UnusableAnswer(Exception):
    """`.reason` is not_parsed, no_events, wrong_count or bad_label."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


def labels_schema(num_events: int) -> dict[str, Any]:
    """An object with the keys "0" to "n-1", each a label and all required: the count cannot be another one."""
    keys = [str(i) for i in range(num_events)]
    label = {"type": "string", "enum": list(LABELS)}
    return {
        "type": "object",
        "properties": dict.fromkeys(keys, label),
        "required": keys,
        "additionalProperties": False,
    }


def read_open_events(answer: str) -> list[str]:
    """The events of an answer, blank ones and repetitions left out.

    Raises:
        UnusableAnswer: there is no JSON with a list of texts under `events` in it.
    """
    value = _json_in(answer)
    events = value.get("events") if isinstance(value, Mapping) else value
    if not isinstance(events, list) or not all(isinstance(event, str) for event in events):
        raise UnusableAnswer("no_events", answer[:120])
    distinct = {event.strip().casefold(): event.strip() for event in reversed(events) if event.strip()}
    return list(distinct.values())[::-1]


def read_open_labels(answer: str, num_events: int) -> list[Label]:
    """A label for each event, by its number; by its place only where an answer numbers nothing and counts right.

    Raises:
        UnusableAnswer: no JSON, a number missing, doubled or too many, or an unknown label.
    """
    numbered = _numbered(_json_in(answer))
    if sorted(numbered, key=int) != [str(i) for i in range(num_events)]:
        raise UnusableAnswer("wrong_count", f"{len(numbered)} labels for {num_events} events: {answer[:120]}")
    labels = [numbered[str(i)] for i in range(num_events)]
    normal = [label.strip().lower() if isinstance(label, str) else label for label in labels]
    if unknown := [label for label in normal if label not in LABELS]:
        raise UnusableAnswer("bad_label", f"{unknown[0]!r} is none of {LABELS}")
    return cast("list[Label]", normal)


def _numbered(value: Any) -> dict[str, Any]:
    """Labels by number, from {"0": label}, [{"i": 0, "label": label}], or entries in order."""
    if isinstance(value, Mapping):
        value = next((value[key] for key in ("labels", "events") if isinstance(value.get(key), list | Mapping)), value)
    if isinstance(value, Mapping):
        if not all(str(key).isdecimal() and str(key).isascii() for key in value):
            raise UnusableAnswer("not_parsed", f"keys that are no numbers: {list(value)[:5]}")
        return {str(int(key)): label for key, label in value.items()}
    if not isinstance(value, list) or not all(isinstance(entry, Mapping) for entry in value):
        raise UnusableAnswer("not_parsed", f"neither numbered labels nor a list of them: {str(value)[:120]}")
    numbers = [entry.get("i", place) for place, entry in enumerate(value)]
    if not all(isinstance(number, int) and number >= 0 for number in numbers) or len(set(numbers)) != len(numbers):
        raise UnusableAnswer("wrong_count", f"numbers {numbers[:12]}")
    labels = [entry.get("label", entry.get("relationship")) for entry in value]
    return {str(number): label for number, label in zip(numbers, labels, strict=True)}


def _json_in(answer: str) -> Any:
    """The first reading that is JSON, or a Python literal, which some chats write instead."""
    if len(answer) > LONGEST:
        raise UnusableAnswer("not_parsed", f"{len(answer)} characters")
    for text in _candidates(answer):
        for read in (json.loads, literal):
            try:
                return read(text)
            except UNPARSABLE:
                continue
    raise UnusableAnswer("not_parsed", answer[:120])


def _candidates(answer: str) -> Iterator[str]:
    """The whole answer, what its fence holds, from the first to the last bracket of either kind, and that repaired."""
    yield answer.strip()
    if fenced := _FENCE.search(answer):
        yield fenced[1].strip()
    for opens, closes in ("{}", "[]"):
        begin, end = answer.find(opens), answer.rfind(closes)
        if 0 <= begin < end:
            yield answer[begin : end + 1]
    if "{" in answer:
        yield repaired(answer)
