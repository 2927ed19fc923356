"""Prompts as data: ours, from `ours.toml`, or the originals, read from a person's own copy of their repository."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from eval.errors import EvalError

ORIGINAL_DREAM = "evaluation/metrics/evaluate_dream_gpt.py"
ORIGINAL_QA = "evaluation/metrics/evaluate_qa_oe_gpt.py"
_SLOT = re.compile(r"\{(caption|description|events|numbered|question|answer|prediction)\}")


@dataclass(frozen=True)
class Prompt:
    """A text with slots in braces. id: `<name>/<version>`, or where it was read from."""

    id: str
    text: str

    @property
    def sha256(self) -> str:
        return sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def key(self) -> str:
        """Id and the first eight digits of the hash: what judgements are kept under."""
        return f"{self.id}#{self.sha256[:8]}"

    def fill(self, **slots: str) -> str:
        """The text with its slots filled, in one pass: a caption that holds `{events}` stays as it is.

        Raises:
            KeyError: a slot of the text was not given.
        """
        return _SLOT.sub(lambda match: slots[match[1]], self.text)


@cache
def ours() -> Mapping[str, Prompt]:
    """Our prompts by name."""
    raw = tomllib.loads(files("eval.prompts").joinpath("ours.toml").read_text(encoding="utf-8"))
    return {name: Prompt(f"{name}/{entry['version']}", entry["text"].strip()) for name, entry in raw.items()}


def original(folder: Path) -> dict[str, Prompt]:
    """The original AutoDQ prompts out of a copy of the Tarsier repository, under our names for them.

    The file is parsed, not run: what its functions send as `content` is put together from their string literals.

    Raises:
        EvalError: the file is not there, or does not hold the two prompts.
    """
    file = _find(folder, ORIGINAL_DREAM)
    entail = _contents(file, "call_azure_gpt_api", {"prediction": "description", "events": "events"}, 1)
    extract = _contents(file, "call_azure_gpt_api_for_events", {"caption": "caption"}, 1)
    return {"autodq-entail": entail[0], "autodq-extract": extract[0]}


def original_grading(folder: Path) -> dict[str, Prompt]:
    """The same of the prompts that grade open answers: what the system says, and what is asked.

    Raises:
        EvalError: the file is not there, or does not hold the two prompts.
    """
    names = {name: name for name in ("question", "answer", "prediction")}
    system, grade = _contents(_find(folder, ORIGINAL_QA), "call_azure_gpt_api", names, 2)
    return {"qa-system": system, "qa-grade": grade}


def _contents(file: Path, function: str, names: Mapping[str, str], number: int) -> list[Prompt]:
    """What a function of a file sends, in its order. names: of its variables, as our slots."""
    for node in ast.walk(_parsed(file)):
        if isinstance(node, ast.FunctionDef) and node.name == function:
            texts = [_text_of(value, names, file) for value in _values_of(node, "content")]
            if len(texts) == number:
                known = [f"original:{file.name}:{function}" + (f":{place}" if place else "") for place in range(number)]
                return [Prompt(name, text) for name, text in zip(known, texts, strict=True)]
    raise EvalError(f"{file} does not hold the prompts of {function}; is it the Tarsier repository's file?")


def _find(folder: Path, name: str) -> Path:
    for place in (folder / name, folder / Path(name).name, folder):
        if place.is_file():
            return place
    raise EvalError(f"{folder} holds no {name}. --prompts takes a copy of the original Tarsier repository.")


def _parsed(file: Path) -> ast.AST:
    try:
        return ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError) as error:
        raise EvalError(f"{file} cannot be read as Python: {error}") from error


def _values_of(function: ast.AST, wanted: str) -> list[ast.expr]:
    """The values under a key in the dictionaries of a function, in the order in which they are written."""
    found = [
        value
        for node in ast.walk(function)
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and key.value == wanted
    ]
    return sorted(found, key=lambda value: (value.lineno, value.col_offset))


def _text_of(node: ast.AST, names: Mapping[str, str], file: Path) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_text_of(value, names, file) for value in node.values)
    if isinstance(node, ast.FormattedValue) and isinstance(node.value, ast.Name) and node.value.id in names:
        return "{" + names[node.value.id] + "}"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text_of(node.left, names, file) + _text_of(node.right, names, file)
    raise EvalError(f"{file}: a prompt holds {ast.dump(node)[:80]}, which is neither text nor a known name.")
