"""Asking a captioner every question of a benchmark once: predictions are appended as they come; a run goes on there."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from eval.benchmarks.benchmark import Benchmark
from eval.errors import EvalError
from eval.results import write_text
from eval.rows import Row, rows_in
from model.captioner import Captioner, CaptionRequest, CaptionResult, video_request

ABOUT = "run.json"


@dataclass(frozen=True)
class Predicted:
    """How many questions were answered by this run, and how many not, by reason."""

    answered: int
    failed: Mapping[str, int]


@dataclass(frozen=True)
class Share:
    """The index-th of count shares of the rows, by a hash of their keys."""

    index: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise EvalError(f"--shard must be i/n with 0 <= i < n, got {self.index}/{self.count}.")

    @classmethod
    def parse(cls, text: str) -> Share:
        """`i/n` as typed by a person."""
        index, _, count = text.partition("/")
        if not (index.isdigit() and count.isdigit() and int(count)):
            raise EvalError(f"--shard must look like 0/4, got {text!r}.")
        return cls(int(index), int(count))

    def has(self, key: str) -> bool:
        """Whether a row belongs to this share."""
        digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.count == self.index


def predict(
    benchmark: Benchmark,
    rows: Sequence[Row],
    files: Mapping[str, str],
    captioner: Captioner,
    out: Path,
    *,
    about: Mapping[str, Any],
    share: Share | None = None,
) -> Predicted:
    """Answers rows, `due_rows` of a benchmark, and appends them to `predictions_<i>of<n>.jsonl` in out.

    about: what the answers depend on; a folder that holds those of another model is refused. Failed requests are tried
    again by the next run.

    Raises:
        EvalError: the folder belongs to another run, or cannot be written.
    """
    share = share or Share()
    _claim(out, about)
    due = {row.key: row for row in rows}
    failed: dict[str, int] = {}
    answered = 0
    file = out / f"predictions_{share.index}of{share.count}.jsonl"
    with _Appended(file) as appended:
        for result in captioner.caption(_requests(benchmark, due.values(), files)):
            if result.text is None:
                failed[result.error or "error"] = failed.get(result.error or "error", 0) + 1
                continue
            appended.write(answered_row(due[result.request_id], result, files[result.request_id]))
            answered += 1
    return Predicted(answered, failed)


def due_rows(rows: Sequence[Row], files: Mapping[str, str], out: Path, share: Share) -> list[Row]:
    """The rows of a share that have a video and no answer yet, whichever share answered it."""
    done = answered_keys(out)
    return [row for row in rows if row.key in files and share.has(row.key) and row.key not in done]


def _claim(out: Path, about: Mapping[str, Any]) -> None:
    file = out / ABOUT
    text = json.dumps(about, indent=1, sort_keys=True) + "\n"
    if file.is_file():
        if json.loads(file.read_text(encoding="utf-8")) != json.loads(text):
            raise EvalError(
                f"{out} holds predictions of another model or other settings: see {file}. Use a new folder."
            )
        return
    write_text(file, text)


def answered_keys(out: Path) -> set[str]:
    """Keys of all samples that some share has answered."""
    return {row.key for row in rows_in(out.glob("*.jsonl")).rows}


def _requests(benchmark: Benchmark, rows: Iterable[Row], files: Mapping[str, str]) -> Iterator[CaptionRequest]:
    for row in rows:
        start, end = _span(row)
        yield video_request(
            row.key,
            files[row.key],
            row.prompt,
            start_us=start,
            end_us=end,
            answer_begins=row.answer_begins,
            max_new_tokens=benchmark.max_new_tokens,
        )


def _span(row: Row) -> tuple[int | None, int | None]:
    """start_time and end_time of a row, which count only together, in microseconds."""
    source: Mapping[str, Any] = row.source
    for message in row.source.get("messages") or ():
        for part in message["content"] if isinstance(message.get("content"), list) else ():
            if isinstance(part, Mapping) and isinstance(part.get("video"), Mapping):
                source = part["video"]
    start, end = source.get("start_time"), source.get("end_time")
    if not isinstance(start, int | float) or not isinstance(end, int | float) or not 0 <= start < end:
        return None, None
    return round(start * 1e6), round(end * 1e6)


def answered_row(row: Row, result: CaptionResult, video: str) -> dict[str, Any]:
    """The annotation's own row with the answer in it, in the form that the original scripts read as well."""
    answer: dict[str, Any] = copy.deepcopy(dict(row.source))
    if row.form == "messages":
        _fill(answer["messages"], result.text or "")
    elif row.form == "text":
        answer["text"]["prediction"] = result.text
    else:
        answer |= {"dataset": row.dataset, "idx": row.idx, "prediction": result.text, "reference": list(row.references)}
        events = {} if row.events is None else {"events": list(row.events)}  # none given is not none seen
        answer |= {"prompt": row.prompt, "vid": row.vid, "extra_info": {**row.extra, **events}}
    provenance = {key: str(value) for key, value in result.provenance.items()}
    answer["answered"] = {
        "video": video,
        "finish_reason": result.finish_reason,
        "frame_times_us": list(result.frame_times_us),
        "prompt_tokens": result.prompt_tokens,
        "output_tokens": result.output_tokens,
        **provenance,
    }
    return answer


def _fill(messages: list[Any], text: str) -> None:
    """Puts the answer where the reference stands; further references of the row stay empty.

    Where a row has none, it is the last text of the assistant, which is added where there is none either.
    """
    parts = [
        part
        for message in messages
        if message.get("role") == "assistant" and isinstance(message.get("content"), list)
        for part in message["content"]
    ]
    slots = [part for part in parts if part.get("reference")] or parts[-1:]
    if not slots:
        messages.append({"role": "assistant", "content": [{"type": "text", "text": text}]})
    rest = text
    for part in slots:
        part["text"], rest = rest, ""


class _Appended:
    """A file of rows that only grows. A line that a killed process left unfinished is ended, and read by nobody."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __enter__(self) -> _Appended:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._handle = self._file.open("ab+")
            if self._handle.tell():
                self._handle.seek(-1, 2)
                if self._handle.read(1) != b"\n":
                    self._handle.write(b"\n")
        except OSError as error:
            raise EvalError(f"{self._file} cannot be written: {error.strerror}.") from error
        return self

    def write(self, row: Mapping[str, Any]) -> None:
        """One row, on its way to the disk before the next is asked."""
        try:
            self._handle.write(json.dumps(row).encode() + b"\n")
            self._handle.flush()
        except OSError as error:
            raise EvalError(f"{self._file} cannot be written: {error.strerror}.") from error

    def __exit__(self, *_: object) -> None:
        self._handle.close()
