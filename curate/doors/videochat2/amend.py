"""The steps by which an instruction set is built, over our tables: each makes a new sub-set out of one that is there.

What a step makes stands beside what it was made from, under a name of its own; `made_from` in `given` names the sample.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from curate.doors.found import BadRow
from curate.doors.made import Conversation, Place, rows_of
from curate.doors.new_parts import NewParts
from curate.doors.reading.questions import LETTERS
from curate.doors.writing.rows import SampleEntry, opened, sample_entries
from engine.catalogue import Catalogue
from engine.work import Row

if TYPE_CHECKING:
    from model.captioner import Captioner

Messages = list[dict[str, Any]]
Change = Callable[[SampleEntry], Messages | None]
ROWS_AT_ONCE = 5_000
REFUSAL = re.compile(
    r"^\W*(sorry\b|i'?m sorry|i am sorry|i apologi[sz]e|unfortunately,? i|i (cannot|can'?t|am unable|'?m unable)|"
    r"as an ai\b|i do not have (the )?ability)",
    re.IGNORECASE,
)
REWRITE = (
    "A question about a picture or a video was answered with an apology. Say the same in one plain sentence that a "
    "person would use who has looked and does not find it there; no apology, nothing about being a model.\n"
    "Question: {question}\nAnswer: {answer}\nPlain sentence:"
)
INSTRUCT = (
    "Write {count} different instructions, a line each and without numbers, that tell an assistant what to do in this "
    "task. They must not speak of this example.\nTask: {task}\nExample question: {question}\nExample answer: {answer}"
)
_REPAIRS = (
    (re.compile(r"[ \t]{2,}"), " "), (re.compile(r"([,;:!?])\1+"), r"\1"),
    (re.compile(r"(?<!\.)\.\.(?!\.)"), "."), (re.compile(r",\."), "."), (re.compile(r" +([,.;:!?])(?=\s|$)"), r"\1"),
    (re.compile(r"\bi\b(?=['’](m|ve|ll|d)\b)"), "I"),
    (re.compile(r"\b(a|the|is|of|to|in|and) \1\b", re.IGNORECASE), r"\1"),
)  # fmt: skip


@dataclass
class Amended:
    """`made`: samples of the new sub-set. `failed`: samples that a step could not do, by reason."""

    looked_at: int = 0
    made: int = 0
    changed: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[str, str]] = field(default_factory=list)


def amend(catalogue: Catalogue, dataset: str, into: str, change: Change, *, only_changed: bool = False) -> Amended:
    """Write the samples of a dataset, changed, as the dataset `into`. `change` returns new messages, or None for those
    that it leaves out; BadRow for what it cannot do."""
    done = Amended()
    with opened(catalogue, None) as connection, NewParts(catalogue) as parts:
        buffers: dict[str, list[Row]] = {}
        entries = (e for e in sample_entries(connection, None) if e.row["dataset"] == dataset)
        for entry in entries:
            done.looked_at += 1
            try:
                messages = change(entry)
            except BadRow as error:
                done.failed[error.reason] += 1
                continue
            if messages is None or (only_changed and messages == entry.messages):
                continue
            done.changed += messages != entry.messages
            _keep_example(done, entry, messages)
            done.made += 1
            for name, row in _rows(entry, messages, into):
                buffers.setdefault(name, []).append(row)
            if done.made % ROWS_AT_ONCE == 0:
                _flush(parts, buffers)
        _flush(parts, buffers)
        parts.publish_new()
    return done


def _rows(entry: SampleEntry, messages: Messages, into: str) -> Iterator[tuple[str, Row]]:
    row = entry.row
    made = Conversation(
        messages, {**entry.given, "made_from": row["sample_id"]}, row["task"], row["own_key"], row["split"]
    )
    for name, new in rows_of(made, Place(into, row["source_row"], into, "amend")):
        if name == "samples":
            new |= {"clip_ids": row["clip_ids"], "caption_ids": row["caption_ids"]}
        if name != "requests":  # the same videos, which are asked for already
            yield name, new


def _flush(parts: NewParts, buffers: dict[str, list[Row]]) -> None:
    for name, rows in buffers.items():
        parts.add(name, rows)
    buffers.clear()


def _keep_example(done: Amended, entry: SampleEntry, messages: Messages) -> None:
    if messages == entry.messages or len(done.examples) >= 3:
        return
    for say in (texts_of, _media_of):
        pairs = ((a, b) for a, b in zip(say(entry.messages), say(messages), strict=False) if a != b)
        if (found := next(pairs, None)) is not None:
            done.examples.append(found)
            return


def _media_of(messages: Messages) -> list[str]:
    items = (item for message in messages for item in message["content"] if item["type"] != "text")
    return [json.dumps(item[item["type"]], ensure_ascii=False) for item in items]


def texts_of(messages: Messages) -> list[str]:
    return [item["text"] for message in messages for item in message["content"] if item["type"] == "text"]


def with_texts(
    messages: Messages, new: Callable[[str, str], str], roles: Sequence[str] = ("user", "assistant")
) -> Messages:
    """The messages with `new(role, text)` in place of each text of some roles."""
    return [
        {**m, "content": [
            {**i, "text": new(m["role"], i["text"])} if i["type"] == "text" and m["role"] in roles else i
            for i in m["content"]]} for m in messages
    ]  # fmt: skip


def repaired(entry: SampleEntry) -> Messages:
    """Doubled words, spaces and marks, and spaces before marks, mended; an answer begins with no space."""

    def mend(role: str, text: str) -> str:
        for pattern, by in _REPAIRS:
            text = pattern.sub(by, text)
        return text.strip(" ") if role == "assistant" else text

    return with_texts(entry.messages, mend)


def is_refusal(text: str) -> bool:
    """Whether an answer begins with an apology or with what a model cannot do."""
    return bool(REFUSAL.match(text))


def rewriting(entries: Iterable[SampleEntry], captioner: Captioner) -> Change:
    """A change that puts an LLM's plain sentence in the place of each refusal; the others stay as they are."""
    asked, answers = list[Any](), dict[str, str | None]()
    from model.captioner import CaptionRequest  # noqa: PLC0415

    for entry in entries:
        question = ""
        for message in entry.messages:
            said = "".join(item["text"] for item in message["content"] if item["type"] == "text")
            if message["role"] == "user":
                question = said
            elif is_refusal(said) and (key := _key(question, said)) not in answers:
                answers[key] = None
                prompt = REWRITE.format(question=question, answer=said)
                asked.append(CaptionRequest(key, [{"role": "user", "content": prompt}], max_new_tokens=128))
    for result in captioner.caption(asked) if asked else ():
        answers[result.request_id] = result.text

    def change(entry: SampleEntry) -> Messages:
        messages, question = [], ""
        for message in entry.messages:
            said = "".join(item["text"] for item in message["content"] if item["type"] == "text")
            question = said if message["role"] == "user" else question
            if message["role"] == "assistant" and is_refusal(said):
                new = (answers.get(_key(question, said)) or "").strip()
                if not new or is_refusal(new):
                    raise BadRow("no_rewrite", "the model gave no sentence, or another apology")
                messages.append({**message, "content": [{"type": "text", "text": new}]})
            else:
                messages.append(message)
        return messages

    return change


