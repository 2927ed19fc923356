"""How the original reads a judge's answers, with its repairs and their limits."""

from __future__ import annotations

import json

from eval.judges.protocol import LABELS, Label
from eval.judges.repair import LONGEST, UNPARSABLE, literal, repaired, without_fence


class BadAnswer(Exception):
    """An answer that cannot be used: `.reason` is not_parsed, no_events, wrong_count or bad_label."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


def read_events(answer: str) -> list[str]:
    """The list under `events` of a Python dictionary. A fence counts only where the answer begins with it.

    Raises:
        BadAnswer: it is no such dictionary, or the first entry of the list is no text.
    """
    text = without_fence(answer)
    try:
        value = literal(text)
        events = value["events"]
    except UNPARSABLE as error:
        raise BadAnswer("not_parsed", f"{type(error).__name__}: {text[:120]}") from error
    if not isinstance(events, list) or (events and not isinstance(events[0], str)):
        raise BadAnswer("no_events", text[:120])
    return events


def read_labels(answer: str, num_events: int) -> list[Label]:
    """The labels of an answer in their order. For 0 events one label may come, that of the text asked about instead.

    Raises:
        BadAnswer: it is no JSON even when repaired, has another number of entries, or an unknown label.
    """
    text = repaired(answer)
    try:
        if len(text) > LONGEST:
            raise ValueError(f"{len(text)} characters")
        entries = json.loads(text)["events"]
        count = len(entries)
    except UNPARSABLE as error:
        raise BadAnswer("not_parsed", f"{type(error).__name__}: {text[:120]}") from error
    if count != num_events and not (num_events == 0 and count == 1):
        raise BadAnswer("wrong_count", f"{count} entries for {num_events} events")
    try:
        labels = [entry["relationship"].strip().lower() for entry in entries]
    except UNPARSABLE as error:
        raise BadAnswer("bad_label", f"{error!r} in {text[:120]}") from error
    if unknown := [label for label in labels if label not in LABELS]:
        raise BadAnswer("bad_label", f"{unknown[0]!r} is none of {LABELS}")
    return labels
