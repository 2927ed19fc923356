"""VideoChat2-IT: an image or a video with turns of instruction, question and answer, in their order."""

from __future__ import annotations

from typing import Any

from curate.doors.found import BadRow
from curate.doors.made import Conversation, a_list, a_text, files_in, image_item, text_item, video_item
from curate.doors.record_files import Record

_OWN = {"video", "image", "QA", "start", "end"}
TURN = frozenset({"i", "q", "a"})


def fits(record: Record) -> int:
    """2: it has `QA`."""
    return 2 if "QA" in record else 0


def read(record: Record) -> list[Conversation]:
    """One conversation: an instruction stands before the question of its turn, and is kept apart in `instruction`."""
    span = {f"{edge}_time": record.get(edge) for edge in ("start", "end")}
    media = [video_item(name, **span) for name in files_in(record.get("video"), "video")]
    media += [image_item(name) for name in files_in(record.get("image"), "image")]
    turns = a_list(record.get("QA"), "QA")
    if not turns:
        raise BadRow("empty", "QA: no turn")
    messages: list[dict[str, Any]] = []
    for number, turn in enumerate(turns):
        if not isinstance(turn, dict):
            raise BadRow("bad_row", f"QA {number}: not an object but {repr(turn)[:80]}")
        asked, answer = _question(turn, number), a_text(turn.get("a"), f"QA {number}, a")
        messages.append({"role": "user", "content": [*(media if number == 0 else []), asked]})
        messages.append({"role": "assistant", "content": [text_item(answer, **_more(turn))]})
    only = len(turns) == 1 and not turns[0].get("q")
    return [Conversation(messages, {k: v for k, v in record.items() if k not in _OWN}, is_caption=only)]


def _question(turn: dict[str, Any], number: int) -> dict[str, Any]:
    instruction = a_text(turn.get("i") or "", f"QA {number}, i")
    question = a_text(turn.get("q") or "", f"QA {number}, q")
    if not instruction:
        return text_item(question)
    return text_item(f"{instruction}\n{question}" if question else instruction, instruction=instruction)


def _more(turn: dict[str, Any]) -> dict[str, Any]:
    more = {key: value for key, value in turn.items() if key not in TURN}
    return {"more": more} if more else {}
