"""A local NLI model as judge: premise and event in, entailment, neutral or contradiction out. No prompt, no server.

The events of DREAM-1K are given, so recall needs no more than this. The events of a prediction are its clauses, cut at
sentence ends and conjunctions, which is coarser than what a chat extracts: a score by this judge stands in a column of
its own.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.errors import EvalError, JudgeRefused
from eval.judges.protocol import LABELS, Identity, Label

BATCH = 32
_SENTENCE = re.compile(r"(?<=[.!?])[\"'”’)]*\s+(?=[\"'“‘(A-Z0-9])|\n+|;\s+")
_CLAUSE = re.compile(
    r",?\s+(?:and then|then|while|before|after which|followed by|as well as|when|whereas|but)\s+"
    r"|,\s+(?:and\s+)?(?=\w+(?:s|ed|ing)\b)",
    re.IGNORECASE,
)
_LEAST_WORDS = 3


def clauses_of(text: str) -> list[str]:
    """The clauses of a text, each with at least three words; shorter ones stay with what stands before them.

    >>> clauses_of("A man runs to the door, then he opens it. It rains.")
    ['A man runs to the door', 'he opens it', 'It rains']
    """
    clauses: list[str] = []
    for sentence in _SENTENCE.split(text.strip()):
        parts: list[str] = []
        for part in (part.strip(" ,.;!?") for part in _CLAUSE.split(sentence)):
            if parts and len(part.split()) < _LEAST_WORDS:
                parts[-1] = f"{parts[-1]}, {part}" if part else parts[-1]
            elif part:
                parts.append(part)
        clauses += parts
    return list(dict.fromkeys(clauses))


class NliJudge:
    """A `NativeJudge` over a sequence classifier with three labels. device: as torch names it.

    Raises:
        EvalError: there is no such folder, or the model's labels are not those three.
    """

    def __init__(self, folder: Path, *, device: str = "cpu") -> None:
        try:
            import torch  # noqa: PLC0415
            from transformers import AutoModelForSequenceClassification, AutoTokenizer  # noqa: PLC0415

            from model.weights import shards_of, weights_id  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise EvalError(f"{error}. Install it: pip install 'longtake[eval]'") from error
        if not (folder / "config.json").is_file():
            raise EvalError(f"{folder} holds no config.json: an NLI judge is a folder with a transformers checkpoint.")
        self._torch = torch
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._model: Any = AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True)
        self._model.eval().to(device)
        self._order = _order_of(self._model.config.id2label, folder)
        self._longest = min(self._tokenizer.model_max_length, self._model.config.max_position_embeddings)
        self.identity = Identity(f"nli:{folder.name}", weights_id(shards_of(folder)))
        self._turn = asyncio.Lock()

    async def extract(self, text: str) -> list[str]:
        """The clauses of a text."""
        return clauses_of(text)

    async def entail(self, text: str, events: Sequence[str]) -> list[Label]:
        """The likeliest label of each event.

        Raises:
            JudgeRefused: text and event are longer than the model reads.
        """
        if not events:
            return []
        async with self._turn:
            return await asyncio.to_thread(self._labels, text, list(events))

    def _labels(self, text: str, events: list[str]) -> list[Label]:
        labels: list[Label] = []
        for begin in range(0, len(events), BATCH):
            some = list(events[begin : begin + BATCH])
            tokens = self._tokenizer([text] * len(some), some, return_tensors="pt", padding=True)
            if (length := tokens["input_ids"].shape[1]) > self._longest:
                raise JudgeRefused("too_long", f"{length} tokens; {self.identity.name} reads {self._longest}")
            with self._torch.inference_mode():
                logits = self._model(**tokens.to(self._model.device)).logits
            labels.extend(self._order[int(place)] for place in logits.argmax(dim=-1))
        return labels

    async def close(self) -> None:
        """Nothing to let go before the process ends."""


def _order_of(names: dict[int, str], folder: Path) -> dict[int, Label]:
    """The model's classes as our labels; many a checkpoint writes them in capitals."""
    order: dict[int, Label] = {}
    for place, name in names.items():
        for label in LABELS:
            if str(name).lower() == label:
                order[int(place)] = label
    if set(order.values()) != set(LABELS):
        raise EvalError(f"{folder} is no NLI model: its labels are {sorted(map(str, names.values()))}, not {LABELS}.")
    return order