def _key(*parts: str) -> str:
    return blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()


def choosing(top: Mapping[str, Sequence[str]], question: str) -> Change:
    """A change from an action's label to a multiple choice among a classifier's most likely labels for the video.

    `top`: labels by the video's name, likeliest first. The right one takes the last one's place where it is missing;
    the order is shuffled by the sample's id, the same each time.
    """

    def change(entry: SampleEntry) -> Messages:
        label = "".join(texts_of([entry.messages[-1]])).strip()
        name = next(
            (i["video"].get("video_file") for m in entry.messages for i in m["content"] if i["type"] == "video"), None
        )
        labels = list(dict.fromkeys(top.get(name or "", ())))[:20]
        if not labels:
            raise BadRow("no_candidates", f"no labels for {name}")
        if label not in labels:
            labels = [*labels[: 19 if len(labels) == 20 else len(labels)], label]
        labels.sort(key=lambda one: _key(entry.row["sample_id"], one))
        options = "\n".join(f"({LETTERS[n]}) {one}" for n, one in enumerate(labels))
        media = [item for item in entry.messages[0]["content"] if item["type"] != "text"]
        answer = f"({LETTERS[labels.index(label)]}) {label}"
        return [
            {"role": "user", "content": [*media, {"type": "text", "text": f"{question}\n{options}"}]},
            {"role": "assistant", "content": [{"type": "text", "text": answer}]},
        ]

    return change


def truncating(catalogue: Catalogue, dense: str) -> Change:
    """A change that shows of each video what its dense captions (the spans of the dataset `dense`) speak of."""
    with catalogue.connect() as connection:
        found = connection.execute(
            "select video_key, min(span_start_us), max(span_end_us) from requests "
            "where dataset = ? and span_start_us is not null group by 1", [dense]
        ).fetchall()  # fmt: skip
    spans = {key: (start, end) for key, start, end in found}

    def change(entry: SampleEntry) -> Messages:
        messages = json.loads(json.dumps(entry.messages))
        for item in (item for message in messages for item in message["content"] if item["type"] == "video"):
            span = spans.get(item["video"].get("video_file"))
            if span is None:
                raise BadRow("no_dense_captions", f"no span of {dense} for {item['video'].get('video_file')}")
            item["video"] |= {"start_time": span[0] / 1e6, "end_time": span[1] / 1e6}
        return messages

    return change


def instructing(first: SampleEntry, captioner: Captioner, count: int = 10) -> tuple[Change, list[str]]:
    """A change that puts one of `count` instructions, written by an LLM for the sub-set, before each first question.

    Raises:
        BadRow: the model wrote none.
    """
    from model.captioner import CaptionRequest  # noqa: PLC0415

    said = texts_of(first.messages)
    task = first.row["task"] or first.row["dataset"]
    prompt = INSTRUCT.format(count=count, task=task, question=said[0], answer=said[-1])
    request = CaptionRequest("instructions", [{"role": "user", "content": prompt}], max_new_tokens=1024)
    result = next(iter(captioner.caption([request])))
    lines = [re.sub(r"^\s*(\d+[.)]|[-*])\s*", "", line).strip() for line in (result.text or "").splitlines()]
    written = list(dict.fromkeys(line for line in lines if line))[:count]
    if not written:
        raise BadRow("no_instructions", result.detail or "the model wrote none")

    def change(entry: SampleEntry) -> Messages:
        place = int(_key(entry.row["sample_id"]), 16) % len(written)
        messages = json.loads(json.dumps(entry.messages))
        content = messages[0]["content"]
        item = next((one for one in content if one["type"] == "text"), None)
        if item is None:
            content.append({"type": "text", "text": written[place], "instruction": written[place]})
        else:
            asked = item["text"].removeprefix(item.get("instruction", "")).removeprefix("\n")
            item |= {"text": f"{written[place]}\n{asked}" if asked else written[place], "instruction": written[place]}
        return messages

    return change, written
