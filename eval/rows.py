"""Rows of predictions and annotations, whichever of their published forms they have.

Three forms are read: Tarsier2's (`messages`), Tarsier 1's (`text`), and plain rows (`idx`, `prediction`, …).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from eval.errors import EvalError

Form = Literal["messages", "text", "plain"]
FAILED_PREDICTION = "<error>"
"""What the original inference writes where a model gave no answer."""


@dataclass(frozen=True)
class Row:
    """One sample. key: `<dataset>_<idx>`. prediction: None where there is none. events: None where none are given.

    references: one, or several captions of the same clip; answer_begins: text that the answer continued.
    """

    dataset: str
    idx: Any
    form: Form
    prediction: str | None = None
    references: tuple[str, ...] = ()
    events: tuple[str, ...] | None = None
    prompt: str = ""
    question: str | None = None
    answer_begins: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    vid: str | None = None
    source: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def key(self) -> str:
        return f"{self.dataset}_{self.idx}" if self.dataset else str(self.idx)

    @property
    def reference(self) -> str:
        """All references as the original joins them: without anything between."""
        return "".join(self.references)

    @property
    def video(self) -> str | None:
        """The file that was looked at, where the row is one of our own predictions."""
        answered = self.source.get("answered")
        return answered.get("video") if isinstance(answered, Mapping) else None


@dataclass(frozen=True)
class BadLine:
    """A line that is no row: which one, and why."""

    file: str
    line: int
    reason: str


@dataclass(frozen=True)
class Rows:
    """What a file or folder held. repeated: rows whose key came before; the first one counts."""

    rows: tuple[Row, ...]
    bad: tuple[BadLine, ...] = ()
    repeated: int = 0

    def of(self, dataset: str) -> Rows:
        """The rows of one benchmark: those whose dataset is its name, or begins with it and a slash."""
        return replace(self, rows=tuple(row for row in self.rows if row.dataset.split("/")[0] == dataset))


def read_rows(path: str | Path) -> Rows:
    """Rows of a .jsonl file, or of all .jsonl files of a folder in the order of their names.

    Raises:
        EvalError: there is no such file, or not one row in it.
    """
    read = rows_in(_files(Path(path)))
    if not read.rows:
        first = f" Line {read.bad[0].line}: {read.bad[0].reason}" if read.bad else ""
        raise EvalError(f"{path} holds no rows: one JSON object a line is expected.{first}")
    return read


def rows_in(files: Iterable[Path]) -> Rows:
    """Rows of .jsonl files, which may hold none, as those of a run that was killed in its first line."""
    rows: dict[str, Row] = {}
    bad: list[BadLine] = []
    repeated = 0
    for file in files:
        for number, content in enumerate(_lines(file), start=1):
            if not content.strip():
                continue
            try:
                row = parse_row(_json_of(content))
            except (ValueError, RecursionError) as error:
                bad.append(BadLine(file.name, number, str(error)[:200]))
                continue
            repeated += row.key in rows
            rows.setdefault(row.key, row)
    return Rows(tuple(rows.values()), tuple(bad), repeated)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted(path.glob("*.jsonl"))
        if not files:
            raise EvalError(f"{path} holds no .jsonl files.")
        return files
    if not path.is_file():
        raise EvalError(f"There is no file {path}.")
    return [path]


def _json_of(content: bytes) -> Any:
    """A line as JSON. Text that no file could hold again (half of a surrogate pair) is refused here, not later."""
    value = json.loads(content.decode("utf-8"))
    if b"\\ud" in content.lower():
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def _lines(file: Path) -> Iterator[bytes]:
    try:
        with file.open("rb") as lines:
            yield from lines
    except OSError as error:
        raise EvalError(f"{file} cannot be read: {error.strerror}.") from error


def parse_row(value: Any) -> Row:
    """One row of any of the three forms.

    Raises:
        ValueError: it has none of them.
    """
    if not isinstance(value, Mapping):
        raise ValueError(f"a row is a JSON object, got {type(value).__name__}")
    if isinstance(value.get("messages"), list):
        return _from_messages(value)
    if isinstance(value.get("text"), Mapping):
        return _from_text(value)
    if "idx" not in value:
        raise ValueError(f"a row needs `messages`, `text`, or `idx` and `prediction`; it has {sorted(value)[:8]}")
    return _from_plain(value)


def _common(value: Mapping[str, Any], form: Form) -> dict[str, Any]:
    if "idx" not in value:
        raise ValueError(f"a row needs `idx`; it has {sorted(value)[:8]}")
    extra = value.get("extra_info")
    extra = extra if isinstance(extra, Mapping) else {}
    vid = value.get("vid", extra.get("vid"))
    return {
        "dataset": str(value.get("dataset") or ""),
        "idx": value["idx"],
        "form": form,
        "events": _events(extra.get("events")),
        "extra": extra,
        "vid": None if vid is None else str(vid),
        "source": value,
    }


def _events(value: Any) -> tuple[str, ...] | None:
    return tuple(str(event) for event in value) if isinstance(value, list) else None


def _from_messages(value: Mapping[str, Any]) -> Row:
    """The user's texts are the prompt; texts of the assistant that have a reference are predictions of it."""
    prompt: list[str] = []
    begins: list[str] = []
    predictions: list[Any] = []
    references: list[str] = []
    last: Any = None
    for message in value["messages"]:
        if not isinstance(message, Mapping):
            raise ValueError("a message is a JSON object")
        for content in _contents(message):
            if message.get("role") == "user":
                prompt.append(str(content.get("text") or ""))
            elif message.get("role") == "assistant" and content.get("reference"):
                references += _references(content["reference"])
                predictions.append(content.get("text"))
            elif message.get("role") == "assistant":
                begins.append(str(content.get("text") or ""))
                last = content.get("text")
    unanswered = any(not isinstance(text, str) for text in predictions)
    prediction = None if unanswered else "".join(predictions)
    if not predictions:  # a row without references: its last text is the prediction
        prediction, begins = (last if isinstance(last, str) else None), begins[:-1]
    return Row(
        **_common(value, "messages"),
        prediction=prediction,
        references=tuple(references),
        prompt="".join(prompt),
        question=_question(value),
        answer_begins="".join(begins) or None,
    )


def _contents(message: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    content = message.get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list):
        raise ValueError("the content of a message is a text or a list")
    return [part for part in content if isinstance(part, Mapping) and part.get("type") == "text"]


def _references(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _question(value: Mapping[str, Any]) -> str | None:
    extra = value.get("extra_info")
    question = value.get("question", extra.get("question") if isinstance(extra, Mapping) else None)
    return question if isinstance(question, str) else None


def _from_text(value: Mapping[str, Any]) -> Row:
    text = value["text"]
    prediction, response = text.get("prediction"), text.get("response")
    prompt, begins = str(text.get("prompt") or ""), None
    if "ASSISTANT:" in prompt:
        prompt, _, begins = prompt.partition("ASSISTANT:")
    return Row(
        **_common(value, "text"),
        prediction=prediction if isinstance(prediction, str) else None,
        references=() if response is None else tuple(_references(response)),
        prompt=prompt.removeprefix("USER:").replace("<video>", "").strip(),
        question=text["question"] if isinstance(text.get("question"), str) else None,
        answer_begins=(begins or "").lstrip("\n") or None,
    )


def _from_plain(value: Mapping[str, Any]) -> Row:
    response = value.get("reference", value.get("references", value.get("response")))
    prediction = value.get("prediction")
    row = Row(
        **_common(value, "plain"),
        prediction=prediction if isinstance(prediction, str) else None,
        references=() if response is None else tuple(_references(response)),
        prompt=str(value.get("prompt") or ""),
        question=_question(value),
    )
    return replace(row, events=_events(value["events"])) if "events" in value else row


def joined(predictions: Sequence[Row], annotations: Sequence[Row]) -> list[Row]:
    """Each annotation with the prediction of the same dataset and idx, or of the same idx where rows name no dataset.

    Annotations that nobody answered keep prediction None; predictions of no annotation are left out.
    """
    by_key = {row.key: row for row in predictions}
    by_idx = {str(row.idx): row for row in predictions if not row.dataset}
    answered = []
    for annotation in annotations:
        found = by_key.get(annotation.key) or by_idx.get(str(annotation.idx))
        answered.append(replace(annotation, prediction=found.prediction if found else None))
    return answered
